"""Word pieces by byte-pair encoding: frequent words whole, rare ones in parts.

Sentencepiece learns the pieces; they alone, in their order, say how a text is split, so that a
vocabulary is a list of strings that one can read, and nothing binary travels with a model.
"""

import io
import itertools
from collections.abc import Iterable, Mapping

import sentencepiece

START = "▁"
"""Stands in front of every word: a piece that begins with it begins a word."""


def learn_pieces(texts: Iterable[str], count: int) -> tuple[str, ...]:
    """So many pieces, the first merged first, all characters of the texts among them.

    Args:
        texts: normalised.
        count: >= the number of characters and one; how many pieces.

    Raises:
        ValueError: No text, or sentencepiece cannot make so many pieces of these texts.

    Source:
        Sennrich et al. 2016, arXiv 1508.07909; learned by sentencepiece.
    """
    model = io.BytesIO()
    sentences = sorted(filter(None, (text.strip() for text in texts)))
    if not sentences:
        raise ValueError("learn_pieces: expected texts to learn from, got none")
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(sentences), model_writer=model, model_type="bpe",
            vocab_size=count + 1, character_coverage=1.0, normalization_rule_name="identity",
            bos_id=-1, eos_id=-1, pad_id=-1, num_threads=1, minloglevel=2,
            shuffle_input_sentence=False,
            max_sentence_length=max(10, *(len(text.encode()) + 1 for text in sentences)),
        )  # fmt: skip
    except RuntimeError as error:
        raise ValueError(
            f"learn_pieces: expected a count that {len(sentences)} texts allow, got {count}: "
            f"{error}; choose another number of pieces, or characters"
        ) from None
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    return tuple(processor.id_to_piece(index) for index in range(1, len(processor)))


def split_pieces(text: str, ranks: Mapping[str, int]) -> list[str]:
    """A text in pieces: of all neighbours that make a piece together, the first in rank merge.

    Args:
        text: words between spaces; other white space must be gone.
        ranks: of every piece, 0 first; a character without one stays by itself.
    """
    return [piece for word in text.split() for piece in _split_word(START + word, ranks)]


def _split_word(word: str, ranks: Mapping[str, int]) -> list[str]:
    parts = list(word)
    while True:
        merged = map("".join, itertools.pairwise(parts))
        places = ((ranks.get(pair, len(ranks)), place) for place, pair in enumerate(merged))
        rank, index = min(places, default=(len(ranks), 0))
        if rank == len(ranks):
            return parts
        parts[index : index + 2] = [parts[index] + parts[index + 1]]


def join_pieces(pieces: Iterable[str]) -> str:
    """The inverse of `split_pieces`: words with one space between them."""
    return "".join(pieces).replace(START, " ").strip()
