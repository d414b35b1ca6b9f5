"""PCM as floats, and levels in decibels as factors of them."""

import torch
from torch import Tensor

from rnnmm.batch import Padded

FULL_SCALE = 32768


def check_pcm(x: Padded) -> None:
    """Lets PCM pass.

    Raises:
        ValueError: ``x`` is not ``(B, N)``, or neither int16 nor floating point.
    """
    data = x.data
    if data.ndim != 2 or not (data.dtype == torch.int16 or data.is_floating_point()):
        raise ValueError(
            f"features: expected PCM (B, N) as int16 or float, got {data.dtype} "
            f"{tuple(data.shape)}"
        )


def pcm_scale(x: Padded) -> float:
    """What brings PCM to full scale 1; a power of two, so that nothing is rounded."""
    return 1 / FULL_SCALE if x.data.dtype == torch.int16 else 1.0


def float_pcm(x: Padded) -> Padded:
    """PCM as float32 with silence as padding, on the device of the input.

    Args:
        x: ``(B, N)``; int16 of full scale 32768, or floating point of full scale 1.

    Returns:
        ``(B, N)`` float32 of full scale 1.

    Raises:
        ValueError: ``x`` is not ``(B, N)``, or neither int16 nor floating point.
    """
    check_pcm(x)
    if x.data.device.type != "cpu":  # one kernel for all is better than one for each
        return x.with_data(x.zeroed().data.float() * pcm_scale(x))
    samples = torch.zeros(x.data.shape)
    for index, row in enumerate(x.rows()):  # one at a time: it stays in the cache
        samples[index, : len(row)] = row * pcm_scale(x)
    return x.with_data(samples)


def amplitude(gain_db: Tensor, like: Tensor) -> Tensor:
    """Decibels to factors, with the type and device of ``like``."""
    return (10 ** (gain_db / 20)).to(like.device, like.dtype, non_blocking=True)
