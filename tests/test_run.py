import json
import re
import subprocess
from pathlib import Path

import pytest
import torch
from torch import nn

from rnnmm.run import (
    begin_from,
    check_folder,
    claim,
    claim_embedder,
    describe_git,
    describe_hardware,
    load_answers,
    load_weights,
    read_config,
    read_state,
    record_seconds,
    record_throughput,
    save_answers,
    save_weights,
    versions,
)
from rnnmm.tasks.answers import Answers
from rnnmm.text.vocabulary import Vocabulary

TRAINER = {"_target_": "rnnmm.tasks.training.make_trainer", "max_epochs": 3}
CONFIG = {"seed": 0, "trainer": TRAINER, "split": "test"}
ANSWERS = Answers(Vocabulary(("<blank>", "ä", "b"), "char", 1), ("",), 40)


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """One whose training has begun."""
    claim(tmp_path / "runs" / "one", CONFIG, "abc")
    save_answers(tmp_path / "runs" / "one", ANSWERS)
    return tmp_path / "runs" / "one"


def test_a_claimed_folder_says_what_the_run_is(run_dir: Path) -> None:
    assert read_config(run_dir) == CONFIG
    assert read_state(run_dir) == {"schema": 1, "store": "abc", "seconds": {}}
    assert (run_dir / "git.txt").read_text().strip()
    assert "\ntorch==2.11" in (run_dir / "environment.txt").read_text()


def test_the_same_run_may_come_back(run_dir: Path) -> None:
    record_seconds(run_dir, preprocess=1.5)
    claim(run_dir, {**CONFIG, "split": "val"}, "abc")  # what is measured decides no weight
    record_seconds(run_dir, train=2.5)
    assert read_state(run_dir)["seconds"] == {"preprocess": 1.5, "train": 2.5}
    assert read_config(run_dir)["split"] == "test"


def test_throughput_is_kept_beside_the_seconds(tmp_path: Path) -> None:
    claim(tmp_path / "run", CONFIG, "abc")
    record_throughput(tmp_path / "run", {"items_per_s": 5.0, "cached": False})
    record_seconds(tmp_path / "run", train=2.5)
    state = read_state(tmp_path / "run")
    assert state["throughput"] == {"items_per_s": 5.0, "cached": False}
    assert state["seconds"] == {"train": 2.5}


def test_a_cached_run_cannot_go_on_as_a_real_one(tmp_path: Path) -> None:
    loader = {"_target_": "rnnmm.loading.order.Batching"}
    cached = {**CONFIG, "loader": {**loader, "cached": True}}
    claim(tmp_path / "run", cached, "abc")
    save_answers(tmp_path / "run", ANSWERS)
    with pytest.raises(
        ValueError, match=r"holds a run with another loader\.cached: expected True"
    ):
        claim(tmp_path / "run", {**CONFIG, "loader": loader}, "abc")


def test_another_config_is_refused(run_dir: Path) -> None:
    match = r"another trainer\.max_epochs: expected 3, got 4; choose another run\.dir"
    with pytest.raises(ValueError, match=match):
        claim(run_dir, {**CONFIG, "trainer": {**TRAINER, "max_epochs": 4}}, "abc")


def test_other_data_are_refused(run_dir: Path) -> None:
    with pytest.raises(ValueError, match="run on other data: expected store abc, got xyz"):
        claim(run_dir, CONFIG, "xyz")


def test_what_ended_before_its_training_holds_no_folder(tmp_path: Path) -> None:
    claim(tmp_path, CONFIG, "abc")
    record_seconds(tmp_path, preprocess=1.5)
    claim_embedder(tmp_path, "net 1")
    claim_embedder(tmp_path, "net 2")
    claim(tmp_path, {**CONFIG, "seed": 1}, "abc")
    assert read_config(tmp_path)["seed"] == 1
    assert read_state(tmp_path) == {"schema": 1, "store": "abc", "seconds": {"preprocess": 1.5}}
    claim(tmp_path, CONFIG, "xyz")
    assert read_state(tmp_path) == {"schema": 1, "store": "xyz", "seconds": {}}


def test_a_claim_cut_short_is_made_again(run_dir: Path) -> None:
    (run_dir / "run.json").unlink()  # it is written last
    claim(run_dir, {**CONFIG, "seed": 1}, "xyz")
    assert read_config(run_dir)["seed"] == 1
    assert read_state(run_dir)["store"] == "xyz"


