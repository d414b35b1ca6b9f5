import math

import pytest

from rnnmm.features.chain import Chain
from rnnmm.models.ctc import CtcModel
from rnnmm.nn.recurrent import Recurrent
from rnnmm.tasks.optimisation import AdamW
from rnnmm.tasks.recognition import SpeechRecognition, Transcript
from rnnmm.tasks.task import Prediction
from rnnmm.text.normalise import Normaliser


@pytest.fixture
def task() -> SpeechRecognition:
    target = Transcript()
    answers = target.learn([("abc",), ("de f",)], 4)
    model = CtcModel(Recurrent(4, 4), len(answers.vocabulary))
    return SpeechRecognition("asr", "features", target, Chain(), model, answers, AdamW())


def predicted(*texts: str) -> list[Prediction]:
    return [Prediction(row, text, -1.0) for row, text in enumerate(texts)]


def test_references_are_normalised_and_none_where_there_is_no_text(memory_store) -> None:
    store = memory_store([{"text": "Well, NOW."}, {"text": None}, {"text": "  "}])
    assert Transcript().references(store) == [("well now",), (), ("",)]
    assert Transcript(normaliser=Normaliser(case="upper")).references(store)[0] == ("WELL NOW",)


def test_the_blank_comes_first_and_the_constant_answer_is_silence() -> None:
    answers = Transcript().learn([("ba",), ("a c",)], 4)
    assert answers.vocabulary.symbols == ("<blank>", " ", "a", "b", "c")
    assert answers.constants == ("",)
    words = Transcript(unit="word").learn([("ba",), ("a c",)], 4)
    assert words.vocabulary.symbols == ("<blank>", "a", "ba", "c")


def test_figures_are_of_summed_counts(task) -> None:
    references = [("a b c d",), ("e",)]
    score = task.score(predicted("a x c", "e f"), references)
    # One substitution, one deletion and one insertion over 4 + 1 words.
    assert score.metrics["wer"] == pytest.approx(3 / 5)
    # b -> x, " d" deleted; " f" inserted: 5 of 7 + 1 characters.
    assert score.metrics["cer"] == pytest.approx(5 / 8)
    assert score.counts["words"] == {
        "hits": 3, "substitutions": 1, "deletions": 1, "insertions": 1, "reference_length": 5,
    }  # fmt: skip
    assert score.counts["wrong_utterances"] == 2
    assert score.tallies == {"wer": ([2, 1], [4, 1]), "cer": ([3, 2], [7, 1])}


def test_without_a_reference_word_there_is_no_rate_and_silence_is_right(task) -> None:
    score = task.score(predicted("a", ""), [("",), ("",)])
    assert score.metrics == {"wer": math.inf, "cer": math.inf}
    assert (
        score.floors
        == {"wer": 0.0, "cer": 0.0}
        == task.score(predicted("", ""), [("",), ("",)]).metrics
    )


def test_the_floor_is_what_silence_would_get(task) -> None:
    references = [("a b c d",), ("e",)]
    score = task.score(predicted("a b c d", "e"), references)
    assert score.metrics == {"wer": 0.0, "cer": 0.0}
    assert score.floors == task.score(predicted("", ""), references).metrics


def test_the_alignment_is_kept(task) -> None:
    (prediction,) = predicted("a x c")
    assert task.detail(prediction, ("a b c d",)) == {"alignment": [
        ["hit", "a", "a"], ["substitution", "b", "x"], ["hit", "c", "c"], ["deletion", "d", None],
    ]}  # fmt: skip
    assert task.detail(prediction, ()) == {"alignment": []}
