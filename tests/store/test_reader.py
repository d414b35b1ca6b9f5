import dataclasses
import json
import pickle
import shutil

import fake_decoders
import numpy as np
import pytest
from fake_decoders import FakeDecoding

import rnnmm.store.preprocess as module
from rnnmm.manifest import Segment
from rnnmm.store.reader import open_store, verify
from rnnmm.store.shard import SCHEMA

CONTENTS = ["sound 5", "video 2", "bad 0", "features 3", "sound 1000", "sound 7"]


@pytest.fixture(scope="module")
def original(tmp_path_factory, write_corpus):
    root = tmp_path_factory.mktemp("reader")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "decode", fake_decoders.decode)
        manifest = write_corpus(root / "media", CONTENTS)
        return module.preprocess(manifest, FakeDecoding(), root, workers=1, max_bad_fraction=1.0)


@pytest.fixture
def folder(original, tmp_path):
    return shutil.copytree(original, tmp_path / original.name)


@pytest.fixture
def shard(folder):
    """The file that holds item 4."""
    key = open_store(folder).column("shard")[3]
    return folder / "shards" / f"{key}.arrow"


def test_payloads_come_back(folder):
    store = open_store(folder)
    assert len(store) == 5 and len(store.info["shards"]) == 2
    np.testing.assert_array_equal(store.audio(0), np.arange(5))
    np.testing.assert_array_equal(store.audio(1), np.full(20, 2))
    np.testing.assert_array_equal(store.frames(1).reshape(-1), np.arange(36))
    assert store.frames(1).shape == (2, 2, 3, 3) and store.frames(1).dtype == np.uint8
    np.testing.assert_array_equal(store.features(2).reshape(-1), np.arange(39))
    assert store.features(2).shape == (3, 13) and store.features(2).dtype == np.float32
    np.testing.assert_array_equal(store.audio(3), np.arange(1000))
    assert store.audio(4).dtype == np.int16 and len(store.audio(4)) == 7


@pytest.fixture(scope="module")
def films(tmp_path_factory, write_corpus):
    """A store of a film, raw frames and a film."""
    root = tmp_path_factory.mktemp("films")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "decode", fake_decoders.decode)
        manifest = write_corpus(root / "media", ["reel 40", "video 9", "reel 3"])
        return open_store(module.preprocess(manifest, FakeDecoding(), root, workers=1))


def test_frames_of_a_film(films):
    verify(films)
    assert films.num_frames.tolist() == [40, 9, 3]
    assert films.column("height") == [20, 2, 20] and films.column("width") == [30, 3, 30]
    for i, length in ((0, 40), (2, 3)):
        frames = films.frames(i)
        assert frames.dtype == np.uint8 and frames.shape == (length, 20, 30, 3)
        assert np.abs(frames.astype(int) - fake_decoders.gliding(length)).max() <= 4
    np.testing.assert_array_equal(films.frames(1).reshape(-1), np.arange(9 * 18) % 256)


@pytest.mark.parametrize("i", [0, 1])
@pytest.mark.parametrize(
    ("start", "count", "stride"), [(0, 9, 1), (8, 1, 1), (2, 3, 3), (5, 2, 2)]
)
def test_a_clip_is_a_part_of_the_frames(films, i, start, count, stride):
    clip = films.clip(i, start, count, stride)
    expected = films.frames(i)[start : start + count * stride : stride]
    assert len(clip) == count
    np.testing.assert_array_equal(clip, expected)


def test_a_clip_of_raw_frames_is_a_view(films):
    assert np.shares_memory(films.clip(1, 2, 3, 2), films.frames(1))


@pytest.mark.parametrize(
    ("start", "count", "stride"), [(-1, 2, 1), (0, 0, 1), (0, 2, 0), (7, 3, 1), (0, 3, 5)]
)
def test_a_clip_beyond_the_item_is_refused(films, start, count, stride):
    message = (
        rf"expected frames within the 9 of item item1, got start {start}, count {count}, "
        rf"stride {stride}"
    )
    with pytest.raises(ValueError, match=message):
        films.clip(1, start, count, stride)


def test_absent_streams_are_empty(folder):
    store = open_store(folder)
    assert store.audio(2).shape == (0,)
    assert store.frames(0).shape == (0, 0, 0, 3)
    assert store.features(0).shape == (0, 0)


def test_lengths_agree_with_the_payloads(folder):
    store = open_store(folder)
    for lengths, payload in [
        (store.num_samples, store.audio),
        (store.num_frames, store.frames),
        (store.num_feature_frames, store.features),
    ]:
        assert lengths.dtype == np.int64
        assert lengths.tolist() == [len(payload(i)) for i in range(len(store))]
    assert store.num_samples.tolist() == [5, 20, 0, 1000, 7]


def test_views_share_the_mapped_memory(folder):
    store = open_store(folder)
    assert np.shares_memory(store.audio(0), store.audio(0))
    assert np.shares_memory(store.frames(1), store.frames(1))
    assert np.shares_memory(store.features(2), store.features(2))
    assert not store.audio(0).flags.writeable


