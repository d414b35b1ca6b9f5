"""What a model is shown in an epoch has one hash, however it is loaded, dealt or interrupted."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from rnnmm.loading.digest import digest_epoch, merge_shares
from rnnmm.manifest import Item, Manifest
from rnnmm.media.decode import Decoding
from rnnmm.store.preprocess import preprocess
from rnnmm.store.reader import Store, open_store

sys.path.insert(0, str(Path(__file__).parent))
from stream_process import EPOCHS, RATE_HZ, Passing, make_data, shown

NUM_ITEMS = 61  # not a multiple of any number of ranks


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    root, rng = tmp_path_factory.mktemp("media"), np.random.default_rng(0)
    items = []
    for n in range(NUM_ITEMS + 2):
        wave = rng.integers(-9999, 9999, rng.integers(200, 900)).astype(np.int16)
        soundfile.write(root / f"{n}.wav", wave, RATE_HZ, subtype="PCM_16")
        split = "train" if n < NUM_ITEMS else "val"
        items.append(Item(f"item{n}", f"{n}.wav", split, label="ab"[n % 2]))
    manifest = Manifest("noise", root, tuple(items))
    return open_store(preprocess(manifest, Decoding(sample_rate=RATE_HZ), root / "stores"))


@pytest.fixture(scope="module")
def expected(store: Store) -> str:
    steps = shown(make_data(store, Passing()), epoch=1)
    assert len(steps) > 5
    assert sum(map(len, steps)) == len({item for step in steps for item in step}) == NUM_ITEMS
    return digest_epoch(steps)


def run(*words: object) -> subprocess.Popen[bytes]:
    process = str(Path(__file__).with_name("stream_process.py"))
    return subprocess.Popen([sys.executable, process, *map(str, words)])


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_making_batches_ahead_changes_nothing(store: Store, expected: str, depth: int) -> None:
    data = make_data(store, Passing(), depth)
    assert digest_epoch(shown(data, 1)) == digest_epoch(shown(data, 1)) == expected
    assert digest_epoch(shown(data, 0)) != expected


@pytest.mark.parametrize("world", [1, 2, 4])
def test_the_number_of_ranks_changes_nothing(store: Store, expected: str, world: int) -> None:
    ranks = [shown(make_data(store, Passing(), depth=1), 1, rank, world) for rank in range(world)]
    assert all(share for rank in ranks for share in rank)
    steps = zip(*ranks, strict=True)
    assert digest_epoch(merge_shares(step) for step in steps) == expected


@pytest.mark.parametrize("world", [1, 2, 4])
def test_going_on_at_any_step_changes_nothing(store: Store, expected: str, world: int) -> None:
    whole = shown(make_data(store, Passing()), 1)
    for start in range(len(whole)):  # on another number of ranks than before
        ranks = []
        for rank in range(world):
            data = make_data(store, Passing())
            data.load_state_dict({"epoch": 1, "step": start, "order": data._identity})
            ranks.append(shown(data, 0, rank, world))
        rest = [merge_shares(step) for step in zip(*ranks, strict=True)]
        assert digest_epoch(whole[:start] + rest) == expected


@pytest.mark.slow
@pytest.mark.parametrize("world", [1, 2, 4])
def test_processes_that_train_together_see_one_stream(
    store: Store, expected: str, world: int, tmp_path: Path
) -> None:
    out = tmp_path / "digest"
    ranks = [run("rank", store.path, out, rank, world) for rank in range(world)]
    assert [process.wait(timeout=300) for process in ranks] == [0] * world
    assert out.read_text() == expected


@pytest.mark.slow
def test_a_killed_process_goes_on_to_the_same_end(store: Store, tmp_path: Path) -> None:
    """SIGKILL, so that nothing is put in order before the end."""
    kills = {"whole": [], "torn": [(0, 1), (0, 4), (1, 3)]}
    streams, weights = [], []
    for name, ends in kills.items():
        folder = tmp_path / name
        for end in ends:
            assert run("train", store.path, folder, *end).wait(timeout=300) == -9
        assert run("train", store.path, folder).wait(timeout=300) == 0
        lines = map(json.loads, (folder / "shown.jsonl").read_text().splitlines())
        steps: dict[tuple[int, int], set[str]] = {}
        for epoch, step, items in lines:
            steps.setdefault((epoch, step), set()).add(str(items))
        assert all(len(items) == 1 for items in steps.values())  # done again means done alike
        streams.append(steps)
        weights.append(torch.load(folder / "weights.pt", weights_only=True))
    assert streams[0] == streams[1]
    assert {epoch for epoch, _ in streams[0]} == set(range(EPOCHS))
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
