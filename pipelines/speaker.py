"""`rnnmm speaker`: people enrolled in a book by their voice, then verified or identified.

`rnnmm speaker rehearse`, which needs no book, is `rnnmm.pipelines.rehearsal`.
"""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rnnmm.config import build
from rnnmm.experiment import load_task
from rnnmm.manifest import count_of
from rnnmm.pipelines import rehearsal
from rnnmm.pipelines.compose import compose_for_run
from rnnmm.pipelines.console import console, logging_to, print_rows
from rnnmm.pipelines.inputs import Inputs, absent_inputs, decoded_inputs, write_answers
from rnnmm.pipelines.population import learn_book
from rnnmm.pipelines.words import is_between, stop, take_words
from rnnmm.run import WEIGHTS
from rnnmm.signature import did_you_mean
from rnnmm.speakers.book import (
    Book,
    add_person,
    check_name,
    find_person,
    has_book,
    locked,
    open_book,
    remove_person,
    save_book,
)
from rnnmm.speakers.quality import Limits, Quality, assess
from rnnmm.speakers.scoring import Matrix
from rnnmm.speakers.verdict import Verdict, identify, resembling_stranger, verify
from rnnmm.store.commit import digest_file
from rnnmm.tasks.data import Rows
from rnnmm.tasks.embedding import embed_rows
from rnnmm.tasks.task import Task

log = logging.getLogger(__name__)

ACTIONS = ("enrol", "verify", "identify", "list", "remove", "rehearse")
_NAMED = ("enrol", "verify", "remove")
_LOCAL = ("list", "remove")
_USAGE = (
    "rnnmm speaker enrol|verify|identify run.dir=RUN book=FOLDER [name=NAME] inputs=[A,B] "
    "[false_accept_rate=0.01] [min_speech_s=0.15], or list|remove book=FOLDER "
    "[name=NAME], or rehearse run.dir=RUN"
)


@dataclass(frozen=True)
class Request:
    """What is asked: the words of the command line that are not the run's."""

    action: str
    book: Path
    name: str
    false_accept_rate: float
    min_speech_s: float


@dataclass(frozen=True)
class Clips:
    """Clips that are good enough: where they lie, ``(I, D)`` embeddings, and how good they are."""

    paths: Sequence[Path]
    embeddings: Matrix
    qualities: Sequence[Quality]


def main(words: Sequence[str]) -> int:
    """Enrols, answers, lists or removes; a clip that is refused is named and makes the code 1."""
    if words[:1] == ["rehearse"]:
        return rehearsal.main(words[1:])
    request, overrides = parse(words)
    if request.action in _LOCAL:
        return _edit(request)
    # The population comes from the validation split unless the user names another.
    config = compose_for_run(["split=val", *overrides], ("inputs",))
    with logging_to():
        task = load_task(config, Path(config["run"]["dir"]))
        if task.inputs != "audio":
            raise ValueError(f"speaker: expected a run on audio, got one on {task.inputs}")
        act = _enrol if request.action == "enrol" else _answer
        return act(request, config, task)


def parse(words: Sequence[str]) -> tuple[Request, list[str]]:
    """The request, and the words that are overrides of the run's config.

    Raises:
        SystemExit: With code 2, after all faults were written to stderr.
    """
    asked = {"book": "", "name": "", "false_accept_rate": "0.01", "min_speech_s": "0.15"}
    values, overrides = take_words(words[1:], asked)
    faults = list(_faults(words[0] if words else "", values))
    if faults:
        stop(faults, _USAGE)
    numbers = float(values["false_accept_rate"]), float(values["min_speech_s"])
    book = Path(values["book"]).expanduser()  # a shell leaves the ~ behind an = alone
    return Request(words[0], book, values["name"], *numbers), overrides


def _faults(action: str, values: Mapping[str, str]) -> list[str]:
    faults: list[str] = []
    if action not in ACTIONS:
        hint = did_you_mean(action, ACTIONS) if action else ""
        faults.append(f"expected {', '.join(ACTIONS)}, got {action or 'nothing'}{hint}")
    if not values["book"]:
        faults.append("book: missing; give book=FOLDER")
    if action in _NAMED:
        try:
            check_name(values["name"])
        except ValueError as error:
            faults.append(str(error))
    for key, high in (("false_accept_rate", 1.0), ("min_speech_s", math.inf)):
        if not is_between(values[key], math.ulp(0), math.nextafter(high, 0)):
            faults.append(
                f"{key}: expected a number above 0 and below {high:g}, got {values[key]}"
            )
    return faults


def _edit(request: Request) -> int:
    if request.action == "remove":
        open_book(request.book)  # no folder is made for a book that is not there
        with locked(request.book):
            save_book(request.book, remove_person(open_book(request.book), request.name))
        console.print(f"removed {request.name}", markup=False)
    _print_people(open_book(request.book))
    return 0


