"""A decoder's answer."""

from typing import NamedTuple


class Hypothesis(NamedTuple):
    """One answer for one item.

    tokens: indices into the vocabulary, no blank, no "<bos>", no "<eos>".
    score: natural logarithm of the probability the decoder gives its answer, <= 0.
    times_s: where each token stands in the input, seconds; empty where the decoder cannot tell.
    """

    tokens: tuple[int, ...]
    score: float
    times_s: tuple[float, ...] = ()
