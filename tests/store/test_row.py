import zlib
from types import SimpleNamespace

import numpy as np
import pytest
from fake_decoders import FakeDecoded

from rnnmm.store.row import decoded_row, faulty_row


def test_streams_that_are_absent_are_empty():
    row = decoded_row("x", FakeDecoded(audio=np.ones(3, np.int16)))
    assert row.frame_shape == (0, 0, 0, 3) and row.features.shape == (0, 0)
    assert len(row.frames) == len(row.packet_bytes) == 0
    assert row.fault == "" and row.num_bytes == 6


def test_the_crc_runs_over_audio_then_frames_then_features():
    audio, features = np.arange(5, dtype=np.int16), np.ones((2, 3), np.float32)
    frames = np.full((1, 2, 2, 3), 7, np.uint8)
    row = decoded_row("x", FakeDecoded(audio, frames, features))
    assert row.crc32 == zlib.crc32(audio.tobytes() + frames.tobytes() + features.tobytes())
    assert faulty_row("x", "torn").crc32 == 0


def test_a_film_is_its_packets_and_their_sizes():
    film = SimpleNamespace(
        data=np.arange(9, dtype=np.uint8),
        packet_bytes=np.array([5, 4], np.int32),
        height=2,
        width=3,
    )
    row = decoded_row("x", FakeDecoded(film=film))
    assert row.frame_shape == (2, 2, 3, 3) and row.num_bytes == 9
    assert row.crc32 == zlib.crc32(film.data.tobytes() + film.packet_bytes.tobytes())


def test_decoding_to_nothing_is_a_fault():
    assert decoded_row("x", FakeDecoded()).fault == "decoded to nothing: no sample, no frame"
    assert decoded_row("x", FakeDecoded(audio=np.zeros(0, np.int16))).fault


@pytest.mark.parametrize(
    "decoded",
    [
        FakeDecoded(audio=np.zeros(3)),
        FakeDecoded(audio=np.zeros((3, 1), np.int16)),
        FakeDecoded(frames=np.zeros((3, 2, 2), np.uint8)),
        FakeDecoded(frames=np.zeros((1, 2, 2, 4), np.uint8)),
        FakeDecoded(features=np.zeros((3, 2))),
    ],
)
def test_a_decoder_that_breaks_its_word_is_our_fault(decoded):
    with pytest.raises(AssertionError):
        decoded_row("x", decoded)
