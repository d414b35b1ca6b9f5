"""`rnnmm bench`: measures this machine and this program, each figure beside a limit or a peer."""

import importlib
from collections.abc import Sequence
from pathlib import Path

import torch

from rnnmm.bench.row import Bench, Row, device_name, write_document
from rnnmm.pipelines.console import console
from rnnmm.signature import did_you_mean

NAMES = ("limits", "features", "decode", "loader", "rnn", "train", "order", "preprocess")
_USAGE = f"rnnmm bench {'|'.join((*NAMES, 'all'))} [device=cpu|cuda] [out=bench]"
_COLUMNS = ("id", "what", "ours", "unit", "against", "theirs", "ratio", "goal", "holds")


def main(overrides: Sequence[str]) -> int:
    """Runs the named benchmark, prints its table, writes ``OUT/NAME.json`` and ``OUT/NAME.md``.

    Raises:
        ValueError: Words it does not know, or a device that is not there.
    """
    names, device, out = _parse(overrides)
    console.print(f"bench on {device_name(device)}", markup=False)
    for name in names:
        measure: Bench = importlib.import_module(f"rnnmm.bench.{name}").measure
        rows = measure(device)
        write_document(out / f"{name}.json", rows, device)
        shown = [_shown(row) for row in rows]
        (out / f"{name}.md").write_text(_markdown(shown), encoding="utf-8")
        console.print(f"\n{name}", markup=False)
        for row in rows:
            console.print(_line(row), markup=False)
    console.print(f"written to {out}/", markup=False)
    return 0


def _parse(words: Sequence[str]) -> tuple[Sequence[str], torch.device, Path]:
    options = {"device": "cpu", "out": "bench"}
    names: list[str] = []
    for word in words:
        key, equals, value = word.partition("=")
        if equals and key in options and value:
            options[key] = value
        elif word in (*NAMES, "all"):
            names += NAMES if word == "all" else [word]
        else:
            guess = did_you_mean(key, (*NAMES, "all", *options))
            raise ValueError(f"unknown word {word}{guess}; {_USAGE}")
    if not names:
        raise ValueError(f"expected the name of a benchmark, got none; {_USAGE}")
    return list(dict.fromkeys(names)), _device(options["device"]), Path(options["out"])


def _device(name: str) -> torch.device:
    if name not in ("cpu", "cuda"):
        raise ValueError(f"device: expected cpu or cuda, got {name}; {_USAGE}")
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("device=cuda: torch sees no such device here; use device=cpu")
    return torch.device(name)


def _line(row: Row) -> str:
    """One row for a terminal of any width: the verdict first."""
    verdict = {True: "yes", False: "NO", None: ""}[row.holds]
    figures = f"{row.name}: {_number(row.ours)} {row.unit}"
    if row.against:
        figures += f"; {row.against} {_number(row.theirs)}".rstrip()
    if row.ratio is not None:
        figures += f"; ratio {_number(row.ratio)}"
    if row.goal is not None:
        figures += f", goal {row.goal:g}"
    return f"  {verdict:<4}{row.id:<6}{figures}"


def _shown(row: Row) -> list[str]:
    holds = {True: "yes", False: "no", None: ""}[row.holds]
    return [row.id, row.name, _number(row.ours), row.unit, row.against, _number(row.theirs),
            _number(row.ratio), "" if row.goal is None else f">= {row.goal:g}", holds]  # fmt: skip


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    lines = [_COLUMNS, ["---"] * len(_COLUMNS), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
