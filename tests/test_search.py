from pathlib import Path

import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.config import build, check
from rnnmm.configfile import dump_config
from rnnmm.decode.ctc import greedy_ctc
from rnnmm.models.attention import AttentionRecogniser
from rnnmm.models.ctc import CtcModel
from rnnmm.models.joint import JointCtcAttention
from rnnmm.models.language import LanguageModel
from rnnmm.models.transducer import Transducer
from rnnmm.nn.recurrent import Recurrent
from rnnmm.run import save_answers, save_weights
from rnnmm.search import (
    load_language,
    word_attention_beam,
    word_beam,
    word_scorers,
    word_transducer_beam,
)
from rnnmm.tasks.recognition import Transcript
from rnnmm.text.arpa import save_arpa
from rnnmm.text.ngram import fit_ngram

ENCODER = {"_target_": "rnnmm.models.encoder.Rnn"}
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


KINDS = {
    CtcModel: word_beam,
    Transducer: word_transducer_beam,
    AttentionRecogniser: word_attention_beam,
    JointCtcAttention: word_attention_beam,
}


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_every_criterion_hears_the_same_voices(kind) -> None:
    """Of one that has learned nothing, the voices alone make words."""
    torch.manual_seed(0)
    answers = Transcript(ngram_order=2).learn(TEXTS, 1)
    model = kind(Recurrent(4, 8), len(answers.vocabulary)).eval()
    x = Padded.stack([torch.randn(n, 4) for n in (12, 7, 9)])
    free = " ".join(texts_of(answers, model.decode(x)))
    assert not set(free.split()) <= {"go", "no", "on"}
    make = KINDS[kind]
    model.search = make(answers, size=6, closed=True, weight=0.3, word_bonus=6.0)
    closed = " ".join(texts_of(answers, model.decode(x))).split()
    assert closed and set(closed) <= {"go", "no", "on"}
    together = texts_of(answers, model.decode(x))
    alone = [texts_of(answers, model.decode(Padded.stack([row]))) for row in x.rows()]
    assert [[text] for text in together] == alone
    model.search = make(answers, closed=True, word_bonus=6.0, hotwords={"no go": 30.0})
    assert all("no go" in text for text in texts_of(answers, model.decode(x)))


def test_a_search_of_another_kind_is_refused() -> None:
    names = {"CtcModel": "ctc", "Transducer": "transducer", "AttentionRecogniser": "attention"}
    for kind, module in names.items():
        for make in (word_beam, word_transducer_beam, word_attention_beam):
            search = {"_target_": f"rnnmm.search.{make.__name__}", "closed": True}
            node = {"_target_": f"rnnmm.models.{module}.{kind}", "encoder": ENCODER}
            faults = check({"model": {**node, "search": search}})
            fits = KINDS[{one.__name__: one for one in KINDS}[kind]] is make
            assert bool(faults) != fits
            assert fits or f"got {search['_target_']}" in faults[0]


def test_settings_are_checked_as_any_others() -> None:
    search = {"_target_": "rnnmm.search.word_transducer_beam", "weight": -1, "bonus": 1.0}
    node = {"_target_": "rnnmm.models.transducer.Transducer", "encoder": ENCODER}
    assert check({"model": {**node, "search": search}}) == [
        "model.search.weight: expected float >= 0, got int -1",
        "model.search.bonus: unknown argument of rnnmm.search.word_transducer_beam "
        "(did you mean word_bonus?)",
    ]


def test_a_search_keeps_its_own_settings() -> None:
    answers = Transcript(ngram_order=1).learn(TEXTS, 1)
    words = {"weight": 0.7, "word_bonus": 1.5}
    voices = [one.weight for one in word_scorers(answers, **words)]
    assert voices == [0.7, 1.5]
    node = {"_target_": "rnnmm.search.word_attention_beam", "length_power": 0.5, "size": 3}
    attention = build({**node, **words}, answers=answers)
    assert (attention.size, attention.length_power, attention.coverage) == (3, 0.5, 0.0)
    transducer = word_transducer_beam(answers, 3, 2, **words)
    assert (transducer.size, transducer.max_symbols) == (3, 2)
    for search in (attention, transducer, word_beam(answers, **words)):
        assert [one.weight for one in search.scorers] == voices


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


def test_a_hotword_and_a_language_model_need_no_ngram(tmp_path: Path) -> None:
    answers = Transcript().learn(TEXTS, 1)
    assert answers.ngram is None
    scores = heard(answers, "no", doubt=5.0)
    assert texts_of(answers, word_beam(answers, hotwords={"go": 9.0})(scores)) == ["go"]
    run_dir = language_run(tmp_path / "lm", answers)
    (voice,) = word_scorers(answers, language_run=str(run_dir), language_weight=0.4)
    assert voice.weight == 0.4


def test_the_ngram_comes_from_the_run_or_from_a_file(tmp_path: Path) -> None:
    answers = Transcript().learn(TEXTS, 1)
    for settings, wanted in [({}, ", hotwords or a language model"), ({"closed": True}, ""),
                             ({"hotwords": {"go": 1.0}, "word_bonus": 1.0}, "")]:  # fmt: skip
        with pytest.raises(ValueError, match=f"expected an n-gram of words{wanted}, got none"):
            word_beam(answers, **settings)
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
