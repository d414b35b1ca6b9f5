"""Searches that know words: made of what a run has learned of its texts, by settings alone."""

from collections.abc import Mapping
from pathlib import Path

from rnnmm.config import build
from rnnmm.decode.fusion import Weighted
from rnnmm.decode.hotword import Hotwords, lint_hotwords
from rnnmm.decode.ngram import WordFusion
from rnnmm.decode.prefix import CtcBeam
from rnnmm.domain import Count, File, Folder, NotNegative, Positive, Size
from rnnmm.models.language import LanguageModel
from rnnmm.run import load_answers, load_weights, read_config
from rnnmm.signature import TARGET, resolve
from rnnmm.tasks.answers import Answers
from rnnmm.text.arpa import load_arpa
from rnnmm.text.vocabulary import Vocabulary


def word_beam(  # noqa: PLR0913 one argument per setting of the search
    answers: Answers,
    size: Size = 16,
    weight: NotNegative = 0.5,
    word_bonus: float = 0.0,
    unknown_penalty: NotNegative = 10.0,
    closed: bool = False,
    top_k: Count = 0,
    arpa: File | None = None,
    hotwords: Mapping[str, Positive] | None = None,
    language_run: Folder | None = None,
    language_weight: NotNegative = 0.3,
) -> CtcBeam:
    """A CTC beam in which an n-gram of words has a say.

    Args:
        answers: vocabulary and n-gram of the run.
        size: prefixes kept.
        weight: of the n-gram's natural log-probabilities.
        word_bonus: added for every word.
        unknown_penalty: what a word that the n-gram lacks costs beside its "<unk>".
        closed: only words of the n-gram may be answered.
        top_k: tokens that may follow in one step; 0: any.
        arpa: another n-gram; None: the run's own, counted in its training texts.
        hotwords: phrases to listen for, and what each adds to an answer's rank.
        language_run: a trained run of ``task=lm`` on the same symbols, which has a say too.
        language_weight: of its natural log-probabilities.

    Raises:
        ValueError: There is no n-gram; a hotword that can never be heard; the ARPA file is faulty;
            the language model has other symbols.
    """
    ngram = load_arpa(arpa) if arpa else answers.ngram
    if ngram is None:
        raise ValueError(
            "word_beam: expected an n-gram, got none; train with task.target.ngram_order=3, or "
            "give one as model.search.arpa=FILE"
        )
    listened = Hotwords(hotwords or {})
    deaf = lint_hotwords(listened, answers.vocabulary, set(ngram.words) if closed else None)
    if deaf:
        reasons = "; ".join(f"{phrase!r}: {reason}" for phrase, reason in deaf.items())
        raise ValueError(f"model.search.hotwords: phrases that can never be heard: {reasons}")
    fusion = WordFusion(ngram.order, weight, word_bonus, unknown_penalty, closed)
    scorers = fusion.scorers(ngram, answers.vocabulary)
    if listened.gains:
        scorers = (*scorers, *listened.scorers(answers.vocabulary))
    if language_run:
        model = load_language(Path(language_run), answers.vocabulary)
        scorers = (*scorers, Weighted(model, language_weight))
    return CtcBeam(size, scorers, top_k=top_k)


def load_language(run_dir: Path, vocabulary: Vocabulary) -> LanguageModel:
    """The language model of a finished run.

    Raises:
        ValueError: It is no such run, or writes other symbols than ``vocabulary``.
    """
    node = read_config(run_dir)["model"]
    if resolve(node[TARGET]) is not LanguageModel:
        raise ValueError(f"{run_dir}: expected a run of task=lm, got one of {node[TARGET]}")
    known = load_answers(run_dir).vocabulary
    if known != vocabulary:
        raise ValueError(
            f"{run_dir}: expected a language model of the recogniser's {len(vocabulary)} "
            f"{vocabulary.unit} symbols, got one of {len(known)} {known.unit} symbols; train it "
            f"on the same texts with the same task.target"
        )
    model: LanguageModel = build(node, num_outputs=len(known))
    load_weights(run_dir, model)
    return model.eval()
