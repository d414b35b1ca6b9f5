"""Searches that know words: made of what a run has learned of its texts, by settings alone.

Whatever the criterion, the same voices are heard beside the model: an n-gram of words, a language
model of a run of its own, hotwords. A model is searched with the function of its kind.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict, Unpack

from rnnmm.config import build
from rnnmm.decode.attention import AttentionSearch
from rnnmm.decode.fusion import Weighted
from rnnmm.decode.hotword import Hotwords, lint_hotwords
from rnnmm.decode.ngram import WordFusion
from rnnmm.decode.prefix import CtcBeam
from rnnmm.decode.transducer import TransducerSearch
from rnnmm.domain import Count, File, Folder, NotNegative, Positive, Size
from rnnmm.models.language import LanguageModel
from rnnmm.run import load_answers, load_weights, read_config
from rnnmm.signature import TARGET, resolve
from rnnmm.tasks.answers import Answers
from rnnmm.text.arpa import load_arpa
from rnnmm.text.vocabulary import Vocabulary


class Words(TypedDict, total=False):
    """What can be set of the voices in any search; see `word_scorers`."""

    weight: NotNegative
    word_bonus: float
    unknown_penalty: NotNegative
    closed: bool
    arpa: File | None
    hotwords: Mapping[str, Positive] | None
    language_run: Folder | None
    language_weight: NotNegative


def word_beam(
    answers: Answers, size: Size = 16, top_k: Count = 0, **words: Unpack[Words]
) -> CtcBeam:
    """A beam for CTC in which words have a say.

    Args:
        answers: vocabulary and n-gram of the run.
        size: prefixes kept.
        top_k: tokens that may follow in one step; 0: any.
        words: see `word_scorers`, which also says what is refused.
    """
    return CtcBeam(size, word_scorers(answers, **words), top_k=top_k)


def word_transducer_beam(
    answers: Answers, size: Size = 8, max_symbols: Size = 5, **words: Unpack[Words]
) -> TransducerSearch:
    """A beam for transducers in which words have a say.

    Args:
        answers: vocabulary and n-gram of the run.
        size: beginnings kept.
        max_symbols: see `TransducerSearch`.
        words: see `word_scorers`, which also says what is refused.
    """
    return TransducerSearch(size, max_symbols, word_scorers(answers, **words))


def word_attention_beam(
    answers: Answers,
    size: Size = 8,
    length_power: NotNegative = 0.0,
    coverage: NotNegative = 0.0,
    **words: Unpack[Words],
) -> AttentionSearch:
    """A beam for attention, alone or joint with CTC, in which words have a say.

    Args:
        answers: vocabulary and n-gram of the run.
        size: beginnings kept.
        length_power: see `AttentionSearch`.
        coverage: of the input; see `AttentionSearch`, too.
        words: see `word_scorers`, which also says what is refused.
    """
    return AttentionSearch(size, length_power, coverage, word_scorers(answers, **words))


def word_scorers(  # noqa: PLR0913 one argument per setting of the voices
    answers: Answers,
    weight: NotNegative = 0.5,
    word_bonus: float = 0.0,
    unknown_penalty: NotNegative = 10.0,
    closed: bool = False,
    arpa: File | None = None,
    hotwords: Mapping[str, Positive] | None = None,
    language_run: Folder | None = None,
    language_weight: NotNegative = 0.3,
) -> tuple[Weighted, ...]:
    """An n-gram of words, and those who have a say beside it, or in its place.

    Args:
        answers: vocabulary and n-gram of the run, where it has one.
        weight: of the n-gram's natural log-probabilities.
        word_bonus: added for every word; by the n-gram.
        unknown_penalty: what a word that the n-gram lacks costs beside its "<unk>".
        closed: only words of the n-gram may be answered.
        arpa: another n-gram; None: the run's own, counted in its training texts, if it has one.
        hotwords: phrases to listen for, and what each adds to an answer's rank.
        language_run: a trained run of ``task=lm`` on the same symbols, which has a say too.
        language_weight: of its natural log-probabilities.

    Raises:
        ValueError: There is nobody to have a say, or no n-gram for what only it can do; a hotword
            that can never be heard; the ARPA file is faulty; the language model has other symbols.
    """
    ngram = load_arpa(arpa) if arpa else answers.ngram
    if ngram is None and (closed or word_bonus or not (hotwords or language_run)):
        others = "" if closed or word_bonus else ", hotwords or a language model"
        raise ValueError(
            f"model.search: expected an n-gram of words{others}, got none; train with "
            f"task.target.ngram_order=3, or give one as model.search.arpa=FILE"
        )
    scorers: tuple[Weighted, ...] = ()
    if ngram is not None:
        fusion = WordFusion(ngram.order, weight, word_bonus, unknown_penalty, closed)
        scorers += fusion.scorers(ngram, answers.vocabulary)
    if hotwords:
        words = set(ngram.words) if ngram is not None and closed else None
        scorers += _listening(hotwords, answers.vocabulary, words)
    if language_run:
        model = load_language(Path(language_run), answers.vocabulary)
        scorers += (Weighted(model, language_weight),)
    return scorers


def _listening(
    gains: Mapping[str, float], vocabulary: Vocabulary, words: set[str] | None
) -> tuple[Weighted, ...]:
    """Who listens for phrases; ``words`` are all that can be answered, None: any."""
    hotwords = Hotwords(gains)
    deaf = lint_hotwords(hotwords, vocabulary, words)
    if deaf:
        reasons = "; ".join(f"{phrase!r}: {reason}" for phrase, reason in deaf.items())
        raise ValueError(f"model.search.hotwords: phrases that can never be heard: {reasons}")
    return hotwords.scorers(vocabulary)


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
