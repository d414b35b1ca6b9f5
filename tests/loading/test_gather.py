import numpy as np
import pytest
import soundfile

from rnnmm.loading.gather import gather, payload_dim, payload_lengths
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
