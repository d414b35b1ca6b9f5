import json
import shutil

import fake_decoders
import numpy as np
import pytest
from fake_decoders import FakeDecoding

import rnnmm.store.preprocess as module
from rnnmm.store.derive import derive_features
from rnnmm.store.ledger import read_ledger
from rnnmm.store.noise import SoundNoise
from rnnmm.store.reader import Store, open_store, verify


@pytest.fixture
def source(corpus, tmp_path, monkeypatch) -> Store:
    """Ten good items and a bad one."""
    monkeypatch.setattr(module, "decode", fake_decoders.decode)
    contents = [f"sound {n + 1}" for n in range(10)]
    return decoded(corpus([*contents, "bad 1"], name="birds"), tmp_path)


def decoded(manifest, tmp_path) -> Store:
    path = module.preprocess(
        manifest, FakeDecoding(), tmp_path / "stores", workers=1, max_bad_fraction=0.2
    )
    return open_store(path)


def loudness(source: Store):
    """Two numbers a sample, and a list of the rows that were asked for."""
    asked = []

    def compute(row: int) -> np.ndarray:
        asked.append(row)
        samples = source.audio(row).astype(np.float32)
        return np.stack([samples, -samples], axis=1)

    return compute, asked


def derive(source: Store, compute, fingerprint="loudness 1", **more) -> Store:
    options = {"facts": {"by": "test"}, "max_bad_fraction": 0.2, **more}
    return open_store(derive_features(source, source.path.parent, fingerprint, compute, **options))


def content(store: Store) -> dict[str, bytes]:
    return {
        path.relative_to(store.path).as_posix(): path.read_bytes()
        for path in store.path.rglob("*")
        if path.is_file()
    }


def test_what_is_derived_of_noise_and_of_none_are_two_things(source) -> None:
    compute, _ = loudness(source)
    clean = derive(source, compute)
    noises = [SoundNoise("white", 0.0, seed=seed).over(source) for seed in (0, 1)]
    for noisy in noises:
        compute, asked = loudness(noisy)
        store = derive(noisy, compute)
        assert len(asked) == 10, "no features of others are taken for these"
        verify(store)
        assert not np.array_equal(store.features(9), clean.features(9))
        np.testing.assert_array_equal(store.features(9), compute(9))


def test_items_stay_and_features_take_the_place_of_media(source) -> None:
    compute, _ = loudness(source)
    store = derive(source, compute)
    verify(store)
    assert store.path.name.startswith("birds-features-")
    for name in ("id", "path", "split", "text", "captions"):
        assert store.column(name) == source.column(name)
    for row in range(len(source)):
        np.testing.assert_array_equal(store.features(row), compute(row))
    assert not store.num_samples.any() and not store.num_frames.any()
    assert store.num_feature_frames.tolist() == source.num_samples.tolist()
    assert store.info["by"] == "test"
    for name in ("name", "decoding", "splits", "num_items", "num_bad"):
        assert store.info[name] == source.info[name]
    assert read_ledger(store.path) == read_ledger(source.path)


def test_pictures_may_take_the_place_of_media(source) -> None:
    def compute(row: int) -> np.ndarray:
        return np.arange(row + 1, dtype=np.uint8).repeat(4 * 6 * 3).reshape(-1, 4, 6, 3)

    store = derive(source, compute)
    verify(store)
    for row in range(len(source)):
        np.testing.assert_array_equal(store.frames(row), compute(row))
    assert store.num_frames.tolist() == list(range(1, len(source) + 1))
    assert not store.num_samples.any() and not store.num_feature_frames.any()
    assert derive(source, compute).path == store.path

    def none_of_the_last(row: int) -> np.ndarray:
        return compute(row)[: 0 if row == len(source) - 1 else None]

    lost = derive(source, none_of_the_last, "other", max_bad_fraction=0.2)
    assert len(lost) == len(source) - 1
    assert read_ledger(lost.path)[-1].reason == "no frame"


def test_a_finished_store_is_found_again_and_another_computation_is_another_store(source) -> None:
    compute, asked = loudness(source)
    first = derive(source, compute)
    asked.clear()
    assert derive(source, compute).path == first.path
    assert asked == []
    assert derive(source, compute, "loudness 2").path != first.path
    assert len(asked) == len(source)


def test_a_killed_run_goes_on_to_the_same_bytes(source) -> None:
    compute, asked = loudness(source)
    good = derive(source, compute)
    expected = content(good)
    shutil.rmtree(good.path)

    def killed(row: int) -> np.ndarray:
        if row == 7:
            raise KeyboardInterrupt
        return compute(row)

    with pytest.raises(KeyboardInterrupt):
        derive(source, killed)
    assert not (good.path / "store.json").exists()
    (good.path / "shards" / ".a.arrow.1-ff.tmp").write_text("left by a killed run")
    asked.clear()
    assert content(derive(source, compute)) == expected
    assert asked == [4, 5, 6, 7, 8, 9]  # four items were in a shard


def test_a_corrected_text_computes_nothing_again(corpus, tmp_path, source) -> None:
    compute, asked = loudness(source)
    derive(source, compute)
    manifest = corpus([*(f"sound {n + 1}" for n in range(10)), "bad 1"], name="birds",
                      findings=("one more",))  # fmt: skip
    items = [item.__class__(**{**fields(item), "text": "new"}) for item in manifest.items]
    other = decoded(type(manifest)("birds", manifest.root, tuple(items)), tmp_path)
    asked.clear()
    store = derive(other, loudness(other)[0])
    assert asked == []
    assert set(store.column("text")) == {"new"}


def fields(item) -> dict:
    return {name: getattr(item, name) for name in item.__dataclass_fields__}


def test_what_cannot_be_computed_is_listed_and_counted(source) -> None:
    compute, _ = loudness(source)

    def picky(row: int) -> np.ndarray:
        if row == 2:
            raise ValueError("too quiet\nto tell")
        return compute(row)[:0] if row == 5 else compute(row)

    with pytest.raises(ValueError, match=r"3 of 11 items .*item2 \(002.txt: too quiet to tell"):
        derive(source, picky, "picky")
    said = []
    store = derive(source, picky, "picky", max_bad_fraction=0.3,
                   progress=lambda *numbers: said.append(numbers))  # fmt: skip
    assert "item2" not in store.ids and "item5" not in store.ids and len(store) == 8
    assert store.info["num_bad"] == 3
    assert [entry.reason for entry in read_ledger(store.path)][1:] == [
        "too quiet to tell",
        "no frame of features",
    ]
    np.testing.assert_array_equal(store.features(2), compute(3))
    assert said[0] == (0, 10, 0) and said[-1] == (10, 10, 2)


def test_a_damaged_store_is_restored(source, caplog) -> None:
    compute, _ = loudness(source)
    store = derive(source, compute)
    good = content(store)
    next(store.path.rglob("*.arrow")).write_bytes(b"")
    (store.path / "index.parquet").unlink()
    assert content(derive(source, compute)) == good
    assert "restoring a damaged store" in caplog.text
    assert json.loads(good["store.json"])["by"] == "test"
