import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from fake_decoders import FakeDecoding, decode

from rnnmm.store.executor import make_shards
from rnnmm.store.plan import plan_shards
from rnnmm.store.shard import map_shard
from rnnmm.store.worker import Setup, reference

DECODE = reference(decode)


@pytest.fixture
def run(tmp_path):
    """Makes the shards of a manifest and gives (id, fault) of every item."""

    def make(manifest, workers=2, timeout_s=30.0, progress=None, decode=DECODE):
        shard_dir = tmp_path / "stores" / "fake" / "shards"
        shard_dir.mkdir(parents=True, exist_ok=True)
        setup = Setup(decode, reference(FakeDecoding), {}, str(manifest.root), str(shard_dir))
        plans = plan_shards(manifest, FakeDecoding(), 64)
        files = make_shards(plans, setup, workers=workers, timeout_s=timeout_s, progress=progress)
        assert [file.key for file in files] == [plan.key for plan in plans]
        blocks = [block for f in files for block in map_shard(shard_dir / f"{f.key}.arrow")]
        return {
            id: fault
            for block in blocks
            for id, fault in zip(block.ids.to_pylist(), block.faults.to_pylist())
        }

    return make


def _workers():
    """Our decoding processes: other tests leave multiprocessing's resource tracker behind."""
    pid = os.getpid()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [
        c for c in children if b"rnnmm.store.worker" in Path(f"/proc/{c}/cmdline").read_bytes()
    ]


def test_whatever_a_decoder_does_only_its_item_is_lost(corpus, run):
    verbs = ["sound 3", "abort 0", "bad 7", "exit 3", "huge 0", "absent 0", "nothing 0", "once 4"]
    faults = run(corpus([*verbs, "chatty 5"]))
    assert faults["item1"] == f"decoder crashed (signal {signal.SIGABRT:d})"
    assert faults["item2"] == "002.txt: no such stream in <File object>"
    assert faults["item3"] == "decoder ended (exit status 3)"
    assert faults["item4"].startswith("MemoryError: Unable to allocate 100. GiB")
    assert faults["item5"] == "FileNotFoundError: [Errno 2] gone: '005.txt'"
    assert faults["item6"] == "decoded to nothing: no sample, no frame"
    assert [faults[f"item{n}"] for n in (0, 7, 8)] == ["", "", ""]
    assert _workers() == []


def test_a_hanging_decoder_is_given_up(corpus, run):
    faults = run(corpus(["sound 1", "hang 0", "sound 1"]), timeout_s=0.3)
    assert faults == {"item0": "", "item1": "decoder took longer than 0.3 s", "item2": ""}
    assert _workers() == []


def test_progress_counts_items_and_faults(corpus, run):
    calls = []
    run(corpus(["sound 1"] * 5 + ["bad 0"] * 2), progress=lambda *call: calls.append(call))
    assert calls[-1] == (7, 7, 2)
    assert all(total == 7 and 0 <= done <= 7 for done, total, _ in calls)


def test_a_second_run_decodes_nothing(corpus, run):
    manifest = corpus(["sound 1", "bad 0"] * 3)
    first = run(manifest)
    for path in manifest.root.iterdir():
        os.utime(path)
    assert run(manifest, decode="fake_decoders:_abort") == first


def test_a_damaged_shard_is_made_again(corpus, run, tmp_path):
    manifest = corpus(["sound 100"] * 3)
    run(manifest)
    (shard,) = tmp_path.rglob("*.arrow")
    good = shard.read_bytes()
    shard.write_bytes(good[:-200])
    run(manifest)
    assert shard.read_bytes() == good


def test_a_full_disk_is_said_clearly_and_leaves_nothing(corpus, run, tmp_path):
    manifest = corpus(["sound 30000"] * 3)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OSError, match=r"File too large; about .* MB are still .*continues"):
            run(manifest)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not [path for path in tmp_path.rglob("*") if ".arrow" in path.name]
    assert _workers() == []
    assert set(run(manifest).values()) == {""}


def test_our_own_faults_are_no_quarantine(corpus, run):
    with pytest.raises(RuntimeError, match="a worker failed: AssertionError"):
        run(corpus(["wrong 1"]))
    with pytest.raises(RuntimeError, match="a worker failed: ModuleNotFoundError"):
        run(corpus(["sound 1"]), decode="no_such_module:decode")


def test_workers_that_cannot_live_stop_the_run(corpus, run, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(RuntimeError, match=r"worker ended \(exit status 1\) with no item at hand"):
        run(corpus(["sound 1"]))
    assert _workers() == []


def test_ctrl_c_ends_the_workers_and_says_how_to_go_on(corpus, run):
    def interrupt(done, total, bad):
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match=r"of 2 shards done.*same command continues"):
        run(corpus(["slow 1"] * 8), progress=interrupt)
    assert _workers() == []


def test_workers_need_neither_torch_nor_the_main_program():
    code = (
        "import sys, rnnmm.store.worker, rnnmm.store.executor, rnnmm.store.reader;"
        "assert not {'torch', 'cv2', 'av', 'hydra'} & set(sys.modules), 'too much'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_only_importable_functions_can_travel():
    with pytest.raises(AssertionError):
        reference(lambda: None)
