"""Symbols and their indices: what a model's outputs mean."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

from rnnmm.manifest import name_some
from rnnmm.text.pieces import START, join_pieces, learn_pieces, split_pieces

Unit = Literal["char", "word", "piece", "label"]

WholeUnit = Literal["char", "word", "label"]

UNKNOWN = "<unk>"
_SCHEMA = 1
_FIELDS = {"schema", "unit", "num_specials", "symbols"}


@dataclass(frozen=True)
class Vocabulary:
    """An ordered set of symbols; a symbol's index is its position.

    The first ``num_specials`` symbols stand for no text: no text is ever encoded to one (except
    "<unk>", for symbols outside the vocabulary), and decoding drops them. Conventions: a CTC
    vocabulary has "<blank>" at 0; a caption vocabulary begins "<bos>", "<eos>", "<unk>".

    Args:
        symbols: ``(K,)`` distinct, not empty, the specials first.
        unit: what one symbol is. "char": a code point, spaces too; "word": what stands between
            spaces; "piece": a part of a word (`rnnmm.text.pieces`), in the order of merging;
            "label": the whole text.
        num_specials: 0..K.

    Raises:
        ValueError: An unknown unit, an empty or repeated symbol, a symbol that is no single unit
            (two characters under "char", a space under "word"), more specials than symbols.
    """

    symbols: tuple[str, ...]
    unit: Unit
    num_specials: int = 0

    def __post_init__(self) -> None:
        if self.unit not in get_args(Unit):
            raise ValueError(
                f"Vocabulary.unit: expected char, word, piece or label, got {self.unit!r}"
            )
        if not 0 <= self.num_specials <= len(self.symbols):
            raise ValueError(
                f"Vocabulary.num_specials: expected 0..{len(self.symbols)}, "
                f"got {self.num_specials}"
            )
        twice = [repr(symbol) for symbol, n in Counter(self.symbols).items() if n > 1]
        if twice:
            raise ValueError(
                f"Vocabulary: expected distinct symbols, got twice {name_some(twice)}"
            )
        bad = [
            repr(symbol)
            for index, symbol in enumerate(self.symbols)
            if not symbol or (index >= self.num_specials and not _is_unit(symbol, self.unit))
        ]
        if bad:
            raise ValueError(
                f"Vocabulary: expected one {self.unit} per symbol, got {name_some(bad)}"
            )

    @classmethod
    def fit(
        cls,
        texts: Iterable[str],
        unit: WholeUnit,
        specials: Sequence[str] = (),
        min_count: int = 1,
    ) -> "Vocabulary":
        """The symbols of some texts, in code point order behind the specials.

        The order depends on the set of symbols alone, not on the order or the number of texts.
        A symbol of a text that looks like one of the specials is left out.

        Args:
            texts: normalised.
            unit: as in the class.
            specials: ``(S,)`` put first, in this order.
            min_count: symbols that occur less often are left out, >= 1.

        Raises:
            ValueError: Nothing is left, or ``min_count`` is below 1.
        """
        if min_count < 1:
            raise ValueError(f"Vocabulary.fit: expected min_count >= 1, got {min_count}")
        counts = Counter(symbol for text in texts for symbol in _split(text, unit))
        kept = {symbol for symbol, count in counts.items() if count >= min_count} - set(specials)
        if not kept:
            raise ValueError(
                f"Vocabulary.fit: expected texts with at least one {unit} that occurs "
                f"{min_count} times, got {len(counts)} symbols, none so often"
            )
        return cls((*specials, *sorted(kept)), unit, len(specials))

    @classmethod
    def fit_pieces(
        cls, texts: Iterable[str], count: int, specials: Sequence[str] = ()
    ) -> "Vocabulary":
        """So many word pieces that some texts teach, behind the specials.

        Raises:
            ValueError: The texts do not allow so many, or so few.
        """
        kept = [piece for piece in learn_pieces(texts, count) if piece not in specials]
        return cls((*specials, *kept), "piece", len(specials))

    def __len__(self) -> int:
        return len(self.symbols)

    @property
    def specials(self) -> tuple[str, ...]:
        """The symbols that stand for no text."""
        return self.symbols[: self.num_specials]

    def index(self, symbol: str) -> int:
        """The index of one symbol, specials included.

        Raises:
            ValueError: It is not in the vocabulary.
        """
        try:
            return self._indices[symbol]
        except KeyError:
            raise ValueError(
                f"expected a symbol of the {self.unit} vocabulary, got {symbol!r}"
            ) from None

    def encode(self, text: str) -> list[int]:
        """Turns a text into indices, ``(U,)``; "<unk>" stands in for what is outside, if there.

        Raises:
            ValueError: Symbols outside the vocabulary, and it has no "<unk>"; names them.
        """
        units = self._split(text)
        if UNKNOWN in self.specials:
            unknown = self.index(UNKNOWN)
            return [self._text_indices.get(unit, unknown) for unit in units]
        if missing := self.missing(text):
            raise ValueError(
                f"{text!r}: expected symbols of the {self.unit} vocabulary, got "
                f"{name_some(map(repr, missing))}; normalise the text or fit the vocabulary on it"
            )
        return [self._text_indices[unit] for unit in units]

    def decode(self, indices: Iterable[int]) -> str:
        """Turns indices back into a text; specials are dropped.

        Raises:
            ValueError: An index outside 0..K-1.
        """
        indices = list(indices)
        bad = [str(index) for index in indices if not 0 <= index < len(self.symbols)]
        if bad:
            raise ValueError(
                f"expected indices 0..{len(self.symbols) - 1} of the {self.unit} vocabulary, "
                f"got {name_some(bad)}"
            )
        units = [self.symbols[index] for index in indices if index >= self.num_specials]
        if self.unit == "piece":
            return join_pieces(units)
        return ("" if self.unit == "char" else " ").join(units)

    def missing(self, text: str) -> list[str]:
        """The symbols of a text that are outside the vocabulary, each once, as they appear."""
        return [
            unit for unit in dict.fromkeys(self._split(text)) if unit not in self._text_indices
        ]

    def contains(self, text: str) -> bool:
        """Whether every symbol of a text is in the vocabulary."""
        return not self.missing(text)

    def to_json(self) -> str:
        """One line of JSON that `from_json` reads back."""
        return json.dumps(
            {
                "schema": _SCHEMA,
                "unit": self.unit,
                "num_specials": self.num_specials,
                "symbols": self.symbols,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> "Vocabulary":
        """Reads what `to_json` wrote; the text is data and not trusted.

        Raises:
            ValueError: No JSON, another schema, other or wrongly typed fields, or what the class
                itself refuses.
        """
        try:
            tree = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"vocabulary: expected JSON as to_json writes it: {error}") from None
        if not isinstance(tree, dict) or tree.keys() != _FIELDS:
            raise ValueError(f"vocabulary: expected an object with {', '.join(sorted(_FIELDS))}")
        if tree["schema"] != _SCHEMA:
            raise ValueError(f"vocabulary: expected schema {_SCHEMA}, got {tree['schema']!r}")
        symbols, num_specials = tree["symbols"], tree["num_specials"]
        if type(num_specials) is not int:
            raise ValueError(f"vocabulary: expected an integer num_specials, got {num_specials!r}")
        if not isinstance(symbols, list) or not all(isinstance(s, str) for s in symbols):
            raise ValueError("vocabulary: expected symbols to be a list of strings")
        return cls(tuple(symbols), tree["unit"], num_specials)

    @cached_property
    def _indices(self) -> dict[str, int]:
        return {symbol: index for index, symbol in enumerate(self.symbols)}

    @cached_property
    def _text_indices(self) -> dict[str, int]:
        first = self.num_specials
        return {s: index for index, s in enumerate(self.symbols[first:], start=first)}

    def _split(self, text: str) -> list[str]:
        if self.unit == "piece":
            return split_pieces(text, self._text_indices)
        return _split(text, self.unit)


def _is_unit(symbol: str, unit: Unit) -> bool:
    if unit == "piece":
        return symbol.split() == [symbol] and START not in symbol[1:]
    return _split(symbol, unit) == [symbol]


def _split(text: str, unit: WholeUnit) -> list[str]:
    if unit == "label":
        return [text]
    return list(text) if unit == "char" else text.split()
