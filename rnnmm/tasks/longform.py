"""Recordings too long to be read at once: decoded between pauses, each part from a fresh state.

A stretch of speech may be read twice, with less and with more of the quiet around it, of which the
surer reading counts: where a cut lies decides words that are doubtful anyway.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from rnnmm.batch import Padded
from rnnmm.decode.windows import Window, plan_windows
from rnnmm.domain import NotNegative, Positive
from rnnmm.speakers.activity import Detect, Pcm, speech_segments
from rnnmm.tasks.task import Prediction
from rnnmm.units import seconds_to_samples

Read = Callable[[Padded], Sequence[Prediction]]
"""Raw inputs ``(B, N)`` -> the answer to each row, with words in seconds of that row."""

_BATCH = 16  # windows read at once


@dataclass(frozen=True)
class LongAudio:
    """How a long recording is cut; short ones are read whole, as in training.

    Args:
        longest_s: of what is read at once. A model that was trained on sentences reads a longer
            stretch worse, so twice the longest of them is a good bound.
        overlap_s: that two windows of one stretch of speech share, below ``longest_s``.
        margin_s: heard before and after each stretch, up to half-way to the next.
        other_margin_s: that of the second reading; None: each stretch is read but once.
        detect: where somebody speaks; None: by energy, or a `rnnmm.detection.LearnedActivity`.
    """

    longest_s: Positive = 30.0
    overlap_s: NotNegative = 2.0
    margin_s: NotNegative = 0.6
    other_margin_s: NotNegative | None = 1.0
    detect: Detect | None = None

    def __post_init__(self) -> None:
        if self.overlap_s >= self.longest_s:
            raise ValueError(
                f"LongAudio: expected overlap_s below longest_s, got {self.overlap_s:g} and "
                f"{self.longest_s:g}"
            )

    def readings(self, samples: Pcm, sample_rate: int) -> list[list[list[Window]]]:
        """By reading and stretch of speech, what is read at once; nothing where nobody speaks."""
        detect = self.detect or speech_segments
        duration_s = len(samples) / sample_rate
        segments = detect(samples, sample_rate)
        others = () if self.other_margin_s is None else (self.other_margin_s,)
        return [
            plan_windows(segments, duration_s, self.longest_s, self.overlap_s, margin_s)
            for margin_s in (self.margin_s, *others)
        ]


def read_long(
    row: int, samples: Tensor, sample_rate: int, long_audio: LongAudio, read: Read
) -> Prediction:
    """One answer for a recording of any length.

    Where two windows overlap, the words whose middle is nearer to one of them are that one's. Of a
    window whose words have no times all words count. Of two readings of a stretch that of the
    higher score counts, the first where they are equal.

    Args:
        row: of the store.
        samples: ``(N,)`` int16 PCM.
        sample_rate: Hz.
        long_audio: how to cut.
        read: what answers a batch of windows.
    """
    plans = long_audio.readings(samples.cpu().numpy(), sample_rate)
    windows = [window for plan in plans for stretch in plan for window in stretch]
    answers = _answers(samples, sample_rate, windows, read)
    readings = [
        [[_placed(window, next(answers)) for window in stretch] for stretch in plan]
        for plan in plans
    ]
    found = [one for same in zip(*readings) for one in max(same, key=_total_score)]
    text = " ".join(one.hypothesis for one in found if one.hypothesis)
    score = _total_score(found)
    words = tuple(word for one in found for word in one.words)
    return Prediction(row, text, score, words=words, nbest=((text, score),))


def _total_score(answers: Sequence[Prediction]) -> float:
    return sum(one.score for one in answers)


def _answers(
    samples: Tensor, sample_rate: int, windows: Sequence[Window], read: Read
) -> Iterator[Prediction]:
    for start in range(0, len(windows), _BATCH):
        cuts = [
            samples[seconds_to_samples(one.start_s, sample_rate) :][
                : seconds_to_samples(one.end_s - one.start_s, sample_rate)
            ]
            for one in windows[start : start + _BATCH]
        ]
        yield from read(Padded.stack(cuts))


def _placed(window: Window, answer: Prediction) -> Prediction:
    """In seconds of the recording, without the words that are another window's."""
    if not answer.words:
        return answer
    moved = [
        word._replace(start_s=word.start_s + window.start_s, end_s=word.end_s + window.start_s)
        for word in answer.words
    ]
    kept = tuple(
        word for word in moved if window.from_s <= (word.start_s + word.end_s) / 2 < window.to_s
    )
    return answer._replace(hypothesis=" ".join(word.text for word in kept), words=kept)
