"""Determinantal point processes: subsets of good things that are unlike each other.

A subset S has the probability ``det(L_S) / det(L + I)``, where the kernel L holds on its diagonal
how good each thing is and beside it how alike two are.

Source:
    Kulesza & Taskar 2012, arXiv 1207.6083, sections 2.2 and 3.1.
"""

import torch
from torch import Tensor
from torch.nn import functional

_OWN = 0.05  # of a thing's likeness to itself, what it shares with no other: L is never singular


def dpp_kernel(quality: Tensor, kind: Tensor) -> Tensor:
    """The kernel of things of a quality and a kind.

    Args:
        quality: ``(T,)`` log of how good each is.
        kind: ``(T, D)``; two things are as alike as the cosine of these.

    Returns:
        ``(T, T)`` float64, positive definite.
    """
    good = (quality.double() / 2).exp()
    direction = functional.normalize(kind.double(), dim=1)
    own = torch.eye(len(kind), dtype=torch.float64, device=kind.device)
    alike = (1 - _OWN) * (direction @ direction.T) + _OWN * own  # (T, T)
    return good[:, None] * alike * good


def dpp_log_probability(kernel: Tensor, is_chosen: Tensor) -> Tensor:
    """``()``: of drawing just the things that ``(T,)`` bool names; none may be a draw as well."""
    own = torch.eye(len(kernel), dtype=kernel.dtype, device=kernel.device)
    total: Tensor = torch.linalg.slogdet(kernel + own)[1]
    if not is_chosen.any():
        return -total
    subset: Tensor = torch.linalg.slogdet(kernel[is_chosen][:, is_chosen])[1]
    return subset - total


def dpp_marginals(kernel: Tensor) -> Tensor:
    """``(T,)`` in 0..1: how probable it is that each thing is in a draw."""
    own = torch.eye(len(kernel), dtype=kernel.dtype, device=kernel.device)
    left_out: Tensor = torch.linalg.inv(kernel + own).diagonal()
    return 1 - left_out
