"""Voices are pitches: an embedding is a spectrum, and who speaks is known to the sample."""

from functools import partial

import numpy as np
import pytest

from rnnmm.metrics.diarisation import Turn, count_diarisation_errors
from rnnmm.speakers.cluster import cluster_by_number, cluster_by_similarity
from rnnmm.speakers.diarise import Windows, diarise

RATE = 8000


def recording(turns: list[Turn], seconds: float) -> np.ndarray:
    rng = np.random.default_rng(0)
    wave = 1e-3 * rng.standard_normal(round(RATE * seconds))
    for turn in turns:
        a, b = round(RATE * turn.start_s), round(RATE * turn.end_s)
        pitch_hz = {"a": 300, "b": 700, "c": 1500}[turn.speaker]
        wave[a:b] += 0.3 * np.sin(2 * np.pi * pitch_hz * np.arange(b - a) / RATE)
    return (wave * 32767).astype(np.int16)


def spectra(pieces: list[np.ndarray]) -> np.ndarray:
    return np.stack([np.abs(np.fft.rfft(piece, RATE))[:2000] for piece in pieces])


TALK = [
    Turn(0.5, 4.0, "a"), Turn(5.0, 6.2, "b"), Turn(6.2, 10.0, "a"), Turn(11.0, 13.0, "c"),
    Turn(14.0, 14.3, "b"),
]  # fmt: skip


@pytest.mark.parametrize(
    "cluster",
    [partial(cluster_by_number, num_clusters=3), partial(cluster_by_similarity, min_cosine=0.4)],
)
def test_a_talk_is_found(cluster: partial) -> None:
    found = diarise(recording(TALK, 15), RATE, spectra, cluster, Windows(0.5, 0.25))
    assert [turn.speaker for turn in found] == ["1", "2", "1", "3", "2"]
    assert count_diarisation_errors(TALK, found, collar_s=0.25).rate < 0.02
    assert count_diarisation_errors(TALK, found).rate < 0.08


def test_windows_cover_speech_once_and_to_its_end() -> None:
    seen: list[int] = []

    def embed(pieces: list[np.ndarray]) -> np.ndarray:
        seen.extend(len(piece) for piece in pieces)
        return spectra(pieces)

    turns = diarise(
        recording([Turn(1, 5.1, "a")], 6), RATE, embed, partial(cluster_by_number, num_clusters=1),
        Windows(1.0, 0.5),
    )  # fmt: skip
    assert [(round(t.start_s, 1), round(t.end_s, 1), t.speaker) for t in turns] == [
        (1.0, 5.1, "1")
    ]
    assert seen == [RATE] * 8


def test_silence_has_no_turns() -> None:
    for samples in (np.zeros(RATE, np.int16), np.zeros(0, np.int16)):
        assert diarise(samples, RATE, spectra, partial(cluster_by_number, num_clusters=1)) == []
