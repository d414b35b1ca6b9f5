"""`rnnmm speaker rehearse`: stated rates of false accepts, measured on people nobody has met."""

import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from rnnmm.experiment import load_task
from rnnmm.manifest import count_of
from rnnmm.metrics.interval import Redraw, redrawn_interval
from rnnmm.metrics.verification import cllr, eer, min_cllr
from rnnmm.pipelines.compose import compose_for_run
from rnnmm.pipelines.console import console, logging_to, print_figures, print_rows
from rnnmm.pipelines.evaluate import degraded, results_dir
from rnnmm.pipelines.population import embed_clips, learn_book, speaking_rows
from rnnmm.pipelines.preprocess import preprocess
from rnnmm.pipelines.words import is_between, stop, take_words
from rnnmm.result import to_json
from rnnmm.run import WEIGHTS, describe_hardware, read_config, versions
from rnnmm.speakers.quality import assess
from rnnmm.speakers.rehearsal import Held, Rehearsal, rehearse
from rnnmm.speakers.scoring import Matrix
from rnnmm.store.commit import commit_bytes, digest_file
from rnnmm.tasks.task import Task, count_parameters

log = logging.getLogger(__name__)

_USAGE = (
    "rnnmm speaker rehearse run.dir=RUN [split=test] [dataset.root=FOLDER] "
    "[rates=[0.1,0.05,0.02,0.01]] [num_draws=100] [num_clips=3] [run.out=FOLDER]"
)
_DEFAULTS = {"rates": "[0.1,0.05,0.02,0.01]", "num_draws": "100", "num_clips": "3"}
_FLOORS = {"eer": 0.5, "cllr": 1.0, "min_cllr": 1.0}
_LEVEL = 0.95


@dataclass(frozen=True)
class Request:
    """What is asked: the words of the command line that are not the run's."""

    rates: tuple[float, ...]
    num_draws: int
    num_clips: int


@dataclass(frozen=True)
class People:
    """``(n, D)`` clips by speaker, in order; of which dataset; how many were refused."""

    clips: Mapping[str, Matrix]
    dataset: str
    num_refused: int


def main(words: Sequence[str]) -> int:
    """Draws the people of a split into members and strangers, and counts wrong answers.

    Thresholds rest on the run's own validation and training speakers, as those of a new book do.
    """
    request, overrides = parse(words)
    config, started = compose_for_run(overrides), time.perf_counter()
    run_dir = Path(config["run"]["dir"])
    trained = read_config(run_dir)
    with logging_to():
        task = load_task(config, run_dir)
        if task.inputs != "audio":
            raise ValueError(f"speaker: expected a run on audio, got one on {task.inputs}")
        people = _people(config, task, is_own=config["dataset"] == trained["dataset"])
        own = {**config, "dataset": trained["dataset"], "split": "val"}
        book = learn_book(own, task, digest_file(run_dir / WEIGHTS))
        found = rehearse(book, people.clips, request.rates, request.num_clips, request.num_draws)
    _print(found, people, config["split"])
    out = results_dir(config, trained)
    figures = {
        **_figures(found, people, config["split"], request),
        "seconds": {"evaluate": round(time.perf_counter() - started, 3)},
        "fingerprints": {"model": book.model},
        "versions": {**versions(), "hardware": describe_hardware(task.device)},
    }
    figures["counts"]["parameters"] = count_parameters(task.model)
    _write(out if config["run"]["out"] else out / "rehearsal", figures)
    return 0


def parse(words: Sequence[str]) -> tuple[Request, list[str]]:
    """The request, and the words that are overrides of the run's config.

    Raises:
        SystemExit: With code 2, after all faults were written to stderr.
    """
    values, overrides = take_words(words, _DEFAULTS)
    rates = [rate.strip() for rate in values["rates"].strip("[]").split(",")]
    faults = [
        f"rates: expected numbers above 0 and below 1, got {rate or 'nothing'}"
        for rate in rates
        if not is_between(rate, math.ulp(0), math.nextafter(1, 0))
    ]
    faults += [
        f"{key}: expected a whole number of 1 or more, got {values[key]}"
        for key in ("num_draws", "num_clips")
        if not values[key].isdecimal() or int(values[key]) < 1
    ]
    if faults:
        stop(faults, _USAGE)
    chosen = tuple(sorted({float(rate) for rate in rates}, reverse=True))
    return Request(chosen, int(values["num_draws"]), int(values["num_clips"])), overrides


