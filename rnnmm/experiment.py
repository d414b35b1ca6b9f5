"""From a checked config to a store, a trained task and its figures: the spine.

A config is the plain mapping in which `rnnmm.config.check` found no fault. Every function reads
the sections it needs, so the verbs of the command line stay a few lines each.
"""

import logging
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal

import lightning.pytorch as pl
import torch

from rnnmm.config import build, value_at
from rnnmm.embed import embed_store, embedder_digest, make_embedder
from rnnmm.features.chain import Chain
from rnnmm.features.normalise import NormaliseGlobal, Statistics, feature_statistics
from rnnmm.loading.gather import payload_dim
from rnnmm.manifest import Manifest, join_training
from rnnmm.result import Evaluation
from rnnmm.run import (
    WEIGHTS,
    begin_from,
    claim,
    claim_embedder,
    load_answers,
    load_weights,
    read_state,
    record_seconds,
    record_throughput,
    save_answers,
    save_weights,
)
from rnnmm.store.commit import digest_file
from rnnmm.store.executor import Progress
from rnnmm.store.reader import Store, open_store
from rnnmm.tasks.answers import Answers
from rnnmm.tasks.data import (
    Rows,
    StoreData,
    input_loader,
    select_rows,
    trainable_rows,
    warn_of_faults,
)
from rnnmm.tasks.evaluation import choose_device, predict_rows
from rnnmm.tasks.task import Answered, Task
from rnnmm.tasks.training import fit, throughput

log = logging.getLogger(__name__)

Config = Mapping[str, Any]
_MAX_BAD_FRACTION = 0.01


def make_manifest(config: Config) -> Manifest:
    """Runs the dataset's recipe and says what differs from the published release.

    What the recipe under ``extra`` lists is trained on, too.
    """
    manifest: Manifest = build(config["dataset"])
    if extra := config.get("extra"):
        manifest = join_training(manifest, build(extra))
    for finding in manifest.findings:
        log.warning("%s: %s", manifest.name, finding)
    return manifest


def make_store(config: Config, manifest: Manifest) -> Store:
    """The store that the task reads: of decoded media or, under ``embed``, of their features.

    Raises:
        ValueError: Too many items cannot be decoded or embedded; or the config is a finished
            run's, and its network no longer the one of that run.
    """
    return embed(config, decode(config, manifest))


def decode(config: Config, manifest: Manifest, progress: Progress | None = None) -> Store:
    """Decodes a manifest into its store, or opens the store that is already there."""
    root = Path(config["store"]["root"])
    path = build(config["preprocess"], manifest=manifest, root=root, progress=progress)
    return open_store(path)


def embed(config: Config, store: Store, progress: Progress | None = None) -> Store:
    """The store of a decoded store's features; without a section ``embed`` the store itself."""
    node = config.get("embed")
    if not node:
        return store
    embedder = make_embedder(node)
    digest = embedder_digest(node, embedder)
    claim_embedder(Path(config["run"]["dir"]), digest)
    return embed_store(
        store,
        Path(config["store"]["root"]),
        embedder,
        digest,
        accelerator=_accelerator(config),
        max_bad_fraction=_max_bad(config),
        progress=progress,
    )


def make_task(config: Config, answers: Answers) -> Task:
    """Builds features, model and task for these answers, with fresh weights from the seed."""
    pl.seed_everything(config["seed"], verbose=False)
    features = build(config["features"])
    model = build(
        config["model"],
        input_dim=features.output_dim(answers.input_dim),
        num_outputs=len(answers.vocabulary),
        answers=answers,
    )
    augment = config.get("augment") or {}
    task: Task = build(
        config["task"],
        features=features,
        model=model,
        answers=answers,
        optim=build(config["optim"]),
        input_augment=build(augment.get("inputs", [])),
        feature_augment=build(augment.get("features", [])),
        seed=config["seed"],
        input_rate=_input_rate(config),
    )
    return task


def usable_rows(config: Config, store: Store, split: str) -> Rows:
    """The rows of a split that hold what the task reads; the others are named."""
    target = build(config["task"]["target"])
    return select_rows(store, split, config["task"]["inputs"], target, _max_bad(config))


def learn_answers(config: Config, store: Store, rows: Rows) -> Answers:
    """What the training rows allow to answer."""
    target = build(config["task"]["target"])
    references = [rows.references[row] for row in rows.index]
    answers: Answers = target.learn(references, payload_dim(store, config["task"]["inputs"]))
    return answers


def training_statistics(config: Config, store: Store) -> Statistics:
    """Mean and deviation of the features that enter `NormaliseGlobal`, or of all where it is not.

    Raises:
        ValueError: The training split is empty, or too many of its items cannot be used.
    """
    rows = usable_rows(config, store, "train")
    stages = [build(config["features"])]
    if isinstance(stages[0], Chain):
        stages = list(stages[0].stages)
    last = next((i for i, one in enumerate(stages) if isinstance(one, NormaliseGlobal)), None)
    before = Chain(stages[:last])
    device, batching = torch.device("cpu"), build(config["loader"])
    batches = input_loader(store, rows, config["task"]["inputs"], batching, device)
    with torch.inference_mode():
        return feature_statistics(before(batch.inputs) for batch in batches)


