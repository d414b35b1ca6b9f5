"""`rnnmm diarise`: who speaks when in recordings, by a finished run's voice embeddings."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rnnmm.detection import LearnedActivity
from rnnmm.experiment import load_task
from rnnmm.manifest import count_of
from rnnmm.metrics.diarisation import DiarisationErrors, Turn, count_diarisation_errors
from rnnmm.pipelines.compose import compose_for_run
from rnnmm.pipelines.console import console, logging_to, print_rows
from rnnmm.pipelines.inputs import Inputs, absent_inputs, decoded_inputs
from rnnmm.pipelines.words import is_between, stop, take_words
from rnnmm.speakers.activity import speech_segments
from rnnmm.speakers.cluster import cluster_by_number, cluster_by_similarity
from rnnmm.speakers.diarise import Cluster, diarise
from rnnmm.speakers.rttm import read_rttm, write_rttm
from rnnmm.tasks.embedding import embed_pieces
from rnnmm.tasks.task import Task

log = logging.getLogger(__name__)

_USAGE = (
    "rnnmm diarise run.dir=RUN inputs=[A,B] [num_speakers=N] [min_cosine=C] [reference=X.rttm "
    "[collar_s=0.25]] [activity_run=RUN] [run.out=FOLDER]"
)
# Of windows of one voice model whose cosines were never calibrated.
_MIN_COSINE = 0.5
_MOST_COLLAR_S = 10.0


@dataclass(frozen=True)
class Request:
    """What is asked: the words of the command line that are not the run's.

    num_speakers: in each recording; 0: found out. min_cosine: of groups that are joined; None:
    where the run's calibration says that one voice is as probable as two. reference: RTTM.
    activity_run: a trained detector of speech; None: by energy.
    """

    num_speakers: int
    min_cosine: float | None
    reference: Path | None
    collar_s: float
    activity_run: Path | None


def main(words: Sequence[str]) -> int:
    """Prints turns and writes ``diarised.rttm``; with a reference also the error rate."""
    request, overrides = parse(words)
    reference = {} if request.reference is None else read_rttm(request.reference)
    config = compose_for_run(overrides, ("inputs",))
    run_dir = Path(config["run"]["dir"])
    with logging_to():
        task = load_task(config, run_dir)
        if task.inputs != "audio":
            raise ValueError(f"diarise: expected a run on audio, got one on {task.inputs}")
        with decoded_inputs(config, task.inputs) as inputs:
            found = _recordings(request, config, task, inputs) if inputs else {}
            silent = inputs.silent if inputs else absent_inputs(config)
    out = Path(config["run"]["out"] or run_dir) / "diarised.rttm"
    if found:  # without a single recording an earlier file stays as it was
        out.parent.mkdir(parents=True, exist_ok=True)
        write_rttm(out, found)
    _print_turns(found)
    if found and request.reference is not None:
        _print_errors(found, reference, request)
    for path, reason in silent:
        console.print(f"no turns for {path}: {reason}", style="red", markup=False)
    if found:
        console.print(str(out), markup=False)
    return 1 if silent else 0


def parse(words: Sequence[str]) -> tuple[Request, list[str]]:
    """The request, and the words that are overrides of the run's config.

    Raises:
        SystemExit: With code 2, after all faults were written to stderr.
    """
    asked = {"num_speakers": "0", "min_cosine": "", "reference": "", "collar_s": "0"}
    asked["activity_run"] = ""
    values, overrides = take_words(words, asked)
    if faults := list(_faults(values)):
        stop(faults, _USAGE)
    least = float(values["min_cosine"]) if values["min_cosine"] else None
    files = (
        Path(values[key]).expanduser() if values[key] else None
        for key in ("reference", "activity_run")
    )
    reference, activity_run = files
    number, collar_s = int(values["num_speakers"]), float(values["collar_s"])
    return Request(number, least, reference, collar_s, activity_run), overrides


def _faults(values: Mapping[str, str]) -> Iterator[str]:
    if not values["num_speakers"].isdecimal():
        yield f"num_speakers: expected a whole number, got {values['num_speakers']}"
    if values["min_cosine"] and not is_between(values["min_cosine"], -1, 1):
        yield f"min_cosine: expected a number from -1 to 1, got {values['min_cosine']}"
    if not is_between(values["collar_s"], 0, _MOST_COLLAR_S):
        yield (
            f"collar_s: expected seconds from 0 to {_MOST_COLLAR_S:g}, got {values['collar_s']}"
        )
    if values["min_cosine"] and values["num_speakers"] not in ("", "0"):
        yield "num_speakers and min_cosine: expected one of them, got both"


def _recordings(
    request: Request, config: Mapping[str, Any], task: Task, inputs: Inputs
) -> dict[str, list[Turn]]:
    """The turns of each recording, by its name as RTTM has it."""
    rate = int(config["preprocess"]["decoding"]["sample_rate"])
    cluster = _cluster(request, task)
    run = request.activity_run
    detect = speech_segments if run is None else LearnedActivity(str(run))
    paths = [inputs.paths[row] for row in inputs.rows.index]
    names = _recording_names(paths)
    return {
        name: diarise(
            inputs.store.audio(row), rate, partial(embed_pieces, task), cluster, detect=detect
        )
        for name, row in zip(names, inputs.rows.index)
    }


def _recording_names(paths: Sequence[Path]) -> list[str]:
    """File names without extension or spaces.

    Raises:
        ValueError: Two recordings would have one name.
    """
    names = ["_".join(path.stem.split()) for path in paths]
    for name in names:
        if names.count(name) > 1:
            both = [str(path) for path, other in zip(paths, names) if other == name]
            raise ValueError(f"diarise: expected recordings of different names, got {both}")
    return names


def _cluster(request: Request, task: Task) -> Cluster:
    if request.num_speakers:
        return partial(cluster_by_number, num_clusters=request.num_speakers)
    least = _MIN_COSINE if request.min_cosine is None else request.min_cosine
    calibration = getattr(task.model, "calibration", None)
    if request.min_cosine is None and calibration is not None and calibration[1] != 0:
        slope, intercept = calibration.tolist()
        least = min(max(-intercept / slope, -1.0), 1.0)  # a log-likelihood ratio of 0
    log.info("groups are joined down to a cosine of %.3f", least)
    return partial(cluster_by_similarity, min_cosine=least)


def _print_turns(found: Mapping[str, Sequence[Turn]]) -> None:
    rows = [
        (name, f"{turn.start_s:.2f}", f"{turn.end_s:.2f}", turn.speaker)
        for name, turns in found.items()
        for turn in turns
    ]
    people = sum(len({turn.speaker for turn in turns}) for turns in found.values())
    title = f"{count_of(len(rows), 'turn')} of {count_of(people, 'speaker')}"
    print_rows(title, ["recording", "from", "to", "speaker"], rows)


def _print_errors(
    found: Mapping[str, Sequence[Turn]], reference: Mapping[str, Sequence[Turn]], request: Request
) -> None:
    """The error rate of each recording and of all; one without a reference has no speech."""
    scored = {
        name: count_diarisation_errors(reference.get(name, ()), turns, request.collar_s)
        for name, turns in found.items()
    }
    scored["all"] = sum(scored.values(), DiarisationErrors())
    rows = [
        (name, f"{one.rate:.4f}", f"{one.missed_s:.2f}", f"{one.false_s:.2f}",
         f"{one.confused_s:.2f}", f"{one.spoken_s:.2f}")
        for name, one in scored.items()
    ]  # fmt: skip
    for name in found.keys() - reference.keys():
        log.warning("%s: no turn of %s, so all of the answer is wrong", request.reference, name)
    columns = ["recording", "error rate", "missed s", "false s", "confused s", "spoken s"]
    print_rows(f"against {request.reference}, collar {request.collar_s:g} s", columns, rows)
