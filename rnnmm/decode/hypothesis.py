"""A decoder's answer."""

from typing import NamedTuple


class Span(NamedTuple):
    """Where in an encoder's steps one token stands, and how sure the model is of it.

    start, end: steps, half-open. confidence: a probability, in [0, 1].
    """

    start: int
    end: int
    confidence: float


class Hypothesis(NamedTuple):
    """One answer for one item.

    tokens: indices into the vocabulary, no blank, no "<bos>", no "<eos>".
    score: natural logarithm of the probability the decoder gives its answer, <= 0.
    spans: one per token, starting no earlier than the one before; empty where nobody looked.
    """

    tokens: tuple[int, ...]
    score: float
    spans: tuple[Span, ...] = ()
