"""One spelling per text, before anything is counted, encoded or compared."""

import unicodedata
from dataclasses import dataclass
from typing import Literal, get_args

Case = Literal["lower", "upper", "keep"]
Punctuation = Literal["keep", "strip"]

_DROPPED = {"Cc", "Cf", "Cs"}  # control; format (BOM, zero-width, soft hyphen); lone surrogates
_APOSTROPHES = str.maketrans({"\u2019": "'", "\u02bc": "'", "\uff07": "'"})


@dataclass(frozen=True, slots=True)
class Normaliser:
    """Maps a text to its normal form; a text in normal form is left as it is.

    In this order: every kind of white space and line end becomes a space; control and zero-width
    characters (a BOM, a soft hyphen) vanish; the rest is composed (NFC), cased and, if so wanted,
    stripped of punctuation; spaces are folded to one and cut at both ends.

    Args:
        case: "lower", "upper" or "keep".
        punctuation: "keep" leaves it; "strip" puts a space in the place of all that is not letter,
            mark, digit or an apostrophe between two of these ("well-known, isn't it?" becomes
            "well known isn't it"). The typographic apostrophe is then the plain one.

    Raises:
        ValueError: A field holds none of its values.

    Example:
        >>> Normaliser(punctuation="strip")("\\ufeffWell\\u00a0-- isn\\u2019t it?\\r\\n")
        "well isn't it"
    """

    case: Case = "lower"
    punctuation: Punctuation = "strip"

    def __post_init__(self) -> None:
        for field, value, allowed in (
            ("case", self.case, get_args(Case)),
            ("punctuation", self.punctuation, get_args(Punctuation)),
        ):
            if value not in allowed:
                raise ValueError(
                    f"Normaliser.{field}: expected {' or '.join(allowed)}, got {value!r}"
                )

    def __call__(self, text: str) -> str:
        text = "".join(map(_visible, text))
        text = _with_case(unicodedata.normalize("NFC", text), self.case)
        text = unicodedata.normalize("NFC", text)  # casing can decompose: "\u0390" in upper case
        if self.punctuation == "strip":
            text = _without_punctuation(text.translate(_APOSTROPHES))
        return " ".join(text.split())


def _visible(char: str) -> str:
    if char.isspace():
        return " "
    return "" if unicodedata.category(char) in _DROPPED else char


def _with_case(text: str, case: Case) -> str:
    if case == "keep":
        return text
    return text.lower() if case == "lower" else text.upper()


def _without_punctuation(text: str) -> str:
    in_word = [unicodedata.category(char)[0] in "LMN" for char in text]
    before, after = [False, *in_word[:-1]], [*in_word[1:], False]
    return "".join(
        char if inside or (char == "'" and left and right) else " "
        for char, inside, left, right in zip(text, in_word, before, after)
    )