def _people(config: Mapping[str, Any], task: Task, is_own: bool) -> People:
    with TemporaryDirectory() as folder:
        # As for a book: the run's stores may be read-only, and other data are needed once.
        store, _ = preprocess(config if is_own else {**config, "store": {"root": folder}})
        store = degraded(config, store)
        index = speaking_rows(store, config["split"], task.inputs)
        rate = int(config["preprocess"]["decoding"]["sample_rate"])
        good = [row for row in index.tolist() if assess(store.audio(row), rate).fault is None]
        embeddings, speakers = embed_clips(config, store, np.array(good, np.int64), task)
        name = str(store.info["name"])
    num_refused = len(index) - len(good)
    if num_refused:
        log.warning("%s refused, as identify refuses them", count_of(num_refused, "clip"))
    who = np.array(speakers)
    clips = {one: embeddings[who == one] for one in sorted(set(who.tolist()))}
    return People(clips, name, num_refused)


def _redraws(found: Rehearsal) -> dict[str, Redraw]:
    """Every rate that was counted, by name."""
    redraws = {}
    for verb, by_rate in (("identify", found.identified), ("verify", found.verified)):
        for rate, held in by_rate.items():
            redraws[f"{verb}_false_accepts_{rate:g}"] = held.false_accepts()
            redraws[f"{verb}_misses_{rate:g}"] = held.misses()
    return redraws


def _figures(found: Rehearsal, people: People, split: str, request: Request) -> dict[str, Any]:
    """Most of ``metrics.json``, see the README."""
    redraws = _redraws(found)
    intervals = {name: redrawn_interval(one, level=_LEVEL) for name, one in redraws.items()}
    return {
        "schema": 1,
        "task": "speaker rehearse",
        "dataset": people.dataset,
        "split": split,
        "num_items": sum(map(len, people.clips.values())),
        "metrics": {
            **_ratio_metrics(found),
            **{name: _value(one) for name, one in redraws.items()},
        },
        "floors": dict(_FLOORS),
        "intervals": {
            name: {**one._asdict(), "level": _LEVEL, "units": len(people.clips)}
            for name, one in intervals.items()
            if one.low < one.high
        },
        "counts": {
            "people": len(people.clips),
            "members": found.num_members,
            "draws": request.num_draws,
            "clips_of_a_voice": request.num_clips,
            "refused": people.num_refused,
            "targets": len(found.targets),
            "nontargets": len(found.nontargets),
        },
    }


def _ratio_metrics(found: Rehearsal) -> dict[str, float]:
    """Of the log-likelihood ratios themselves."""
    sides = found.targets, found.nontargets
    return {"eer": eer(*sides), "cllr": cllr(*sides), "min_cllr": min_cllr(*sides)}


def _print(found: Rehearsal, people: People, split: str) -> None:
    of = f"{people.dataset}, split {split}, {count_of(len(people.clips), 'speaker')}"
    columns = ["stated", "strangers accepted", "pairs", "members missed"]
    for verb, by_rate in (("identify", found.identified), ("verify", found.verified)):
        rows = [_row(rate, held) for rate, held in by_rate.items()]
        where = f"{verb} in a book of {found.num_members}"
        print_rows(f"{where}: {of} (95 % interval over people)", columns, rows)
    print_figures("log-likelihood ratios", _ratio_metrics(found), _FLOORS, {}, {})


def _row(rate: float, held: Held) -> list[str]:
    wrong, every = held.num_pairs()
    shown = [_with_interval(one) for one in (held.false_accepts(), held.misses())]
    return [_percent(rate), shown[0], f"{wrong} of {every}", shown[1]]


def _with_interval(redraw: Redraw) -> str:
    low, high = redrawn_interval(redraw, level=_LEVEL)
    interval = f" ({_percent(low)} to {_percent(high)})" if low < high else ""
    return f"{_percent(_value(redraw))}{interval}"


def _percent(value: float) -> str:
    return f"{100 * value:.3g} %"


def _value(redraw: Redraw) -> float:
    return redraw.figure(np.ones(redraw.num_units, np.int64))


def _write(out: Path, figures: Mapping[str, Any]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    target = out / "metrics.json"
    commit_bytes(target, f"{to_json(figures, indent=1)}\n".encode())
    console.print(str(target), markup=False)
