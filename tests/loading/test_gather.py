from typing import ClassVar

import numpy as np
import pytest
import soundfile

from rnnmm.batch import AudioVisual
from rnnmm.loading.gather import gather, parts, payload_dim, payload_lengths
from rnnmm.loading.ring import Ring
from rnnmm.manifest import Item, Manifest
from rnnmm.media.decode import Decoding
from rnnmm.store.preprocess import preprocess
from rnnmm.store.reader import Store, open_store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    root = tmp_path_factory.mktemp("media")
    for number, samples in enumerate((80, 30, 50)):
        wave = np.full(samples, number + 1, np.int16)
        soundfile.write(root / f"{number}.wav", wave, 8000, subtype="PCM_16")
    items = tuple(Item(str(n), f"{n}.wav", "train") for n in range(3))
    manifest = Manifest("tones", root, items)
    return open_store(preprocess(manifest, Decoding(sample_rate=8000), root / "stores"))


def test_rows_come_in_the_order_asked_for_padded_with_zeros(store: Store) -> None:
    x = gather(store, [2, 0, 1], "audio")
    assert x.lengths.tolist() == [50, 80, 30]
    assert [row.unique().tolist() for row in x.rows()] == [[3], [1], [2]]
    assert not x.data[~x.mask].any()
    assert x.data.dtype.itemsize == 2


def test_what_a_buffer_held_before_shows_nowhere(store: Store) -> None:
    ring = Ring(1)
    ring.empty((3, 80), np.dtype(np.int16)).fill_(-7)
    for rows in ([0, 1], [1, 2, 1], [1], [2, 0, 1]):
        fresh, ringed = gather(store, rows, "audio"), gather(store, rows, "audio", ring)
        assert ringed.data.equal(fresh.data)
        assert ringed.lengths.equal(fresh.lengths)
        del ringed
    assert len(ring._buffers) == 1


def test_lengths_and_sizes_are_told_without_reading(store: Store) -> None:
    assert payload_lengths(store, "audio").tolist() == [80, 30, 50]
    assert payload_lengths(store, "frames").tolist() == [0, 0, 0]
    assert (payload_dim(store, "audio"), payload_dim(store, "frames")) == (1, 3)


def test_features_that_are_not_there_are_named(store: Store) -> None:
    with pytest.raises(ValueError, match="expected stored features of one size, got"):
        payload_dim(store, "features")


class Talkies:
    """Items with sound and pictures, without sound, without pictures."""

    num_samples = np.array([700, 0, 1600])
    num_frames = np.array([2, 3, 0])
    info: ClassVar = {"decoding": {"sample_rate": 8000, "frame_rate": 25.0}}

    def audio(self, row: int) -> np.ndarray:
        return np.full(self.num_samples[row], row + 1, np.int16)

    def frames(self, row: int) -> np.ndarray:
        size = (4, 6, 3) if self.num_frames[row] else (0, 0, 3)  # as a store gives them
        return np.full((self.num_frames[row], *size), row + 1, np.uint8)


@pytest.mark.parametrize("rows", [[0, 1, 2], [2, 1], [1], [2]])
def test_of_sound_and_pictures_what_is_missing_is_of_length_zero(rows: list[int]) -> None:
    ring = Ring(2)
    ring.empty((3, 1600), np.dtype(np.int16)).fill_(-7)
    x = gather(Talkies(), rows, "audio+frames", ring)
    assert isinstance(x, AudioVisual)
    assert x.lengths.tolist() == Talkies.num_samples[rows].tolist()
    assert x.pictures.lengths.tolist() == Talkies.num_frames[rows].tolist()
    for part in (x.sound, x.pictures):
        assert not part.data[~part.mask].any()
        assert part.data.shape[1] >= 1  # even where nobody has it
        for row, payload in zip(rows, part.rows()):
            assert (payload == row + 1).all()


def test_of_sound_and_pictures_the_longer_counts_in_samples() -> None:
    assert payload_lengths(Talkies(), "audio+frames").tolist() == [700, 960, 1600]
    assert payload_dim(Talkies(), "audio+frames") == 1
    assert (parts("audio+frames"), parts("text")) == (["audio", "frames"], ["text"])


def test_a_store_of_sound_alone_has_no_pictures_to_count(store: Store) -> None:
    assert payload_lengths(store, "audio+frames").tolist() == [80, 30, 50]
