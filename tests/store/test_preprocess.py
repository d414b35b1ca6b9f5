import dataclasses
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import fake_decoders
import numpy as np
import pytest
import soundfile
from fake_decoders import FakeDecoding

import rnnmm.store.preprocess as module
from rnnmm.manifest import Item, Manifest
from rnnmm.media.decode import Decoding, decode
from rnnmm.store.ledger import read_ledger
from rnnmm.store.preprocess import preprocess
from rnnmm.store.reader import open_store, verify

MIXED = ["sound 5", "video 2", "features 3", "bad 1"] * 3


@pytest.fixture(autouse=True)
def _fake_decoder(monkeypatch):
    monkeypatch.setattr(module, "decode", fake_decoders.decode)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, write_corpus):
    """A manifest with some of everything and the store made of it by two workers."""
    root = tmp_path_factory.mktemp("finished")
    notes = {"findings": ("a part",), "skipped": (("notes.md", "no media"),)}
    manifest = write_corpus(root / "media", MIXED, **notes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "decode", fake_decoders.decode)
        return manifest, preprocess(manifest, FakeDecoding(), root, max_bad_fraction=0.25)


@pytest.fixture
def copied(finished, tmp_path, monkeypatch):
    """The same, to be spoiled; whatever is decoded again crashes."""
    manifest, folder = finished
    monkeypatch.setattr(module, "decode", fake_decoders._abort)
    return manifest, shutil.copytree(folder, tmp_path / folder.name)


