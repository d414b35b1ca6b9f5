"""The folder of a run: what training leaves behind, and how it is found again.

``config.yaml`` (resolved), ``answers.json``, ``words.arpa`` (where an n-gram was asked for),
``model.safetensors``, ``history.csv``, ``run.json`` (fingerprint of the data, seconds),
``git.txt``, ``environment.txt``; the figures are written by `rnnmm.result`. Nothing in it is ever
executed or unpickled.
"""

import importlib.metadata
import json
import platform
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from rnnmm.configfile import dump_config, load_config
from rnnmm.manifest import count_of, name_some
from rnnmm.store.commit import commit, commit_bytes
from rnnmm.tasks.answers import Answers
from rnnmm.text.arpa import load_arpa, write_arpa

Config = Mapping[str, Any]

WEIGHTS = "model.safetensors"
_ANSWERS = "answers.json"
_NGRAM = "words.arpa"
_CONFIG = "config.yaml"
_STATE = "run.json"
# What an attempt leaves that ends before the state is written.
_EARLY = (_CONFIG, "git.txt", "environment.txt", "log.txt")
# What decides the weights. The rest (run, store, split) may differ between calls.
_SECTIONS = ("dataset", "preprocess", "embed", "features", "augment", "model", "task", "optim",
             "trainer", "loader", "seed")  # fmt: skip
# Of those, what decides how fast or how tolerantly, not what comes out.
_HARMLESS = {"preprocess.workers", "preprocess.timeout_s", "preprocess.max_bad_fraction",
             "dataset.workers", "loader.depth", "trainer.checkpoint_every_steps",
             "embed.frame_encoder.weights"}  # fmt: skip
_PACKAGES = ("rnnmm", "torch", "torchaudio", "torchvision", "lightning", "librosa", "numpy",
             "opencv-python-headless", "pyarrow", "av", "soundfile", "hydra-core")  # fmt: skip


def check_folder(run_dir: Path, store_root: Path) -> None:
    """Finds out, before anything is written, whether a run may begin or go on in a folder.

    Args:
        run_dir: the folder; need not be there.
        store_root: where decoded media go; may lie inside.

    Raises:
        ValueError: No run has begun there, and it holds what is not of a run.
    """
    if not run_dir.is_dir() or (run_dir / _STATE).is_file():
        return
    own = {*_EARLY, *(path.name for path in (store_root, *store_root.parents)
                      if path.parent == run_dir)}  # fmt: skip
    names = sorted(path.name for path in run_dir.iterdir())
    foreign = [name for name in names if name not in own and not name.startswith(".")]
    if foreign:
        raise ValueError(
            f"run.dir: expected a new or empty folder, or that of a run, got {run_dir} with "
            f"{count_of(len(foreign), 'other entry')} in it ({name_some(foreign)}); choose another"
        )


def claim(run_dir: Path, config: Config, fingerprint: str) -> None:
    """Makes the folder this run's, or finds that it already is.

    Where an attempt ended before it had anything to train on, the next one may be another run.

    Args:
        run_dir: the folder.
        config: composed and checked.
        fingerprint: of the store.

    Raises:
        ValueError: It holds a run of another config or of other data; names the first difference.
    """
    state = read_state(run_dir)
    if state and has_begun(run_dir):
        _refuse_other(run_dir, config, fingerprint, state)
        return
    run_dir.mkdir(parents=True, exist_ok=True)
    commit_bytes(run_dir / _CONFIG, dump_config(config).encode())
    commit_bytes(run_dir / "git.txt", describe_git().encode())
    environment = "\n".join(f"{name}=={version}" for name, version in versions().items())
    commit_bytes(run_dir / "environment.txt", f"{environment}\n".encode())
    seconds = state["seconds"] if state.get("store") == fingerprint else {}
    write_state(run_dir, {"schema": 1, "store": fingerprint, "seconds": seconds})


def has_begun(run_dir: Path) -> bool:
    """Whether what is going to be answered has been learned, and with it training begun."""
    return (run_dir / _ANSWERS).is_file()


def read_state(run_dir: Path) -> dict[str, Any]:
    """``run.json``; empty where no run has begun."""
    path = run_dir / _STATE
    if not path.is_file():
        return {}
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: expected JSON, got {error}; delete the folder") from error
    if not isinstance(state, dict) or state.get("schema") != 1:
        raise ValueError(f"{path}: expected the state of a run, got something else")
    return state


def write_state(run_dir: Path, state: Mapping[str, Any]) -> None:
    """Replaces ``run.json``."""
    commit_bytes(run_dir / _STATE, (json.dumps(state, indent=1) + "\n").encode())


def record_seconds(run_dir: Path, **seconds: float) -> None:
    """Keeps how long stages took, for the figures."""
    state = read_state(run_dir)
    write_state(run_dir, {**state, "seconds": {**state["seconds"], **seconds}})


def record_throughput(run_dir: Path, throughput: Mapping[str, Any]) -> None:
    """Keeps how fast training went, for the figures."""
    write_state(run_dir, {**read_state(run_dir), "throughput": dict(throughput)})


