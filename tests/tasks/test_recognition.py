import json
import math
from dataclasses import replace

import pytest
import torch

from rnnmm.decode.hypothesis import Hypothesis, Span
from rnnmm.features.chain import Chain
from rnnmm.models.ctc import CtcModel
from rnnmm.nn.recurrent import Recurrent
from rnnmm.result import to_json
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


def test_the_blank_comes_first_and_the_constants_are_silence_and_a_sentence() -> None:
    answers = Transcript().learn([("ba",), ("a c",)], 4)
    assert answers.vocabulary.symbols == ("<blank>", " ", "a", "b", "c")
    assert answers.constants == ("", "ba")  # of one word as often as of two
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


def test_the_floor_is_what_the_better_constant_would_get(task) -> None:
    assert task.answers.constants == ("", "abc")
    references = [("a b c d",), ("e",)]
    score = task.score(predicted("a b c d", "e"), references)
    assert score.metrics == {"wer": 0.0, "cer": 0.0}
    silent, constant = (task.score(predicted(text, text), references) for text in ("", "abc"))
    assert score.floors["wer"] == silent.metrics["wer"] == constant.metrics["wer"]
    assert score.floors["cer"] == constant.metrics["cer"] < silent.metrics["cer"] == 1.0


def test_where_a_grammar_is_fixed_its_commonest_words_are_the_floor(task) -> None:
    said = ["set red at two", "set blue at one", "lay red at one", "go", "lay red by two"]
    task.answers = task.target.learn([(text,) for text in said], 4)
    assert task.answers.constants == ("", "lay red at one")
    references = [("lay red at one",), ("set red by one",)]
    score = task.score(predicted("", ""), references)
    assert score.metrics["wer"] == 1.0
    assert score.floors["wer"] == pytest.approx(2 / 8)
    assert score.floors == task.score(predicted(*["lay red at one"] * 2), references).metrics


def test_the_alignment_is_kept(task) -> None:
    (prediction,) = predicted("a x c")
    assert task.detail(prediction, ("a b c d",))["alignment"] == [
        ["hit", "a", "a"], ["substitution", "b", "x"], ["hit", "c", "c"], ["deletion", "d", None],
    ]  # fmt: skip
    assert task.detail(prediction, ())["alignment"] == []


def heard(task: SpeechRecognition, text: str, *sure: float, score: float = -1.0) -> Prediction:
    """What the task makes of characters that stand on every other step, so surely each."""
    tokens = tuple(task.answers.vocabulary.encode(text))
    spans = tuple(Span(2 * i + 1, 2 * i + 2, one) for i, one in zip(range(len(text)), sure))
    return task.transcribe(torch.tensor([7]), [[Hypothesis(tokens, score, spans)]])[0]


def test_words_have_times_and_confidence(task) -> None:
    task.target = replace(task.target, input_rate=50.0)
    prediction = heard(task, "ab  c", 0.9, 0.4, 0.5, 0.5, 0.7)
    assert (prediction.row, prediction.hypothesis) == (7, "ab c")
    # A step is 20 ms and stands for half of that around its middle.
    times = [0.01, 0.07, 0.17, 0.19]
    assert [one for word in prediction.words for one in word[1:3]] == pytest.approx(times)
    assert prediction.words[0].confidence == pytest.approx((0.9 * 0.4) ** 0.5)
    assert task.detail(prediction, ()) == {
        "alignment": [],
        "words": [
            {"word": "ab", "start_s": 0.01, "end_s": 0.07, "confidence": 0.6},
            {"word": "c", "start_s": 0.17, "end_s": 0.19, "confidence": 0.7},
        ],
        "confidence": 0.65,
    }


def test_the_first_step_begins_with_the_input(task) -> None:
    task.target = replace(task.target, input_rate=50.0)
    found = [[Hypothesis((2,), -1.0, (Span(0, 3, 0.5),))]]
    ((word,),) = (one.words for one in task.transcribe(torch.tensor([0]), found))
    assert word[1:3] == pytest.approx((0.0, 0.05))


def test_what_nobody_knows_is_not_told(task) -> None:
    timeless = heard(task, "ab", 0.5, 0.5)
    assert math.isnan(timeless.words[0].start_s) and timeless.words[0].confidence == 0.5
    assert json.loads(to_json(task.detail(timeless, ())))["words"][0]["start_s"] is None
    assert task.detail(heard(task, "ab"), ()) == {"alignment": [], "words": [], "confidence": None}


def test_silence_is_as_sure_as_its_score(task) -> None:
    silent = heard(task, "", score=math.log(0.25))
    assert task.detail(silent, ()) == {"alignment": [], "words": [], "confidence": 0.25}


def test_each_text_of_the_search_stands_once_in_the_n_best(task) -> None:
    encode = task.answers.vocabulary.encode
    found = [
        Hypothesis(tuple(encode(text)), score) for text, score in (("a b", -1.0), ("a  b", -2.0))
    ]
    (one,) = task.transcribe(torch.tensor([0]), [found])
    assert "nbest" not in task.detail(one, ())
    (two,) = task.transcribe(torch.tensor([0]), [[*found, Hypothesis((), -3.0)]])
    assert task.detail(two, ())["nbest"] == [
        {"text": "a b", "score": -1.0}, {"text": "", "score": -3.0},
    ]  # fmt: skip


def test_settling_calibrates_and_is_told_with_the_score(task, caplog) -> None:
    """Of words said to be right with .9 half are, of those with .6 one in ten."""
    said = [("a", 0.9), ("b", 0.9)] * 20 + [("a", 0.6)] * 2 + [("b", 0.6)] * 18
    predictions = [heard(task, text, sure) for text, sure in said]
    references = [("a",)] * len(said)
    bare = task.score(predictions, references)
    assert bare.metrics["ece"] == pytest.approx((40 * 0.4 + 20 * 0.5) / 60)
    assert bare.counts["confidence"]["ece_before"] == pytest.approx(bare.metrics["ece"])
    assert bare.floors["ece"] == pytest.approx(38 / 60)
    splits = []
    task.settle(lambda split: (splits.append(split), (predictions, references))[1])
    assert splits == ["val"] and not caplog.records
    again = [heard(task, text, sure) for text, sure in said]
    assert again[0].words[0].confidence == pytest.approx(0.5, abs=0.02)
    assert again[-1].words[0].confidence == pytest.approx(0.1, abs=0.04)
    score = task.score(again, references)
    assert score.metrics["ece"] < 0.03
    assert score.counts["confidence"]["ece_before"] == pytest.approx(bare.metrics["ece"])
    assert score.counts["confidence"]["words"] == sum(
        one["answers"] for one in score.counts["confidence"]["bins"]
    )
    assert {"wer", "cer", "ece"} == set(score.metrics) == set(score.floors)


@pytest.mark.parametrize("texts", ["aa", "bb", ""])
def test_where_all_words_are_right_or_none_confidence_stays_bare(task, texts, caplog) -> None:
    predictions = [heard(task, text, 0.5) for text in texts]
    task.settle(lambda _: (predictions, [("a",)] * len(texts)))
    assert task.answers.confidence is None
    right = texts.count("a")
    assert f"of {len(texts)} words answered in the validation split {right} are" in caplog.text