def _content(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_store_holds_what_was_decoded(finished):
    _, folder = finished
    assert folder.name.startswith("fake-") and len(folder.name) == len("fake-") + 16
    store = open_store(folder)
    verify(store)
    assert store.ids == [f"item{n}" for n in range(12) if n % 4 != 3]
    assert not list(folder.rglob("*.tmp"))
    info = json.loads((folder / "store.json").read_text())
    assert info["findings"] == ["a part"] and info["decoding"]["sample_rate"] == 16000
    assert info["num_items"] == 12 and info["num_bad"] == 3
    assert info["splits"] == {"test": 3, "train": 3, "val": 3}
    assert len(info["digest"]) == 32


def test_the_ledger_names_every_file_that_is_missing(finished):
    first, *lost = [dataclasses.astuple(entry) for entry in read_ledger(finished[1])]
    assert first == ("", "notes.md", "scan", "no media")
    reason = "{}: no such stream in <File object>"
    assert lost == [
        (f"item{n}", f"{n:03}.txt", "decode", reason.format(f"{n:03}.txt")) for n in (3, 7, 11)
    ]


def test_bytes_depend_on_neither_workers_nor_place(finished, corpus, tmp_path):
    manifest, two = finished
    moved = corpus(MIXED, findings=manifest.findings, skipped=manifest.skipped)
    one = preprocess(moved, FakeDecoding(), tmp_path, workers=1, max_bad_fraction=1.0)
    assert one.name == two.name
    assert _content(one) == _content(two)


def test_a_finished_store_is_returned_at_once(finished, monkeypatch):
    manifest, folder = finished
    monkeypatch.setattr(module, "make_shards", None)
    again = preprocess(manifest, FakeDecoding(), folder.parent, max_bad_fraction=0.25)
    assert again == folder
    with pytest.raises(ValueError, match="3 of 12 items"):  # the threshold holds all the same
        preprocess(manifest, FakeDecoding(), folder.parent)


def test_too_many_bad_items_fail_after_the_work_and_keep_it(copied):
    manifest, folder = copied
    for name in ("store.json", "index.parquet", "quarantine.jsonl"):
        (folder / name).unlink()
    with pytest.raises(ValueError, match=r"3 of 12 .*item3 \(003.txt: .*max_bad_fraction=0.25"):
        preprocess(manifest, FakeDecoding(), folder.parent, workers=1)
    assert len(read_ledger(folder)) == 4
    with pytest.raises(ValueError, match="run preprocess first"):
        open_store(folder)
    preprocess(manifest, FakeDecoding(), folder.parent, workers=1, max_bad_fraction=0.25)
    assert len(open_store(folder)) == 9


def test_a_corrected_text_decodes_nothing_again(copied):
    manifest, before = copied
    items = (dataclasses.replace(manifest.items[0], text="corrected"), *manifest.items[1:])
    corrected = dataclasses.replace(manifest, items=items)
    root = before.parent
    after = preprocess(corrected, FakeDecoding(), root, workers=1, max_bad_fraction=0.25)
    assert before != after
    assert open_store(after).column("text")[:2] == ["corrected", "text 1"]
    assert open_store(before).column("text")[0] == "text 0"
    verify(open_store(after))


@pytest.mark.parametrize("spoil", [lambda file: file.unlink(), lambda file: file.write_bytes(b"")])
def test_a_damaged_store_is_restored(copied, monkeypatch, caplog, spoil):
    manifest, folder = copied
    good = _content(folder)
    spoil(folder / "index.parquet")
    spoil(next(folder.rglob("*.arrow")))
    (folder / ".index.parquet.1-ff.tmp").write_text("left by a killed run")
    (folder / "shards" / ".a.arrow.1-ff.tmp").write_text("left by a killed run")
    monkeypatch.setattr(module, "decode", fake_decoders.decode)
    preprocess(manifest, FakeDecoding(), folder.parent, workers=1, max_bad_fraction=0.25)
    assert _content(folder) == good
    assert "restoring a damaged store" in caplog.text


_RUN = """
import sys
from pathlib import Path
from rnnmm.manifest import Item, Manifest
import fake_decoders
import rnnmm.store.preprocess as module
module.decode = fake_decoders.decode
media = Path(sys.argv[1])
items = [Item(f"item{n}", path.name, ("train", "val", "test")[n % 3], text=f"text {n}",
              captions=("a", "b")) for n, path in enumerate(sorted(media.iterdir()))]
manifest = module.Manifest("fake", media, tuple(items))
module.preprocess(manifest, fake_decoders.FakeDecoding(), Path(sys.argv[2]))
"""


def _start(manifest, out):
    environment = {**os.environ, "PYTHONPATH": os.path.dirname(fake_decoders.__file__)}
    command = [sys.executable, "-c", _RUN, str(manifest.root), str(out)]
    return subprocess.Popen(command, env=environment)


def _wait_for(condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.005)


def _descendants(pid):
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _kill_half_way(process, shards, delay_s):
    """Kills a run soon after it has finished another shard, and sees its workers end."""
    num_before = len(list(shards.glob("*.arrow")))
    _wait_for(lambda: len(list(shards.glob("*.arrow"))) > num_before)
    time.sleep(delay_s)
    workers = _descendants(process.pid)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert workers
    _wait_for(lambda: not any(map(_is_running, workers)))


def test_kill_9_at_any_moment_then_a_rerun_gives_the_same_bytes(corpus, tmp_path):
    manifest = corpus(["slow 50"] * 40)
    undisturbed = preprocess(manifest, FakeDecoding(), tmp_path / "calm")
    rng = random.Random(0)
    shards = tmp_path / "killed" / undisturbed.name / "shards"
    for _ in range(2):
        process = _start(manifest, tmp_path / "killed")
        _kill_half_way(process, shards, rng.random() * 0.05)
    num_done = len(list(shards.glob("*.arrow")))
    assert 2 <= num_done < 10
    times = {path: path.stat().st_mtime_ns for path in shards.glob("*.arrow")}
    rerun = preprocess(manifest, FakeDecoding(), tmp_path / "killed")
    assert _content(rerun) == _content(undisturbed)
    assert all(path.stat().st_mtime_ns == then for path, then in times.items())


def test_two_runs_at_once_do_the_work_once(corpus, tmp_path, caplog):
    manifest = corpus(["slow 5"] * 48)
    process = _start(manifest, tmp_path)
    _wait_for(lambda: list(tmp_path.glob("fake-*/shards/*.arrow")))
    folder = preprocess(manifest, FakeDecoding(), tmp_path)
    assert process.wait() == 0
    assert "another run is filling" in caplog.text
    verify(open_store(folder))


def test_works_outside_the_main_thread(corpus, tmp_path):
    found = []
    manifest = corpus(["sound 1"])
    work = threading.Thread(
        target=lambda: found.append(preprocess(manifest, FakeDecoding(), tmp_path, workers=1))
    )
    work.start()
    work.join()
    assert len(open_store(found[0])) == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"workers": 0}, "expected preprocess.workers of at least 1, got 0"),
        ({"max_bad_fraction": 1.5}, "expected preprocess.max_bad_fraction from 0 to 1, got 1.5"),
        ({"shard_mb": 0}, "expected preprocess.shard_mb of at least 1, got 0"),
        ({"timeout_s": 0.0}, "expected preprocess.timeout_s above 0, got 0.0"),
    ],
)
def test_settings_are_checked(corpus, tmp_path, settings, message):
    with pytest.raises(ValueError, match=message):
        preprocess(corpus(["sound 1"]), FakeDecoding(), tmp_path / "out", **settings)
    assert not (tmp_path / "out").exists()