def claim_embedder(run_dir: Path, digest: str) -> None:
    """Keeps by which network a run's inputs are embedded, or finds that it is the same.

    Args:
        run_dir: of a run; nothing is done where none has begun.
        digest: of the network, see `rnnmm.embed.embedder_digest`.

    Raises:
        ValueError: The run is another network's.
    """
    state = read_state(run_dir)
    if state.get("embedder", digest) != digest and has_begun(run_dir):
        raise ValueError(
            f"embed: expected the network that {run_dir} was trained with, {state['embedder']}, "
            f"got one of other weights, {digest}; give its file with "
            f"embed.frame_encoder.weights=PATH"
        )
    if state and state.get("embedder") != digest:
        write_state(run_dir, {**state, "embedder": digest})


def save_answers(run_dir: Path, answers: Answers) -> None:
    """Writes ``answers.json`` and, where there is an n-gram, ``words.arpa``."""
    if answers.ngram is not None:
        commit_bytes(run_dir / _NGRAM, write_arpa(answers.ngram).encode())
    commit_bytes(run_dir / _ANSWERS, answers.to_json().encode())


def save_weights(run_dir: Path, model: nn.Module) -> None:
    """Writes ``model.safetensors``; its presence says that training is done."""
    weights = {name: value.contiguous() for name, value in model.state_dict().items()}
    commit(run_dir / WEIGHTS, lambda path: save_file(weights, path))


def read_config(run_dir: Path) -> dict[str, Any]:
    """The config of a run."""
    return load_config(run_dir / _CONFIG)


def load_answers(run_dir: Path) -> Answers:
    """The answers of a trained run.

    Raises:
        ValueError: There is no trained run in the folder.
    """
    for name in (_CONFIG, _ANSWERS, WEIGHTS):
        if not (run_dir / name).is_file():
            raise ValueError(f"{run_dir}: expected a trained run, found no {name}; train it first")
    answers = Answers.from_json((run_dir / _ANSWERS).read_text(encoding="utf-8"))
    ngram = run_dir / _NGRAM
    return replace(answers, ngram=load_arpa(ngram)) if ngram.is_file() else answers


def load_weights(run_dir: Path, model: nn.Module) -> None:
    """Puts the stored weights into a model of the same config.

    Raises:
        ValueError: The file is damaged or holds another model's weights.
    """
    path = run_dir / WEIGHTS
    try:
        model.load_state_dict(load_file(path))
    except Exception as error:  # safetensors raises its own, undocumented classes
        reason = " ".join(str(error).split())
        raise ValueError(f"{path}: expected the weights of this run's model: {reason}") from error


def begin_from(init: Path, answers: Answers, model: nn.Module) -> None:
    """Puts a finished run's weights into a model that is going to be trained further.

    Args:
        init: that run's folder.
        answers: those of the training to come.
        model: of the same config as that run's.

    Raises:
        ValueError: There is no finished run, or it has another vocabulary or another model.
    """
    theirs, ours = load_answers(init).vocabulary, answers.vocabulary
    if theirs != ours:
        other = sorted({*theirs.symbols} ^ {*ours.symbols})
        raise ValueError(
            f"run.init: expected a run of the same {len(ours)} {ours.unit} symbols, got {init} "
            f"with {len(theirs)} (other: {name_some(map(repr, other))}); train it on the same "
            f"split with the same task.target"
        )
    load_weights(init, model)


def versions() -> dict[str, str]:
    """Python and the packages that decide a figure."""
    found = {"python": platform.python_version()}
    return found | {name: importlib.metadata.version(name) for name in _PACKAGES}


def describe_git() -> str:
    """Commit and state of the source tree; says so where there is none."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        done = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return "unknown: git did not answer\n"
    return done.stdout if done.returncode == 0 else "unknown: not a git checkout\n"


def describe_hardware(device: torch.device) -> str:
    """What a device is, in words."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()} CPU, {count_of(torch.get_num_threads(), 'thread')}"


def _refuse_other(
    run_dir: Path, config: Config, fingerprint: str, state: Mapping[str, Any]
) -> None:
    saved, wanted = _decisive(read_config(run_dir)), _decisive(config)
    for path in sorted({*saved, *wanted}):
        if saved.get(path) != wanted.get(path):
            raise ValueError(
                f"{run_dir}: holds a run with another {path}: expected {saved.get(path)}, "
                f"got {wanted.get(path)}; choose another run.dir or delete this one"
            )
    if state["store"] != fingerprint:
        raise ValueError(
            f"{run_dir}: holds a run on other data: expected store {state['store']}, got "
            f"{fingerprint}; choose another run.dir or delete this one"
        )


def _decisive(config: Config) -> dict[str, Any]:
    """Path and value of every leaf that can change the weights."""
    sections = {name: config.get(name) for name in _SECTIONS}
    sections["run"] = {"init": (config.get("run") or {}).get("init")}
    leaves = dict(_leaves(sections, ""))
    return {path: value for path, value in leaves.items() if path not in _HARMLESS}


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else str(key))
    else:
        yield path, value
