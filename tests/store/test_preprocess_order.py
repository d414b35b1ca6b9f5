"""What `preprocess` does before what: its other tests are in test_preprocess.py."""

import fake_decoders
from fake_decoders import FakeDecoding

import rnnmm.store.folder as folder
import rnnmm.store.preprocess as module


def test_all_media_are_on_the_disk_before_there_is_a_description(
    tmp_path, write_corpus, monkeypatch
):
    monkeypatch.setattr(module, "decode", fake_decoders.decode)
    manifest = write_corpus(tmp_path / "media", ["sound 5", "video 2", "features 3", "bad 1"] * 3)
    synced, wait = set(), folder.sync
    described = []

    def noted(path):
        synced.add(path)
        wait(path)

    def describe(path, content):
        described.append(path)
        assert synced == {
            path.parent / "index.parquet",
            path.parent / "shards",
            *(path.parent / "shards").iterdir(),
        }

    monkeypatch.setattr(folder, "sync", noted)
    monkeypatch.setattr(folder, "commit_bytes", describe)
    module.preprocess(manifest, FakeDecoding(), tmp_path / "stores", max_bad_fraction=0.25)
    assert [path.name for path in described] == ["store.json"] and len(synced) > 3