def test_a_name_that_is_no_folder_name_is_refused(corpus, tmp_path):
    with pytest.raises(ValueError, match=r"expected a dataset name .*, got '../up'"):
        preprocess(corpus(["sound 1"], name="../up"), FakeDecoding(), tmp_path)


def test_the_manifest_is_checked_first(corpus, tmp_path):
    manifest = corpus(["sound 1"])
    (manifest.root / "000.txt").unlink()
    with pytest.raises(ValueError, match="no such file: item0"):
        preprocess(manifest, FakeDecoding(), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_root_that_is_no_folder_is_an_error(corpus, tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OSError, match="out"):
        preprocess(corpus(["sound 1"]), FakeDecoding(), tmp_path / "out")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_to_is_an_error(corpus, tmp_path):
    (tmp_path / "out").mkdir(mode=0o555)
    with pytest.raises(PermissionError):
        preprocess(corpus(["sound 1"]), FakeDecoding(), tmp_path / "out")


def test_real_media_and_an_impostor(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "decode", decode)
    (tmp_path / "media").mkdir()
    pcm = np.arange(-800, 800, dtype=np.int16)
    soundfile.write(tmp_path / "media" / "a.wav", pcm, 16000, subtype="PCM_16")
    (tmp_path / "media" / "b.wav").write_text("<html>404 not found</html>")
    items = (Item("a", "a.wav", "train"), Item("b", "b.wav", "train"))
    manifest = Manifest("real", tmp_path / "media", items)
    folder = preprocess(manifest, Decoding(16000), tmp_path, workers=1, max_bad_fraction=0.5)
    np.testing.assert_array_equal(open_store(folder).audio(0), pcm)
    (lost,) = read_ledger(folder)
    assert lost.id == "b" and "not a media file" in lost.reason


@pytest.mark.corpus
def test_odd_files_are_stored_or_in_the_ledger(tmp_path, monkeypatch):
    root = Path(__file__).parents[2] / "../shared/data/media_oddities"
    if not root.is_dir():
        pytest.skip(f"{root} is absent")
    monkeypatch.setattr(module, "decode", decode)
    names = sorted(path.name for path in (root / "hound").iterdir())
    items = tuple(Item(name, f"hound/{name}", "test") for name in names)
    manifest = Manifest("odd", root, items)
    folder = preprocess(manifest, Decoding(16000), tmp_path, max_bad_fraction=1.0)
    store, lost = open_store(folder), [entry.id for entry in read_ledger(folder)]
    assert sorted([*store.ids, *lost]) == names
    assert "SOURCE.txt" in lost and np.all(store.num_samples > 0)
