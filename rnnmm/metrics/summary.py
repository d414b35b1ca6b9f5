"""Summaries of videos: how well one agrees with what people chose.

Conventions
    F1: of the frames of an answer and those of one person's summary. Over the people it is their
    mean (TVSum) or, as tastes differ and one is met, the best (SumMe).

    Rank correlation: Kendall's tau (b) and Spearman's rho between the importance of frames as
    answered and as people have it. Unlike F1 they do not gain from the shots and the packing,
    which lift even random scores.

Source
    Gygli et al. 2014, "Creating summaries from user videos"; Song et al. 2015, "TVSum"; Otani et
    al. 2019, "Rethinking the evaluation of video summaries", arXiv 1903.11328.
"""

import math
import warnings
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau, spearmanr

Over = Literal["mean", "max"]


class Agreement(NamedTuple):
    """How far two agree; NaN: nobody knows."""

    f1: float
    kendall_tau: float
    spearman_rho: float


def summary_f1(answer: NDArray[np.bool_], users: NDArray[np.bool_], over: Over) -> float:
    """F1 of frames against each person's, over them.

    Args:
        answer: ``(N,)`` the frames that are shown.
        users: ``(U, N)`` those that each person chose.
        over: what becomes of the U figures.

    Returns:
        0..1; NaN where there are no people. Two empty summaries agree not at all.
    """
    if not len(users):
        return math.nan
    hits = (users & answer).sum(axis=1)
    sizes = users.sum(axis=1) + answer.sum()
    figures = 2 * hits / np.maximum(sizes, 1)
    return float(figures.max() if over == "max" else figures.mean())


def rank_correlation(one: NDArray[Any], other: NDArray[Any]) -> tuple[float, float]:
    """Kendall's tau (b) and Spearman's rho of ``(N,)`` each; NaN where either never changes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of constant input, whose answer is NaN
        return float(kendalltau(one, other)[0]), float(spearmanr(one, other)[0])


def human_agreement(users: NDArray[np.bool_], over: Over) -> Agreement:
    """How far people agree: each against all the others, on average.

    Args:
        users: ``(U, N)``.
        over: as in `summary_f1`.

    Returns:
        Of the ranks, those of one person's choice and of how many others chose each frame.
    """
    if len(users) < 2:
        return Agreement(math.nan, math.nan, math.nan)
    figures = [_agreement(user, np.delete(users, i, axis=0), over) for i, user in enumerate(users)]
    return mean_agreement(figures)


def mean_agreement(figures: list[Agreement]) -> Agreement:
    """The mean of each figure over those of whom it is known."""
    columns = ([value for value in column if not math.isnan(value)] for column in zip(*figures))
    return Agreement(*(sum(known) / len(known) if known else math.nan for known in columns))


def _agreement(user: NDArray[np.bool_], others: NDArray[np.bool_], over: Over) -> Agreement:
    return Agreement(summary_f1(user, others, over), *rank_correlation(user, others.mean(axis=0)))
