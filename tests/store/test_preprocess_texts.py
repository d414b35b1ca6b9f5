import dataclasses

import pytest

from rnnmm.loading.gather import payload_lengths
from rnnmm.manifest import Item, Manifest
from rnnmm.store.ledger import read_ledger
from rnnmm.store.preprocess import index_texts
from rnnmm.store.reader import open_store, verify


@pytest.fixture
def manifest(tmp_path) -> Manifest:
    """Three lines of one file, which is no media."""
    (tmp_path / "a.txt").write_text("anything")
    texts = {"train": "one two", "val": "three", "test": ""}
    items = [Item(split, "a.txt", split, text=text) for split, text in texts.items()]
    return Manifest("lines", tmp_path, tuple(items), ("a part",), (("b.txt", "no text"),))


def test_a_store_of_texts_has_an_index_and_no_media(manifest, tmp_path):
    folder = index_texts(manifest, tmp_path / "stores")
    store = open_store(folder)
    verify(store)
    assert folder.name.startswith("lines-")
    assert store.ids == ["train", "val", "test"]
    assert [store.text(row) for row in range(3)] == ["one two", "three", ""]
    assert store.rows("val").tolist() == [1]
    assert payload_lengths(store, "text").tolist() == [7, 5, 0]
    for kind in ("audio", "frames", "features"):
        assert payload_lengths(store, kind).tolist() == [0, 0, 0]
    assert store.info["splits"] == {"train": 1, "val": 1, "test": 1}
    assert (store.info["num_items"], store.info["findings"]) == (3, ["a part"])
    assert [(entry.path, entry.reason) for entry in read_ledger(folder)] == [("b.txt", "no text")]


def test_a_store_of_texts_is_found_again_and_restored(manifest, tmp_path):
    folder = index_texts(manifest, tmp_path)
    before = open_store(folder)
    times = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert index_texts(manifest, tmp_path) == folder
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == times
    (folder / "index.parquet").write_bytes(b"torn")
    index_texts(manifest, tmp_path)
    assert open_store(folder).fingerprint == before.fingerprint
    first, *rest = manifest.items
    for changed in (
        dataclasses.replace(first, text="one"),
        dataclasses.replace(first, split="val"),
    ):
        other = index_texts(dataclasses.replace(manifest, items=(changed, *rest)), tmp_path)
        assert other != folder
        assert open_store(other).fingerprint != before.fingerprint


def test_items_without_a_text_are_listed(manifest, tmp_path):
    mute = dataclasses.replace(manifest.items[0], id="mute", text=None)
    more = dataclasses.replace(manifest, items=(*manifest.items, mute))
    with pytest.raises(ValueError, match=r"1 of 4 items could not .* mute \(a\.txt: no text\)"):
        index_texts(more, tmp_path)
    folder = index_texts(more, tmp_path, max_bad_fraction=0.25)
    assert open_store(folder).ids == ["train", "val", "test"]
    assert open_store(folder).info["num_bad"] == 1


def test_the_gates_stand_before_texts_as_well(manifest, tmp_path):
    twice = dataclasses.replace(manifest, items=manifest.items * 2)
    with pytest.raises(ValueError, match="duplicate ids: train"):
        index_texts(twice, tmp_path)
    torn = dataclasses.replace(manifest.items[0], text="\udcff")
    with pytest.raises(ValueError, match="expected ids, file names and texts in valid UTF-8"):
        index_texts(dataclasses.replace(manifest, items=(torn,)), tmp_path)
    with pytest.raises(ValueError, match=r"preprocess\.max_bad_fraction from 0 to 1, got 2"):
        index_texts(manifest, tmp_path, max_bad_fraction=2)
