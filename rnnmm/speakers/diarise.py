"""Who spoke when in one recording: speech, windows, embeddings, clusters, turns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnnmm.metrics.diarisation import Turn
from rnnmm.speakers.activity import Detect, Pcm, speech_segments
from rnnmm.speakers.scoring import Matrix
from rnnmm.units import seconds_to_samples

Embed = Callable[[Sequence[Pcm]], Matrix]
"""Windows ``(N_i,)`` of PCM -> ``(I, D)`` embeddings."""
Cluster = Callable[[Matrix], NDArray[np.int64]]
"""``(I, D)`` embeddings -> ``(I,)`` labels: `rnnmm.speakers.cluster` with its second argument."""


@dataclass(frozen=True, slots=True)
class Windows:
    """How speech is cut into pieces short enough to be of one person.

    Args:
        window_s: > 0, of a piece; the last of a segment ends where the segment does.
        hop_s: > 0, at most ``window_s``: from one to the next.
    """

    window_s: float = 1.5
    hop_s: float = 0.75


def diarise(
    samples: Pcm,
    sample_rate: int,
    embed: Embed,
    cluster: Cluster,
    windows: Windows | None = None,
    detect: Detect = speech_segments,
) -> list[Turn]:
    """Turns of speakers "1", "2", ... in order of appearance; one at a time, no overlap.

    Every moment of speech belongs to the window whose middle is nearest.

    Args:
        samples: ``(N,)`` int16 PCM.
        sample_rate: Hz.
        embed: the voice model.
        cluster: which embeddings are of one person.
        windows: None: 1.5 s, every 0.75 s.
        detect: where anybody speaks.

    Returns:
        Turns in order; none for a recording without speech.
    """
    segments = detect(samples, sample_rate)
    cuts = [_cut(segment, windows or Windows()) for segment in segments]
    if not cuts:
        return []
    pieces = [
        samples[seconds_to_samples(start, sample_rate) : seconds_to_samples(end, sample_rate)]
        for start, end in np.concatenate(cuts)
    ]
    labels = cluster(embed(pieces))
    parts = np.split(labels, np.cumsum([len(cut) for cut in cuts])[:-1])
    found = (_turns(*each) for each in zip(segments, cuts, parts))
    return [turn for turns in found for turn in turns]


def _cut(segment: NDArray[np.float64], windows: Windows) -> NDArray[np.float64]:
    """``(2,)`` a segment -> ``(I, 2)`` windows in it, at least one, to its very end."""
    start, end = segment
    last = max(start, end - windows.window_s)
    num_hops = int(np.ceil(round((last - start) / windows.hop_s, 6)))
    starts = np.minimum(start + windows.hop_s * np.arange(num_hops + 1), last)
    return np.stack([starts, np.minimum(starts + windows.window_s, end)], axis=1)


def _turns(
    segment: NDArray[np.float64], windows: NDArray[np.float64], labels: NDArray[np.int64]
) -> list[Turn]:
    middles = windows.mean(axis=1)  # (I,)
    edges = np.concatenate([segment[:1], (middles[1:] + middles[:-1]) / 2, segment[1:]])
    changes = np.flatnonzero(np.diff(labels)) + 1
    starts, ends = np.append(0, changes), np.append(changes, len(labels))
    return [
        Turn(float(edges[a]), float(edges[b]), str(labels[a] + 1)) for a, b in zip(starts, ends)
    ]
