"""Seconds, samples and frames: the one place where time is rounded.

One rule everywhere: half up, never banker's rounding, so that 0.5 frame is always one frame.
"""

import math


def round_half_up(value: float) -> int:
    """Rounds to the nearest integer, halves away from minus infinity.

    Example:
        >>> round_half_up(0.5), round_half_up(1.5), round_half_up(2.4)
        (1, 2, 2)
    """
    return math.floor(value + 0.5)


def seconds_to_samples(seconds: float, sample_rate: float) -> int:
    """Turns a time in seconds into a count of samples (or of frames, given a frame rate)."""
    return round_half_up(seconds * sample_rate)


def samples_to_seconds(samples: int, sample_rate: float) -> float:
    """Turns a count of samples (or of frames, given a frame rate) into seconds."""
    return samples / sample_rate