def test_columns_and_splits(folder):
    store = open_store(folder)
    assert store.ids == ["item0", "item1", "item3", "item4", "item5"]
    assert store.column("text") == ["text 0", "text 1", "text 3", "text 4", "text 5"]
    assert store.column("captions")[0] == ["a", "b"]
    assert store.column("label") == [None] * 5
    assert store.rows("train").tolist() == [0, 2]
    assert store.rows("val").tolist() == [1, 3]
    assert store.rows("test").dtype == np.int64
    assert repr(store) == f"Store({folder.name}: train 2, val 2, test 1; 2 shards)"


def test_segments_come_back_and_cost_nothing_where_there_are_none(
    folder, tmp_path, write_corpus, monkeypatch
):
    assert open_store(folder).segments() == [None] * 5
    assert "segment_labels" not in open_store(folder).index.column_names
    monkeypatch.setattr(module, "decode", fake_decoders.decode)
    manifest = write_corpus(tmp_path / "media", ["sound 5", "bad 1", "sound 2", "sound 3"])
    known = ((Segment(0.5, 1.0, "sit"), Segment(0.0, 2.5, "read")), None, (), None)
    items = [dataclasses.replace(i, segments=s) for i, s in zip(manifest.items, known)]
    manifest = dataclasses.replace(manifest, items=tuple(items))
    made = module.preprocess(manifest, FakeDecoding(), tmp_path, workers=1, max_bad_fraction=1.0)
    assert open_store(made).segments() == [known[0], (), None]


def test_unknown_columns_and_splits_are_refused(folder):
    store = open_store(folder)
    with pytest.raises(ValueError, match=r"expected one of \['id', .*, got txt"):
        store.column("txt")
    with pytest.raises(ValueError, match="expected split train, val or test, got 'dev'"):
        store.rows("dev")


def test_it_opens_itself_anew_in_another_process(folder):
    store = open_store(folder)
    store.audio(3)
    travelling = pickle.dumps(store)
    assert len(travelling) < 500
    assert pickle.loads(travelling).fingerprint == store.fingerprint == store.info["digest"]


def test_verify_passes_a_sound_store_and_no_other(folder, shard):
    verify(open_store(folder))
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    with pytest.raises(ValueError, match=f"{shard.name}: "):
        verify(open_store(folder))


@pytest.mark.parametrize(
    "tear", [lambda b: b[:-1], lambda b: b[: len(b) // 2], lambda b: b + b"x"]
)
def test_a_torn_shard_is_found_at_open(folder, shard, tear):
    shard.write_bytes(tear(shard.read_bytes()))
    with pytest.raises(ValueError, match=rf"{shard.name}: expected \d+ bytes, got \d+; delete it"):
        open_store(folder)


def test_a_lost_shard_is_found_at_open(folder, shard):
    shard.unlink()
    with pytest.raises(ValueError, match=rf"{shard.name}: expected \d+ bytes, got no file"):
        open_store(folder)


def test_a_garbled_shard_is_named_when_it_is_mapped(folder, shard):
    shard.write_bytes(bytes(shard.stat().st_size))
    store = open_store(folder)
    assert len(store.audio(0)) == 5  # of another shard
    for read in (lambda: store.audio(3), lambda: verify(store)):
        with pytest.raises(ValueError, match=f"{shard.name}: expected a whole shard, got a dam"):
            read()


def test_one_flipped_bit_of_the_payload_is_found_by_verify(folder, shard):
    content = bytearray(shard.read_bytes())
    content[content.index(np.arange(1000, dtype=np.int16).tobytes()) + 100] ^= 1
    shard.write_bytes(bytes(content))
    with pytest.raises(ValueError, match=f"{shard.name}: the payload of item item4 differs"):
        verify(open_store(folder))


def test_one_flipped_bit_of_the_index_is_found_by_verify(folder):
    store = open_store(folder)
    content = bytearray((folder / "index.parquet").read_bytes())
    content[100] ^= 1
    (folder / "index.parquet").write_bytes(bytes(content))
    with pytest.raises(ValueError, match=r"index\.parquet: its content differs from its digest"):
        verify(store)


def test_a_changed_digest_is_found_by_verify(folder):
    info = json.loads((folder / "store.json").read_text())
    info["shards"][0]["digest"] = "0" * 32
    (folder / "store.json").write_text(json.dumps(info))
    with pytest.raises(ValueError, match=r"differs from its digest in store\.json; delete it"):
        verify(open_store(folder))


def test_an_unfinished_store_says_what_to_do(tmp_path):
    with pytest.raises(ValueError, match=r"expected a finished store, found no store\.json; run"):
        open_store(tmp_path)


def test_a_torn_index_is_named(folder):
    (folder / "index.parquet").write_bytes(b"PAR1")
    with pytest.raises(ValueError, match=r"index\.parquet: expected the index of a store"):
        open_store(folder)


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"shards": [1], "schema": 1}'])
def test_a_garbled_description_is_named(folder, content):
    (folder / "store.json").write_text(content)
    with pytest.raises(ValueError, match=r"store\.json: expected the description of a store"):
        open_store(folder)


@pytest.mark.parametrize("change", [{"schema": 99}, {"shards": [{"key": "../../outside"}]}])
def test_another_version_or_a_way_out_is_refused(folder, change):
    info = json.loads((folder / "store.json").read_text())
    (folder / "store.json").write_text(json.dumps(info | change))
    with pytest.raises(ValueError, match=f"expected a store of version {SCHEMA}"):
        open_store(folder)
