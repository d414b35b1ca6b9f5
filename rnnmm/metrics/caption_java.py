"""METEOR and SPICE, which are their Java programs and nothing else.

Their jars come with pip's ``pycocoevalcap``; SPICE also needs Stanford's models, which that
package fetches on first use (nothing is fetched here). Where a part is missing the figure is NaN,
"n/a" for people: no other METEOR goes by that name.
"""

import importlib.util
import logging
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rnnmm.metrics.ngram import Caption

log = logging.getLogger(__name__)

_METEOR = "meteor/meteor-1.5.jar"
_SPICE = (
    "spice/spice-1.0.jar",
    "spice/lib/stanford-corenlp-3.6.0.jar",
    "spice/lib/stanford-corenlp-3.6.0-models.jar",
)
# Its tables take METEOR up to a minute to read on a busy machine.
_TIMEOUT_S = 300.0

Captions = Sequence[Sequence[Caption]]


def java_figures(references: Captions, hypotheses: Sequence[Caption]) -> dict[str, float]:
    """``meteor`` and ``spice``, NaN where they cannot be had; the log says why.

    Args:
        references: ``(I, R_i)`` captions, at least one per item.
        hypotheses: ``(I,)`` captions.
    """
    return {
        "meteor": _figure("METEOR", (_METEOR,), meteor, references, hypotheses),
        "spice": _figure("SPICE", _SPICE, spice, references, hypotheses),
    }


def meteor(references: Captions, hypotheses: Sequence[Caption]) -> float:
    """METEOR 1.5 of a corpus, as pip's ``pycocoevalcap`` asks for it.

    Raises:
        OSError, ValueError, subprocess.SubprocessError: The program fails or answers nothing.
    """
    lines = [
        " ||| ".join(["SCORE", *map(_plain, captions), _plain(answer)])
        for captions, answer in zip(references, hypotheses)
    ]
    # Statistics of each item, and what they make together: the program's own two steps.
    statistics = _run_meteor(lines)
    return float(_run_meteor([" ||| ".join(["EVAL", *statistics])])[-1])


def spice(references: Captions, hypotheses: Sequence[Caption]) -> float:
    """SPICE of a corpus, by pip's ``pycocoevalcap``. Errors as of `meteor`."""
    from pycocoevalcap.spice.spice import Spice

    truth = {item: list(map(_plain, captions)) for item, captions in enumerate(references)}
    answers = {item: [_plain(caption)] for item, caption in enumerate(hypotheses)}
    return float(Spice().compute_score(truth, answers)[0])


def missing_part(parts: Sequence[str]) -> str | None:
    """What is wanted of Java or ``pycocoevalcap`` and not there, in words; None: nothing."""
    if shutil.which("java") is None:
        return "needs the program java"
    folder = _package()
    if folder is None:
        return "needs the package pycocoevalcap"
    absent = [part for part in parts if not (folder / part).is_file()]
    return f"needs {', '.join(absent)} of pycocoevalcap" if absent else None


def _figure(
    name: str,
    parts: Sequence[str],
    measure: Callable[[Captions, Sequence[Caption]], float],
    references: Captions,
    hypotheses: Sequence[Caption],
) -> float:
    reason = missing_part(parts)
    if reason is None:
        log.info(
            "%s: its Java program reads its tables and %d captions, which may take minutes",
            name, len(hypotheses),
        )  # fmt: skip
        start = time.perf_counter()
        try:
            figure = measure(references, hypotheses)
            log.info("%s: %.0f s", name, time.perf_counter() - start)
            return figure
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
    log.warning("%s: n/a: %s", name, reason)
    return float("nan")


def _run_meteor(lines: Sequence[str]) -> list[str]:
    """What the program answers to some lines, a line for each or more."""
    folder = _package()
    assert folder is not None
    command = ["java", "-jar", "-Xmx2G", str(folder / _METEOR), "-", "-", "-stdio", "-l", "en",
               "-norm"]  # fmt: skip
    done = subprocess.run(
        command, input="\n".join([*lines, ""]), capture_output=True, text=True, encoding="utf-8",
        timeout=_TIMEOUT_S, check=True,
    )  # fmt: skip
    found = done.stdout.split("\n")[:-1]
    if len(found) < len(lines):
        raise ValueError(f"METEOR: expected {len(lines)} lines, got {len(found)}")
    return found


def _plain(caption: Caption) -> str:
    return " ".join(caption).replace("|||", "")


def _package() -> Path | None:
    found = importlib.util.find_spec("pycocoevalcap")
    folders = found.submodule_search_locations if found else None
    return Path(next(iter(folders))) if folders else None
