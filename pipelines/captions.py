"""`rnnmm evaluate captions`: a file of captions scored by itself, whoever wrote them."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rnnmm.manifest import count_of, name_some
from rnnmm.metrics.caption import constant_caption
from rnnmm.metrics.caption_figures import (
    caption_figures,
    ceiling_figures,
    novelty,
    unknown_ratio,
    variety,
)
from rnnmm.metrics.caption_java import java_figures
from rnnmm.pipelines.console import console, logging_to, print_rows, show_figure
from rnnmm.pipelines.words import stop, take_words
from rnnmm.report.wording import name_metric
from rnnmm.result import to_json
from rnnmm.signature import did_you_mean
from rnnmm.store.commit import commit_bytes
from rnnmm.text.tokenise import tokenise_caption

log = logging.getLogger(__name__)

_USAGE = (
    "rnnmm evaluate captions results=results.json references=captions.json "
    "[training=captions.json] [out=metrics.json]"
)
_IDS = ("image_id", "video_id", "id")
_ANSWERS = ("caption", "hypothesis")
_REFERENCES = ("caption", "captions", "reference")

Texts = dict[str, list[str]]
"""The captions of each item by its id."""


@dataclass(frozen=True)
class Figures:
    """What a file of captions scores.

    metrics: by name, NaN where they cannot be had here. floors: of one caption for everything.
    ceilings: of a person against the others; empty with one reference each. counts: the rest.
    """

    metrics: dict[str, float]
    floors: dict[str, float]
    ceilings: dict[str, float]
    counts: dict[str, Any]


def main(words: Sequence[str]) -> int:
    """Prints every figure between its floor and its ceiling; ``out=FILE`` keeps them as JSON.

    Those of Java programs come last: they take minutes where the others take seconds.
    """
    asked = {"results": "", "references": "", "training": "", "out": ""}
    values, others = take_words(words, asked)
    faults = [f"{one}: unknown word{did_you_mean(one.partition('=')[0], asked)}" for one in others]
    faults += [
        f"{key}: missing; give {key}=FILE" for key in ("results", "references") if not values[key]
    ]
    if faults:
        stop(faults, _USAGE)
    results, references, training, out = (Path(one).expanduser() for one in values.values())
    known = read_captions(training) if values["training"] else None
    answers = read_results(results)
    truth = read_captions(references)
    figures = score_captions(answers, truth, known)
    _print(f"{results.name} against {references.name}, {count_of(len(answers), 'item')}", figures)
    with logging_to():  # which says what takes so long
        slow = score_by_java(answers, truth)
    rows = [[name_metric(name), show_figure(value)] for name, value in slow.items()]
    print_rows("by their Java programs", ("metric", "value"), rows)
    figures = replace(figures, metrics={**figures.metrics, **slow})
    if values["out"]:
        commit_bytes(out, f"{to_json(vars(figures), indent=1)}\n".encode())
    return 0


def score_captions(
    results: Mapping[str, str],
    references: Mapping[str, Sequence[str]],
    training: Mapping[str, Sequence[str]] | None = None,
) -> Figures:
    """Figures of untokenised captions, those of Java programs left out.

    Args:
        results: the one answer to each item, by id.
        references: the captions of each item, by id.
        training: captions that a model has learned from; None: not known.

    Raises:
        ValueError: Ids of results and references differ, or there are none.
    """
    _check_ids(results, references)
    ids = list(references)
    answers = [tokenise_caption(results[one]) for one in ids]
    truth = [[tokenise_caption(text) for text in references[one]] for one in ids]
    learned = [
        [tokenise_caption(text) for text in texts] for texts in (training or references).values()
    ]
    constant = [constant_caption(learned)] * len(truth)
    counts = {"num_items": len(ids), **variety(answers)}
    counts["empty"] = sum(not answer for answer in answers)
    if training is not None:
        every = [caption for captions in learned for caption in captions]
        counts["novelty"] = novelty(answers, every)
        words = {word for caption in every for word in caption}
        counts["unknown_reference_words"] = unknown_ratio([c for t in truth for c in t], words)
    counts["constant_caption"] = " ".join(constant[0])
    return Figures(
        caption_figures(truth, answers),
        caption_figures(truth, constant),
        ceiling_figures(truth),
        counts,
    )


def score_by_java(
    results: Mapping[str, str], references: Mapping[str, Sequence[str]]
) -> dict[str, float]:
    """METEOR and SPICE of the same, which take minutes; NaN where they cannot be had here."""
    answers = [tokenise_caption(results[one]) for one in references]
    truth = [[tokenise_caption(text) for text in texts] for texts in references.values()]
    return java_figures(truth, answers)


def read_results(path: Path) -> dict[str, str]:
    """The one caption of each item, of a file as `read_captions` reads.

    Raises:
        ValueError: What `read_captions` refuses, or an item has several captions.
    """
    captions = read_captions(path, _ANSWERS)
    twice = [one for one, texts in captions.items() if len(texts) > 1]
    if twice:
        raise ValueError(
            f"{path}: expected one caption of each item, got several of {name_some(twice)}"
        )
    return {one: texts[0] for one, texts in captions.items()}


def read_captions(path: Path, names: Sequence[str] = _REFERENCES) -> Texts:
    """The captions of each item in a JSON or JSONL file; the file is not trusted.

    Read are a list of objects (COCO results: "image_id" and "caption"), an object with such a list
    as "annotations" (COCO annotations), an object of id: caption or id: [captions], and one object
    a line, such as a run's ``predictions.jsonl``.

    Args:
        path: the file; lines of JSON end in ``.jsonl``.
        names: the fields of an object that may hold captions; the first that is there does.

    Raises:
        ValueError: Nothing of this, or an item without id or caption; names the first.
    """
    tree = _parsed(path)
    if isinstance(tree, dict) and isinstance(tree.get("annotations"), list):
        tree = tree["annotations"]
    if isinstance(tree, dict):
        pairs = list(tree.items())
    else:
        pairs = [_pair(path, place, row, names) for place, row in enumerate(tree)]
    found: Texts = {}
    for one, texts in pairs:
        listed = [texts] if isinstance(texts, str) else texts
        is_text = isinstance(listed, list) and all(isinstance(text, str) for text in listed)
        if not is_text or not listed:
            raise ValueError(
                f"{path}: item {one}: expected a caption or a list of captions, got {texts!r:.60}"
            )
        found.setdefault(str(one), []).extend(listed)
    if not found:
        raise ValueError(f"{path}: expected captions, got none")
    return found


def _parsed(path: Path) -> Any:
    """A list or an object; of lines of JSON their list."""
    text = path.read_text(encoding="utf-8")
    try:
        if path.suffix == ".jsonl":
            tree = [json.loads(line) for line in text.split("\n") if line.strip()]
        else:
            tree = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: expected JSON, or JSONL in a file so named: {error}") from None
    if not isinstance(tree, list | dict):
        raise ValueError(f"{path}: expected a list or an object, got {tree!r:.60}")
    return tree


def _pair(path: Path, place: int, row: object, names: Sequence[str]) -> tuple[Any, Any]:
    """Id and captions of one object of a list."""
    fields = row if isinstance(row, dict) else {}
    ids = [fields[name] for name in _IDS if name in fields]
    texts = [fields[name] for name in names if name in fields]
    if not ids or not texts or isinstance(ids[0], list | dict):
        raise ValueError(
            f'{path}: item {place}: expected an object with "image_id" (or "id") and "caption", '
            f"got {row!r:.60}"
        )
    return ids[0], texts[0]


def _check_ids(results: Mapping[str, object], references: Mapping[str, object]) -> None:
    strange = [one for one in results if one not in references]
    missing = [one for one in references if one not in results]
    if strange:
        raise ValueError(
            f"results: expected ids of the references, got "
            f"{count_of(len(strange), 'other')} ({name_some(strange)})"
        )
    if missing:
        raise ValueError(
            f"results: expected a caption for each of {count_of(len(references), 'item')}, got "
            f"none for {len(missing)} ({name_some(missing)}); leave them out of the references "
            f"to measure a part"
        )


def _print(title: str, figures: Figures) -> None:
    rows = [
        [
            name_metric(name),
            show_figure(value),
            show_figure(figures.floors[name]) if name in figures.floors else "",
            show_figure(figures.ceilings[name]) if name in figures.ceilings else "",
        ]
        for name, value in figures.metrics.items()
    ]
    print_rows(title, ("metric", "value", "floor", "ceiling"), rows)
    for name, value in figures.counts.items():
        shown = f"{value:.4f}" if isinstance(value, float) else value
        console.print(f"{name.replace('_', ' ')}: {shown}", markup=False)
