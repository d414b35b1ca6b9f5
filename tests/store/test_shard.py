import gc
import os
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from fake_decoders import FakeDecoded

from rnnmm.store import shard
from rnnmm.store.row import decoded_row, faulty_row
from rnnmm.store.shard import check_shard, map_shard, write_shard


def _rows():
    frames = np.random.default_rng(0).integers(0, 256, (4, 2, 3, 3), dtype=np.uint8)
    film = SimpleNamespace(
        data=np.arange(60, dtype=np.uint8),
        packet_bytes=np.array([40, 20], np.int32),
        height=5,
        width=7,
    )
    return [
        decoded_row("sound", FakeDecoded(audio=np.arange(1000, dtype=np.int16))),
        faulty_row("bad", "no moov atom"),
        decoded_row("film", FakeDecoded(audio=np.ones(7, np.int16), frames=frames)),
        decoded_row("reel", FakeDecoded(film=film)),
        decoded_row("mfcc", FakeDecoded(features=np.ones((5, 13), np.float32))),
    ]


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "a.arrow"
    write_shard(path, [row.id for row in _rows()], iter(_rows()))
    return path


def test_rows_come_back_bit_for_bit(written):
    (block,) = map_shard(written)
    assert block.ids.to_pylist() == ["sound", "bad", "film", "reel", "mfcc"]
    assert block.faults.to_pylist() == ["", "no moov atom", "", "", ""]
    for n, row in enumerate(_rows()):
        np.testing.assert_array_equal(block.audio[n], row.audio)
        np.testing.assert_array_equal(block.frames[n], row.frames)
        np.testing.assert_array_equal(block.packet_bytes[n], row.packet_bytes)
        assert tuple(block.frame_shapes[n]) == row.frame_shape
        np.testing.assert_array_equal(block.features[n], row.features.reshape(-1))
        assert block.crc32s[n] == row.crc32 == block.payload_crc32(n)
    assert block.frame_shapes[2].tolist() == [4, 2, 3, 3]
    assert block.frame_shapes[3].tolist() == [2, 5, 7, 3]
    assert block.feature_dims.tolist() == [0, 0, 0, 0, 13]


def test_rows_are_read_only_views_of_one_buffer(written):
    (block,) = map_shard(written)
    for values in (block.audio.values, block.frames.values, block.features.values):
        assert not values.flags.writeable and not values.flags.owndata
    assert np.shares_memory(block.audio[0], block.audio.values)


def test_mapping_keeps_no_file_open_and_outlives_the_name(written):
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    (block,) = map_shard(written)
    assert len(os.listdir("/proc/self/fd")) == before
    written.unlink()
    assert block.audio[0][-1] == 999


def test_large_shards_are_written_in_several_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(shard, "_BATCH_BYTES", 1500)
    write_shard(tmp_path / "a.arrow", [row.id for row in _rows()], iter(_rows()))
    blocks = map_shard(tmp_path / "a.arrow")
    assert [len(block) for block in blocks] == [1, 4]
    assert blocks[1].audio[1].tolist() == [1] * 7


def test_a_shard_may_hold_nothing_but_faults(tmp_path):
    write_shard(tmp_path / "a.arrow", ["x"], [faulty_row("x", "empty file")])
    (block,) = map_shard(tmp_path / "a.arrow")
    assert block.faults.to_pylist() == ["empty file"]


def test_the_payload_order_of_strided_frames_is_kept(tmp_path):
    frames = np.arange(2 * 2 * 3 * 3, dtype=np.uint8).reshape(2, 2, 3, 3)[::-1]
    write_shard(tmp_path / "a.arrow", ["x"], [decoded_row("x", FakeDecoded(frames=frames))])
    (block,) = map_shard(tmp_path / "a.arrow")
    np.testing.assert_array_equal(block.frames[0].reshape(2, 2, 3, 3), frames)


@pytest.mark.parametrize("keep", [0, 7, 100, -1])
def test_a_torn_shard_is_named(written, keep):
    written.write_bytes(written.read_bytes()[:keep])
    with pytest.raises(
        ValueError, match=r"a\.arrow: expected a whole shard.*delete it and run preprocess"
    ):
        map_shard(written)


def test_any_flipped_bit_is_an_error_or_harmless_never_a_crash(written):
    good = written.read_bytes()
    reference = [row.num_bytes for row in _rows()]
    rng = np.random.default_rng(1)
    for position in rng.integers(0, len(good), 300):
        bad = bytearray(good)
        bad[position] ^= 1 << rng.integers(8)
        written.write_bytes(bytes(bad))
        try:
            check_shard(written, [row.id for row in _rows()])
        except ValueError:
            continue
        (block,) = map_shard(written)  # padding, or a word that nobody reads
        assert [len(block.audio[n]) * 2 for n in (0, 1)] == reference[:2]


def test_a_flipped_bit_in_the_payload_is_pinned_to_its_item(written):
    content = bytearray(written.read_bytes())
    content[content.index(np.arange(1000, dtype=np.int16).tobytes()) + 11] ^= 4
    written.write_bytes(bytes(content))
    with pytest.raises(ValueError, match="payload of item sound differs from its CRC-32"):
        check_shard(written)


def test_other_items_than_planned_are_refused(written):
    with pytest.raises(ValueError, match="expected the 1 planned items, got other ones"):
        check_shard(written, ["sound"])


def test_an_arrow_file_with_other_columns_is_no_shard(tmp_path):
    table = pa.table({"id": ["x"]})
    with (
        pa.OSFile(str(tmp_path / "a.arrow"), "wb") as file,
        pa.ipc.new_file(file, table.schema) as writer,
    ):
        writer.write_table(table)
    with pytest.raises(ValueError, match="columns are not those of a shard"):
        map_shard(tmp_path / "a.arrow")


def test_lengths_that_do_not_fit_the_shapes_are_found(tmp_path, monkeypatch):
    monkeypatch.setattr(shard, "check_shard", lambda *_: None)
    monkeypatch.setattr(shard, "_int_array", lambda values: pa.array([5] * 5, pa.int32()))
    write_shard(tmp_path / "a.arrow", [], _rows())
    with pytest.raises(ValueError, match="lengths do not fit its shapes"):
        map_shard(tmp_path / "a.arrow")


def test_a_failing_write_leaves_no_file(tmp_path):
    def rows():
        yield _rows()[0]
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        write_shard(tmp_path / "a.arrow", ["sound"], rows())
    assert list(tmp_path.iterdir()) == []