def test_a_folder_of_others_is_no_place_for_a_run(tmp_path: Path) -> None:
    stores = tmp_path / "stores"
    check_folder(tmp_path / "new", stores)
    check_folder(tmp_path, stores)
    for name in ("log.txt", "config.yaml", ".git"):
        (tmp_path / name).touch()
    (stores / "birds-1").mkdir(parents=True)
    check_folder(tmp_path, stores / "birds-1")  # all that an early failure leaves
    (tmp_path / "a.mp4").touch()
    match = r"new or empty folder, .* with 1 other entry in it \(a\.mp4\); choose another"
    with pytest.raises(ValueError, match=match):
        check_folder(tmp_path, stores)
    with pytest.raises(ValueError, match=r"2 other entries in it \(a\.mp4, stores\)"):
        check_folder(tmp_path, tmp_path.parent / "elsewhere")
    (tmp_path / "run.json").touch()
    check_folder(tmp_path, stores)


def test_no_run_has_no_state(tmp_path: Path) -> None:
    assert read_state(tmp_path) == {}


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ('{"schema": 1', "run.json: expected JSON, got .*; delete the folder"),
        ("[]", "run.json: expected the state of a run, got something else"),
        ('{"schema": 2}', "run.json: expected the state of a run, got something else"),
    ],
)
def test_a_damaged_state_is_named(tmp_path: Path, content: str, match: str) -> None:
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(ValueError, match=match):
        read_state(tmp_path)


def test_answers_come_back(run_dir: Path) -> None:
    answers = ANSWERS
    with pytest.raises(ValueError, match=r"expected a trained run, found no model.safetensors"):
        load_answers(run_dir)
    save_weights(run_dir, nn.Linear(2, 2))
    assert load_answers(run_dir) == answers


def test_weights_come_back_bit_for_bit(run_dir: Path) -> None:
    model, other = nn.Linear(3, 2), nn.Linear(3, 2)
    model.weight.data = torch.randn(3, 2).T  # not contiguous
    save_weights(run_dir, model)
    load_weights(run_dir, other)
    assert torch.equal(model.weight, other.weight)
    assert torch.equal(model.bias, other.bias)


def test_the_weights_of_another_model_are_refused(run_dir: Path) -> None:
    save_weights(run_dir, nn.Linear(3, 2))
    with pytest.raises(ValueError, match=r"safetensors: expected the weights .*size mismatch"):
        load_weights(run_dir, nn.Linear(4, 2))


def test_a_run_begins_with_the_weights_of_another(run_dir: Path) -> None:
    answers = Answers(Vocabulary(("<bos>", "a", "b"), "word", 1), ("a",), 40)
    save_answers(run_dir, answers)
    trained, fresh = nn.Linear(3, 2), nn.Linear(3, 2)
    with pytest.raises(ValueError, match=r"found no model\.safetensors"):
        begin_from(run_dir, answers, fresh)
    save_weights(run_dir, trained)
    begin_from(run_dir, answers, fresh)
    assert torch.equal(trained.weight, fresh.weight)
    other = Answers(Vocabulary(("<bos>", "a", "c"), "word", 1), ("a",), 40)
    with pytest.raises(ValueError, match=r"the same 3 word symbols, got .* \(other: 'b', 'c'\)"):
        begin_from(run_dir, other, fresh)
    with pytest.raises(ValueError, match=r"expected the weights .*size mismatch"):
        begin_from(run_dir, answers, nn.Linear(4, 2))


def test_what_a_run_began_with_decides_what_it_is(run_dir: Path) -> None:
    claim(run_dir, {**CONFIG, "run": {"dir": "elsewhere", "init": None}}, "abc")
    with pytest.raises(ValueError, match=r"a run with another run\.init: expected None, got one"):
        claim(run_dir, {**CONFIG, "run": {"init": "one"}}, "abc")


def test_damaged_weights_are_refused(run_dir: Path) -> None:
    save_weights(run_dir, nn.Linear(3, 2))
    path = run_dir / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(ValueError, match=r"model.safetensors: expected the weights of this run's"):
        load_weights(run_dir, nn.Linear(3, 2))


def test_versions_and_hardware_are_told() -> None:
    assert {"python", "rnnmm", "torch", "lightning", "av"} <= set(versions())
    assert json.dumps(versions())
    assert re.search(r" CPU, (1 thread|\d+ threads)$", describe_hardware(torch.device("cpu")))


def test_git_is_described_or_its_absence_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(code: int):
        return lambda *_, **__: subprocess.CompletedProcess([], code, "abcdef-dirty\n", "")

    monkeypatch.setattr(subprocess, "run", answer(0))
    assert describe_git() == "abcdef-dirty\n"
    monkeypatch.setattr(subprocess, "run", answer(128))
    assert describe_git() == "unknown: not a git checkout\n"

    def missing(*_, **__):
        raise FileNotFoundError("git")

    monkeypatch.setattr(subprocess, "run", missing)
    assert describe_git() == "unknown: git did not answer\n"
