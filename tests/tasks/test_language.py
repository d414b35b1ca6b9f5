import math

import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.decode.sample import Sampling
from rnnmm.features.chain import Chain
from rnnmm.loading.gather import gather, payload_dim, payload_lengths
from rnnmm.models.language import LanguageModel
from rnnmm.tasks.language import LanguageModelling
from rnnmm.tasks.optimisation import AdamW
from rnnmm.tasks.recognition import Transcript
from rnnmm.tasks.task import Prediction


@pytest.fixture
def task() -> LanguageModelling:
    torch.manual_seed(0)
    target = Transcript()
    answers = target.learn([("abc",), ("de f",)], 1)
    model = LanguageModel(len(answers.vocabulary), 4, 4).eval()
    return LanguageModelling("lm", "text", target, Chain(), model, answers, AdamW())


def test_texts_are_read_from_the_store(memory_store, task) -> None:
    store = memory_store([{"text": "Ab, c"}, {"text": None}, {"text": "d"}])
    assert payload_lengths(store, "text").tolist() == [5, 0, 1]
    assert payload_dim(store, "text") == 1
    inputs = gather(store, [0, 2], "text")
    assert inputs.data.tolist() == [[65, 98, 44, 32, 99], [100, 0, 0, 0, 0]]
    first, second = task.predict(torch.tensor([0, 2]), inputs)
    assert (first.row, first.hypothesis, second.hypothesis) == (0, "ab c", "d")
    assert first.score < second.score < 0


def test_a_text_outside_the_vocabulary_is_impossible(memory_store, task) -> None:
    store = memory_store([{"text": "xyz"}, {"text": "abc"}])
    with torch.no_grad():
        strange, known = task.predict(torch.tensor([0, 1]), gather(store, [0, 1], "text"))
    assert strange.score == -math.inf
    assert math.isfinite(known.score)
    assert task.fault(("xyz",), 3) == "symbols outside the vocabulary: 'x' 'y' 'z'"
    assert task.fault(("abc",), 3) is None


def test_perplexity_counts_the_ends(task) -> None:
    predictions = [Prediction(0, "ab c", -10.0), Prediction(1, "a", -4.0),
                   Prediction(2, "x", -math.inf)]  # fmt: skip
    score = task.score(predictions, [("ab c",), ("a",), ("x",)])
    assert score.metrics["perplexity"] == pytest.approx(math.exp(14 / 7))
    assert score.metrics["word_perplexity"] == pytest.approx(math.exp(14 / 5))
    assert score.counts == {"symbols": 7, "words": 5, "impossible": 1}
    # a and the end twice, three symbols once.
    entropy = (2 * 2 * math.log(7 / 2) + 3 * math.log(7)) / 7
    assert score.floors["perplexity"] == pytest.approx(math.exp(entropy))
    assert math.isnan(task.score([], []).metrics["perplexity"])


def test_texts_are_written_by_the_seed(task) -> None:
    written = task.write(Sampling(4, seed=3), 6)
    assert written == task.write(Sampling(4, seed=3), 6) != task.write(Sampling(4, seed=4), 6)
    assert [one.row for one in written] == [0, 1, 2, 3]
    assert all(len(one.hypothesis) <= 6 for one in written)
    rows = [task._encode(one.hypothesis) for one in written]
    with torch.no_grad():
        expected = task.model.log_probs(Padded.stack(rows)).tolist()
    assert [one.score for one in written] == pytest.approx(expected)


def test_one_candidate_is_the_likeliest_symbol_each_time(task) -> None:
    greedy = task.write(Sampling(2, top_k=1), 5, "B!")
    state = task.model.advance(task.model.initial_state(1), task._encode("b"))
    tokens = [task._encode("b").item()]
    while len(tokens) < 5 and (best := task.model.scores(state).argmax(1)).item():
        tokens.append(best.item())
        state = task.model.advance(state, best)
    assert {one.hypothesis for one in greedy} == {task.answers.vocabulary.decode(tokens)}
    assert [one.hypothesis for one in task.write(Sampling(top_p=1e-9), 5, "b")] == [
        greedy[0].hypothesis
    ]
    cold = task.write(Sampling(temperature=1e-6), 5, "b")
    assert cold[0].hypothesis == greedy[0].hypothesis


def test_a_beginning_outside_the_vocabulary_is_refused(task) -> None:
    with pytest.raises(
        ValueError, match=r"begin: expected symbols of the run's texts, got 'x' in"
    ):
        task.write(Sampling(), 5, "ax")