def _enrol(request: Request, config: Mapping[str, Any], task: Task) -> int:
    """All clips or none: a voice is not to rest on what happened to be readable."""
    clips, refused = read_clips(request, config, task)
    if refused or clips is None:
        _print_refused(refused)
        console.print(f"{request.name} was not enrolled; leave out what is refused", markup=False)
        return 1
    model = digest_file(Path(config["run"]["dir"]) / WEIGHTS)
    if not has_book(request.book):
        book = learn_book(config, task, model)
        with locked(request.book):
            if not has_book(request.book):
                save_book(request.book, add_person(book, request.name, clips.embeddings))
                return _enrolled(request, clips)
    with locked(request.book):
        book = _opened(request, model)
        save_book(request.book, add_person(book, request.name, clips.embeddings))
    return _enrolled(request, clips)


def _enrolled(request: Request, clips: Clips) -> int:
    shown = [
        (str(path), f"{found.score:.2f}", f"{found.speech_s:.1f} s", f"{found.snr_db:.0f} dB")
        for path, found in zip(clips.paths, clips.qualities)
    ]
    print_rows(f"enrolled {request.name}", ["file", "quality", "speech", "signal to noise"], shown)
    book = open_book(request.book)
    if other := resembling_stranger(book, request.name):
        log.info("%s sounds like %s, one of the strangers that thresholds rest on; if they are "
                 "one person, enrol this voice by that name", request.name, other)  # fmt: skip
    _print_people(book)
    return 0


def _answer(request: Request, config: Mapping[str, Any], task: Task) -> int:
    run_dir = Path(config["run"]["dir"])
    book = _opened(request, digest_file(run_dir / WEIGHTS))
    if request.action == "verify":
        find_person(book, request.name)  # before the work, not after it
    clips, refused = read_clips(request, config, task)
    rate = request.false_accept_rate
    verdicts: list[Verdict] = []
    if clips is not None and request.action == "verify":
        verdicts = verify(book, request.name, clips.embeddings, rate)
    elif clips is not None:
        verdicts = identify(book, clips.embeddings, rate)
    rows = _print_verdicts(request, clips, verdicts)
    _print_refused(refused)
    target = Path(config["run"]["out"] or run_dir) / f"{request.action}.jsonl"
    for path in write_answers(target, rows, refused):
        console.print(str(path), markup=False)
    return 1 if refused else 0


def _print_verdicts(
    request: Request, clips: Clips | None, verdicts: Sequence[Verdict]
) -> list[dict[str, Any]]:
    """The same as rows to be written."""
    found = [] if clips is None else list(zip(clips.paths, clips.qualities, verdicts))
    table = [
        (str(path), verdict.answer, verdict.name, f"{verdict.llr:.2f}",
         f"{verdict.threshold:.2f}", f"{quality.score:.2f}")
        for path, quality, verdict in found
    ]  # fmt: skip
    title = f"{request.action} at {request.false_accept_rate:.4g} false accepts"
    columns = ["file", "answer", "nearest", "log-likelihood ratio", "needed", "quality"]
    print_rows(title, columns, table)
    if any(verdict.is_extrapolated for verdict in verdicts):
        log.warning("false_accept_rate=%g: rarer than the population can show; the threshold "
                    "follows its fitted tail", request.false_accept_rate)  # fmt: skip
    return [
        {"path": str(path), **verdict._asdict(), "quality": asdict(quality)}
        for path, quality, verdict in found
    ]


def read_clips(
    request: Request, config: Mapping[str, Any], task: Task
) -> tuple[Clips | None, list[tuple[Path, str]]]:
    """Clips that are good enough, None where there are none; (path, reason) of the others."""
    with decoded_inputs(config, task.inputs) as inputs:
        if inputs is None:
            return None, list(absent_inputs(config))
        rate = int(config["preprocess"]["decoding"]["sample_rate"])
        limits = Limits(min_speech_s=request.min_speech_s)
        heard = {row: assess(inputs.store.audio(row), rate, limits) for row in inputs.rows.index}
        refused = [
            (inputs.paths[row], quality.fault) for row, quality in heard.items() if quality.fault
        ]
        good = [row for row, quality in heard.items() if not quality.fault]
        clips = _embedded(inputs, good, heard, config, task) if good else None
    return clips, [*inputs.silent, *refused]


def _embedded(
    inputs: Inputs, good: Sequence[int], heard: Mapping[int, Quality],
    config: Mapping[str, Any], task: Task,
) -> Clips:  # fmt: skip
    is_good = np.isin(inputs.rows.index, good)
    rows = Rows(inputs.rows.index[is_good], inputs.rows.lengths[is_good], inputs.rows.references)
    embeddings = embed_rows(task, inputs.store, rows, build(config["loader"]))
    return Clips([inputs.paths[row] for row in good], embeddings, [heard[row] for row in good])


def _opened(request: Request, model: str) -> Book:
    book = open_book(request.book)
    if book.model != model:
        raise ValueError(
            f"{request.book}: expected a book of this run's model, got one of another (weights "
            f"{book.model[:8]}, not {model[:8]}); enrol into another book"
        )
    return book


def _print_people(book: Book) -> None:
    rows = [(name, str(len(clips))) for name, clips in book.people.items()]
    print_rows(f"{count_of(len(rows), 'voice')} in the book", ["name", "clips"], rows)


def _print_refused(refused: Sequence[tuple[Path, str]]) -> None:
    for path, reason in refused:
        console.print(f"refused {path}: {reason}", style="red", markup=False)
