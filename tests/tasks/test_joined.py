import math
import random

import numpy as np
import pytest

from rnnmm.metrics.errors import count_errors
from rnnmm.metrics.interval import Tally
from rnnmm.tasks.joined import Alone, Recording, errors_by_item, score_beside
from rnnmm.tasks.task import Score

SCORE = Score({"wer": 0.5}, {"wer": 1.0}, {"words": {}}, {"wer": Tally([1], [2])})
BEFORE = Score({"wer": 0.25}, {"wer": 0.75}, {})


@pytest.mark.parametrize("seed", range(30))
def test_the_errors_of_the_items_are_those_of_the_recording(seed: int) -> None:
    chance = random.Random(seed)
    references = [
        [chance.choice("abcd") for _ in range(chance.randint(0, 4))]
        for _ in range(chance.randint(1, 6))
    ]
    words = [word for one in references for word in one]
    heard = [word for word in words if chance.random() > 0.2]
    for _ in range(chance.randint(0, 3)):
        heard.insert(chance.randint(0, len(heard)), "x")
    found = errors_by_item(references, heard)
    assert len(found) == len(references)
    assert sum(found) == count_errors(words, heard).errors


def test_each_error_counts_with_the_item_it_lies_in() -> None:
    references = [["a", "b"], ["c"], [], ["d", "e"]]
    assert errors_by_item(references, list("abcde")) == [0, 0, 0, 0]
    assert errors_by_item(references, list("axcd")) == [1, 0, 0, 1]
    assert errors_by_item(references, list("xabcyzde")) == [1, 2, 0, 0]
    assert errors_by_item([[], []], ["x"]) == [1, 0]
    assert errors_by_item(references, []) == [2, 1, 0, 2]


def test_figures_beside_are_of_the_same_items() -> None:
    items = {
        4: Alone("ann", list("ab"), list("ab")),
        7: Alone("bob", list("cde"), list("cxe")),
        9: Alone("ann", ["f"], ["f"]),
    }
    # Two rounds: three errors where twice one was.
    recordings = [
        Recording([4, 7, 9], list("abcxef")), Recording([9, 4, 7], list("fabc"))
    ]  # fmt: skip
    score = score_beside(SCORE, recordings, items, BEFORE)
    assert score.metrics == {"wer": 0.5, "wer_alone": 0.25, "wer_rise": pytest.approx(0.5)}
    assert score.floors == {"wer": 1.0, "wer_alone": 0.75}
    assert score.tallies == {}
    assert {name: one.num_units for name, one in score.redraws.items()} == {
        "wer": 2, "wer_alone": 2, "wer_rise": 2,
    }  # fmt: skip
    for times, expected in (
        ((1, 1), (3 / 12, 1 / 6, 0.5)),
        ((0, 2), (3 / 6, 1 / 3, 0.5)),
        ((2, 1), (3 / 18, 1 / 9, 0.5)),
    ):
        drawn = [score.redraws[name].figure(np.array(times)) for name in score.redraws]
        assert drawn == pytest.approx(expected)
    assert math.isnan(score.redraws["wer_rise"].figure(np.array([1, 0])))


def test_nothing_to_compare_with_is_no_rise() -> None:
    items = {0: Alone(0, ["a"], ["a"])}
    score = score_beside(SCORE, [Recording([0], ["b"])], items, BEFORE)
    assert math.isnan(score.metrics["wer_rise"])
