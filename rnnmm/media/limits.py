"""What part of a file is wanted and how much of it is believed: checked before allocation."""

from typing import NamedTuple

from rnnmm.units import seconds_to_samples

_TOLERANCE_S = 0.05  # ends are often rounded, and streams of one recording not quite of one length
_SOURCE_RATES_HZ = (1_000, 768_000)  # outside: a damaged header, not a recording


class Span(NamedTuple):
    """The wanted part of a recording, counted from the first sample or picture of its stream.

    start_s: seconds. end_s: seconds, exclusive; None: the recording's end. max_duration_s: the
    longest part that will be decoded, seconds.
    """

    start_s: float = 0.0
    end_s: float | None = None
    max_duration_s: float = 3600.0

    def check(self, what: str, recording_s: float) -> None:
        """Refuses a part that is empty or too long, given the recording's length in seconds.

        Raises:
            ValueError: The part starts after the end, or lasts longer than the limit.
        """
        if self.start_s > 0 and self.start_s >= recording_s:
            raise ValueError(
                f"the item starts at {self.start_s:g} s, after the end of the {what} "
                f"at {recording_s:.3f} s"
            )
        end_s = recording_s if self.end_s is None else min(self.end_s, recording_s)
        if end_s - self.start_s > self.max_duration_s:
            raise ValueError(
                f"the {what} lasts {end_s - self.start_s:.0f} s, longer than the limit of "
                f"{self.max_duration_s:g} s"
            )

    def check_end(self, recording_s: float, step_s: float = 0.0) -> None:
        """Refuses an end that lies beyond the recording's: such a list belongs to another file.

        Args:
            recording_s: length of the whole recording, seconds.
            step_s: how long a picture is shown, seconds: no end is known better than that.

        Raises:
            ValueError: ``end 9 s lies beyond the end of the file (7.2 s)``.
        """
        if self.end_s is not None and self.end_s > recording_s + max(_TOLERANCE_S, step_s):
            is_s = round(recording_s, 3)
            raise ValueError(f"end {self.end_s:g} s lies beyond the end of the file ({is_s:g} s)")

    def bounds(self, sample_rate: int) -> tuple[int, int | None]:
        """The same in samples: the first one, and where it ends; None: at the recording's end."""
        stop = None if self.end_s is None else seconds_to_samples(self.end_s, sample_rate)
        return seconds_to_samples(self.start_s, sample_rate), stop


def believable_rate(sample_rate: int) -> int:
    """The sample rate in Hz that a header gives, unless no recording has such a one.

    Raises:
        ValueError: ``a sample rate of 0 Hz cannot be true (expected 1000 to 768000)``.
    """
    low, high = _SOURCE_RATES_HZ
    if not low <= sample_rate <= high:
        raise ValueError(
            f"a sample rate of {sample_rate} Hz cannot be true (expected {low} to {high})"
        )
    return sample_rate
