import dataclasses

import fake_decoders
from fake_decoders import FakeDecoding

import rnnmm.store.preprocess as module
from rnnmm.manifest import join_training
from rnnmm.store.ledger import read_ledger
from rnnmm.store.preprocess import preprocess
from rnnmm.store.reader import open_store


def test_an_extra_gives_the_same_store_wherever_it_lies(tmp_path, write_corpus, monkeypatch):
    monkeypatch.setattr(module, "decode", fake_decoders.decode)
    found = []
    for home, place in ((tmp_path / "1", "media/made"), (tmp_path / "2", "else/where")):
        people = write_corpus(home / "media", ["sound 5", "sound 3"])
        made = dataclasses.replace(write_corpus(home / place, ["sound 4", "bad 1"]), name="made")
        folder = preprocess(
            join_training(people, made), FakeDecoding(), home / "stores", max_bad_fraction=0.5
        )
        assert [entry.path.startswith("made:") for entry in read_ledger(folder)] == [True]
        found.append((folder.name, open_store(folder).fingerprint))  # of rows, faults and media
    assert found[0] == found[1]