def make_data(config: Config, store: Store) -> StoreData:
    """A fresh task and the batches it is trained and validated on.

    Raises:
        ValueError: A split is empty, or too many of its items cannot be used; names them.
    """
    train, val = usable_rows(config, store, "train"), usable_rows(config, store, "val")
    task = make_task(config, learn_answers(config, store, train))
    train = trainable_rows(store, "train", train, task, _max_bad(config))
    warn_of_faults(store, "val", val, task)
    return StoreData(store, task, train, val, build(config["loader"]), config["seed"])


def train(config: Config, store: Store, run_dir: Path) -> None:
    """Trains, or goes on training, until the best epoch's weights lie in the run's folder.

    A finished run is not trained again.

    Raises:
        ValueError: The folder holds a run of another config or of other data.
    """
    claim(run_dir, config, store.fingerprint)
    if "embedder" in store.info:
        claim_embedder(run_dir, store.info["embedder"])
    if (run_dir / WEIGHTS).is_file():
        log.info("%s is trained already", run_dir)
        return
    data = make_data(config, store)
    if init := (config.get("run") or {}).get("init"):
        begin_from(Path(init), data.task.answers, data.task.model)
    save_answers(run_dir, data.task.answers)  # from now on the folder is this run's
    trainer = build(
        config["trainer"],
        run_dir=run_dir,
        metric=data.task.metric,
        is_lower_better=data.task.is_lower_better,
    )
    seconds = fit(trainer, data.task, data, run_dir)
    record_seconds(run_dir, train=seconds)
    record_throughput(run_dir, throughput(trainer, data))
    # Lightning leaves the task on the CPU.
    data.task.to(choose_device(_accelerator(config)))
    data.task.settle(partial(_answered, data))
    save_answers(run_dir, data.task.answers)  # with what has been learned of them since
    save_weights(run_dir, data.task.model)


def _answered(data: StoreData, split: Literal["train", "val"]) -> Answered:
    """The trained task's answers to a split, and the right ones."""
    rows = data.train if split == "train" else data.val
    predictions = predict_rows(data.task, data.store, rows, data.batching)
    return predictions, [rows.references[row] for row in rows.index]


def load_task(config: Config, run_dir: Path) -> Task:
    """The trained task of a run's folder, on the device to answer on."""
    task = make_task(config, load_answers(run_dir))
    load_weights(run_dir, task.model)
    task.eval()
    return task.to(choose_device(_accelerator(config)))


def evaluate(
    config: Config, store: Store, split: str, run_dir: Path, **seconds: float
) -> Evaluation:
    """Answers and scores every usable row of a split with a run's trained task.

    Args:
        config: composed and checked.
        store: where the rows lie.
        split: which of them.
        run_dir: of the finished run.
        seconds: of stages that took another time than the run's own.
    """
    start = time.perf_counter()
    task = load_task(config, run_dir)
    rows = usable_rows(config, store, split)
    warn_of_faults(store, split, rows, task)
    index = rows.index.tolist()
    task.ask({row: store.ids[row] for row in index}, {row: rows.references[row] for row in index})
    predictions = predict_rows(task, store, rows, build(config["loader"]))
    state = read_state(run_dir)
    if store.fingerprint == state["store"]:
        task.recall([rows.references[row] for row in store.rows("train").tolist()])
    score = task.score(predictions, [rows.references[row] for row in index])
    evaluated_s = time.perf_counter() - start
    seconds = {**state["seconds"], **seconds, "evaluate": evaluated_s}
    fingerprints = {
        "store": store.fingerprint,
        "trained_on": state["store"],
        "weights": digest_file(run_dir / WEIGHTS),
    }
    return Evaluation(
        task, store, split, rows, predictions, score, seconds, fingerprints,
        state.get("throughput", {}),
    )  # fmt: skip


def _input_rate(config: Config) -> float:
    """Steps per second of what the task reads; 0: nobody knows, as of features from elsewhere."""
    rates = {"audio": "sample_rate", "frames": "frame_rate"}
    if config.get("embed"):
        rates["features"] = "frame_rate"  # one embedding a frame
    rate = rates.get(config["task"]["inputs"])
    return float((value_at(config, f"preprocess.decoding.{rate}") if rate else 0) or 0)


def _accelerator(config: Config) -> str:
    return str((config.get("trainer") or {}).get("accelerator", "auto"))


def _max_bad(config: Config) -> float:
    return float(config["preprocess"].get("max_bad_fraction", _MAX_BAD_FRACTION))
