import copy
import itertools

import numpy as np
import pytest
import soundfile

from rnnmm.manifest import Item, Manifest
from rnnmm.media.decode import Decoding
from rnnmm.store.joined import Joining
from rnnmm.store.preprocess import preprocess
from rnnmm.store.reader import Store, open_store

RATE = 8000
SIZES = (4000, 1600, 2400, 3200, 4800, 8000)  # 0.5 0.2 0.3 | 0.4 0.6 1.0 s
WORDS = ("one", "two two", "three", "four", "", None)
SPLITS = ("test", "test", "test", "val", "val", "val")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    root = tmp_path_factory.mktemp("media")
    for number, size in enumerate(SIZES):
        wave = np.full(size, number + 1, np.int16)
        soundfile.write(root / f"{number}.wav", wave, RATE, subtype="PCM_16")
    items = [
        Item(str(n), f"{n}.wav", split, text=text)
        for n, (split, text) in enumerate(zip(SPLITS, WORDS))
    ]
    path = preprocess(Manifest("hum", root, tuple(items)), Decoding(sample_rate=RATE), root / "s")
    return open_store(path)


def turns(samples: np.ndarray) -> list[tuple[int, int]]:
    """Which item and how much of it, one after the other."""
    edges = [0, *np.flatnonzero(np.diff(samples)) + 1, len(samples)]
    return [(int(samples[a]) - 1, b - a) for a, b in itertools.pairwise(edges)]


def test_a_short_split_is_one_recording_of_whole_rounds(store: Store) -> None:
    joined = Joining(length_s=2.5).over(store)
    (row,) = joined.rows("test").tolist()
    samples = joined.audio(row)
    assert samples.dtype == np.int16
    assert len(samples) == joined.num_samples[row] == 3 * 8000
    members = list(joined.members[row])
    expected = np.concatenate([store.audio(one) for one in members])
    assert np.array_equal(samples, expected)
    assert [sorted(members[at : at + 3]) for at in (0, 3, 6)] == [[0, 1, 2]] * 3
    assert len({tuple(members[at : at + 3]) for at in (0, 3, 6)}) > 1, "always one order"
    assert joined.text(row) == " ".join(str(WORDS[one]) for one in members)


def test_items_without_a_transcript_are_left_out_and_an_empty_one_adds_nothing(
    store: Store,
) -> None:
    joined = Joining(length_s=1.0).over(store)
    (row,) = joined.rows("val").tolist()
    assert sorted(joined.members[row]) == [3, 4]
    assert joined.text(row) == "four"


def test_a_long_split_becomes_several_recordings(store: Store) -> None:
    joined = Joining(length_s=0.5).over(store)
    rows = joined.rows("test").tolist()
    assert [joined.ids[row] for row in rows] == ["test-0", "test-1"]
    assert sorted(one for row in rows for one in joined.members[row]) == [0, 1, 2]
    assert all(
        turns(joined.audio(row)) == [(one, SIZES[one]) for one in joined.members[row]]
        for row in rows
    )


def test_the_order_is_a_function_of_the_seed(store: Store) -> None:
    once, again, other = (Joining(20.0, seed).over(store) for seed in (0, 0, 1))
    assert once.members == again.members != other.members
    assert once.fingerprint == again.fingerprint
    assert len({one.fingerprint for one in (store, once, other)}) == 3
    shard = store.info["shards"][0]
    assert once.content_digest(shard) not in {other.content_digest(shard), shard["digest"]}
    assert copy.copy(once).members == once.members
    assert (once.joining.name, other.joining.name) == ("joined_20s", "joined_20s_seed1")


def test_it_tells_what_it_is(store: Store) -> None:
    joined = Joining(1.0).over(store)
    assert joined.info["name"] == "hum joined to recordings of 1 s"
    assert joined.info["splits"] == {"train": 0, "val": 1, "test": 1}
    assert len(joined) == joined.info["num_items"] == 2
    assert joined.column("speaker") == joined.column("group") == [None, None]
    assert joined.num_frames.tolist() == joined.num_feature_frames.tolist() == [0, 0]
    assert len(joined.frames(0)) == len(joined.features(0)) == 0


def test_nothing_is_a_store_of_nothing(store: Store) -> None:
    assert Joining(1.0).over(store).rows("train").tolist() == []
