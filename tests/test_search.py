from pathlib import Path

import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.configfile import dump_config
from rnnmm.decode.ctc import greedy_ctc
from rnnmm.models.language import LanguageModel
from rnnmm.run import save_answers, save_weights
from rnnmm.search import load_language, word_beam
from rnnmm.tasks.recognition import Transcript
from rnnmm.text.arpa import save_arpa
from rnnmm.text.ngram import fit_ngram

TEXTS = [("go on",), ("go on",), ("no go",), ("on",)]


def heard(answers, *texts: str, doubt: float = 0.3) -> Padded:
    """Scores of someone who mumbles these texts: each symbol twice, the rest nearly as likely."""
    rows = []
    for text in texts:
        steps = [step for token in answers.vocabulary.encode(text) for step in (token, 0)]
        scores = torch.full((len(steps), len(answers.vocabulary)), doubt / 10)
        scores[torch.arange(len(steps)), steps] = 1.0
        rows.append(scores.log().log_softmax(dim=-1))
    return Padded.stack(rows)


def texts_of(answers, found) -> list[str]:
    return [" ".join(answers.vocabulary.decode(few[0].tokens).split()) for few in found]


@pytest.mark.parametrize("unit", ["char", "word", "piece"])
def test_words_that_follow_each_other_are_preferred(unit) -> None:
    answers = Transcript(unit=unit, num_pieces=8, ngram_order=2).learn(TEXTS, 1)
    assert answers.ngram.words == ("go", "no", "on")
    found = word_beam(answers, size=8, weight=0.5)(heard(answers, "go on", "on"))
    assert texts_of(answers, found) == ["go on", "on"]


def test_a_closed_vocabulary_has_no_other_words() -> None:
    answers = Transcript(ngram_order=2).learn(TEXTS, 1)
    scores = heard(answers, "ng no")
    assert texts_of(answers, [[one] for one in greedy_ctc(scores)]) == ["ng no"]
    assert texts_of(answers, word_beam(answers, weight=0.0, unknown_penalty=0.0)(scores)) == [
        "ng no"
    ]
    (closed,) = texts_of(answers, word_beam(answers, closed=True)(scores))
    assert set(closed.split()) <= {"go", "no", "on"}


def test_a_hotword_is_heard_before_what_sounds_like_it() -> None:
    answers = Transcript(ngram_order=1).learn(TEXTS, 1)
    scores = heard(answers, "no", doubt=5.0)
    assert texts_of(answers, word_beam(answers, weight=0.0)(scores)) == ["no"]
    assert texts_of(answers, word_beam(answers, weight=0.0, hotwords={"go": 9.0})(scores)) == [
        "go"
    ]
    with pytest.raises(ValueError, match="can never be heard: 'xx': no token writes 'x'"):
        word_beam(answers, hotwords={"xx": 1.0})


def test_the_ngram_comes_from_the_run_or_from_a_file(tmp_path: Path) -> None:
    answers = Transcript().learn(TEXTS, 1)
    with pytest.raises(ValueError, match="word_beam: expected an n-gram, got none; train with"):
        word_beam(answers)
    save_arpa(fit_ngram([["no"]], 1), tmp_path / "no.arpa")
    beam = word_beam(answers, closed=True, arpa=str(tmp_path / "no.arpa"))
    assert texts_of(answers, beam(heard(answers, "go"))) == ["no"]


def test_a_language_model_has_a_say(tmp_path: Path) -> None:
    torch.manual_seed(0)
    answers = Transcript(ngram_order=1).learn(TEXTS, 1)
    run_dir = language_run(tmp_path / "lm", answers)
    scores = heard(answers, "no", doubt=5.0)
    assert texts_of(answers, word_beam(answers, weight=0.0)(scores)) == ["no"]
    beam = word_beam(
        answers, weight=0.0, language_run=str(run_dir), language_weight=50.0, word_bonus=0.0
    )
    model = load_language(run_dir, answers.vocabulary)
    ((best, *_),) = beam(scores)
    likelier = model.log_probs(Padded.stack([torch.tensor(best.tokens).long()]))
    said = model.log_probs(Padded.stack([torch.tensor(answers.vocabulary.encode("no"))]))
    assert likelier > said
    (run_dir / "config.yaml").write_text(
        dump_config({"model": {"_target_": "rnnmm.nn.recurrent.Recurrent", "hidden_dim": 4}})
    )
    with pytest.raises(ValueError, match="expected a run of task=lm, got one of rnnmm"):
        load_language(run_dir, answers.vocabulary)
    run_dir = language_run(tmp_path / "another", answers)
    other = Transcript(unit="word").learn(TEXTS, 1)
    with pytest.raises(ValueError, match="expected a language model of the recogniser's 4 word"):
        load_language(run_dir, other.vocabulary)


def language_run(run_dir: Path, answers) -> Path:
    run_dir.mkdir()
    model = LanguageModel(len(answers.vocabulary), 4, 4)
    node = {"_target_": "rnnmm.models.language.LanguageModel", "embedding_dim": 4, "hidden_dim": 4}
    (run_dir / "config.yaml").write_text(dump_config({"model": node}))
    save_answers(run_dir, answers)
    save_weights(run_dir, model)
    return run_dir
