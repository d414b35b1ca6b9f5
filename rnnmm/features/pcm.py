"""PCM as floats."""

import torch

from rnnmm.batch import Padded

FULL_SCALE = 32768


def float_pcm(x: Padded) -> Padded:
    """PCM as float32 with silence as padding, on the device of the input.

    Args:
        x: ``(B, N)``; int16 of full scale 32768, or floating point of full scale 1.

    Returns:
        ``(B, N)`` float32 of full scale 1.

    Raises:
        ValueError: ``x`` is not ``(B, N)``, or neither int16 nor floating point.
    """
    data = x.data
    if data.ndim != 2 or not (data.dtype == torch.int16 or data.is_floating_point()):
        raise ValueError(
            f"features: expected PCM (B, N) as int16 or float, got {data.dtype} "
            f"{tuple(data.shape)}"
        )
    scale = 1 / FULL_SCALE if data.dtype == torch.int16 else 1.0
    samples = torch.zeros(data.shape, device=data.device)
    for index, row in enumerate(x.rows()):  # one at a time: it stays in the cache
        samples[index, : len(row)] = row * scale
    return x.with_data(samples)
