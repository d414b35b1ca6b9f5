"""What is understood of items in long recordings, beside what is of the same items one by one."""

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnmm.metrics.errors import align, count_errors
from rnnmm.metrics.interval import Redraw, Tally
from rnnmm.tasks.task import Score

ALONE, RISE = "wer_alone", "wer_rise"


class Alone(NamedTuple):
    """An item by itself. unit: what is drawn whole with it. reference, hypothesis: its words."""

    unit: Hashable
    reference: Sequence[str]
    hypothesis: Sequence[str]


class Recording(NamedTuple):
    """What was heard. items: in it, in order. hypothesis: words, of all of them."""

    items: Sequence[int]
    hypothesis: Sequence[str]


def errors_by_item(references: Sequence[Sequence[str]], hypothesis: Sequence[str]) -> list[int]:
    """Word errors of a recording, each counted with the item in whose words it lies.

    Of one alignment of the whole: the sum is the recording's. A word too many counts with the
    item of the reference word before it; before any, with the first.

    Args:
        references: the words of each item, in order.
        hypothesis: those that were heard, of all of them.
    """
    owners = [item for item, words in enumerate(references) for _ in words]
    errors = [0] * len(references)
    place = -1  # of the last reference word
    for edit in align([word for words in references for word in words], hypothesis):
        place += edit.op != "insertion"
        if edit.op != "hit":
            errors[owners[max(place, 0)] if owners else 0] += 1
    return errors


def score_beside(
    score: Score, recordings: Sequence[Recording], items: Mapping[int, Alone], alone: Score
) -> Score:
    """Adds ``wer_alone``, of the items one by one, and ``wer_rise``, how far ``wer`` is above it.

    ``wer_rise`` is relative: 0.05 is 5 % more errors; NaN where there are none to compare with.
    Intervals of all three come from the same items, or groups of them, drawn anew in pairs.

    Args:
        score: of the recordings.
        recordings: every item equally often.
        items: each that the recordings name.
        alone: of the items.
    """
    errors, words = dict.fromkeys(items, 0), dict.fromkeys(items, 0)
    for members, hypothesis in recordings:
        counts = errors_by_item([items[item].reference for item in members], hypothesis)
        for item, count in zip(members, counts):
            errors[item] += count
            words[item] += len(items[item].reference)
    units = [one.unit for one in items.values()]
    joined = Tally(list(errors.values()), list(words.values())).by_unit(units)
    apart = [count_errors(one.reference, one.hypothesis) for one in items.values()]
    before = Tally([one.errors for one in apart], [one.reference_length for one in apart]).by_unit(
        units
    )
    redraws = {"wer": joined.redraw(), ALONE: before.redraw()}
    redraws[RISE] = _rise(redraws["wer"], redraws[ALONE])
    rise = redraws[RISE].figure(np.ones(redraws[RISE].num_units, np.int64))
    return score._replace(
        metrics={**score.metrics, ALONE: alone.metrics["wer"], RISE: rise},
        floors={**score.floors, ALONE: alone.floors["wer"]},
        tallies={name: one for name, one in score.tallies.items() if name not in redraws},
        redraws={**score.redraws, **redraws},
    )


def _rise(joined: Redraw, alone: Redraw) -> Redraw:
    def rise(times: NDArray[np.int64]) -> float:
        before = alone.figure(times)
        return joined.figure(times) / before - 1 if before else math.nan

    return Redraw(joined.num_units, rise)
