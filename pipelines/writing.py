"""What `rnnmm predict` does with the run of a language model: it writes texts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnmm.decode.sample import Sampling
from rnnmm.domain import Count, Fraction, Positive, Size
from rnnmm.experiment import load_task
from rnnmm.manifest import count_of
from rnnmm.pipelines.console import console, print_rows
from rnnmm.pipelines.inputs import write_answers
from rnnmm.pipelines.words import stop, take_words
from rnnmm.signature import describe, fits
from rnnmm.tasks.language import LanguageModelling

_USAGE = (
    "rnnmm predict run.dir=RUN [num_texts=5] [begin=TEXT] [seed=N] [temperature=1] [top_k=0] "
    "[top_p=1] [max_symbols=300] [run.out=FOLDER]"
)
_WORDS: dict[str, Any] = {
    "num_texts": Size, "begin": str, "max_symbols": Size, "temperature": Positive,
    "top_k": Count, "top_p": Fraction,
}  # fmt: skip
_OF_MEDIA = ("inputs", "subtitles", "annotate", "overlay")


@dataclass(frozen=True)
class Request:
    """What is asked: the words of the command line that are not the run's.

    given: the names of those that were typed. The rest: as `rnnmm.decode.sample.Sampling` and
    `LanguageModelling.write`; ``top_k=1`` always takes the likeliest symbol.
    """

    given: tuple[str, ...] = ()
    num_texts: int = 5
    begin: str = ""
    max_symbols: int = 300
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0


def parse(words: Sequence[str]) -> tuple[Request, list[str]]:
    """The request, and the words that are overrides of the run's config.

    Raises:
        SystemExit: With code 2, after all faults were written to stderr.
    """
    values, overrides = take_words(words, dict.fromkeys(_WORDS, ""))
    given = {name: text for name, text in values.items() if text}
    if faults := list(_faults(given)):
        stop(faults, _USAGE)
    typed = {name: _read(name, text) for name, text in given.items()}
    return Request(tuple(given), **typed), overrides


def check_no_request(request: Request, task: str) -> None:
    """Stops at words about texts before a run that writes none.

    Raises:
        ValueError: There are some.
    """
    if request.given:
        raise ValueError(
            f"{' and '.join(request.given)}: expected the run of a language model, got one of "
            f"task {task}; leave out what is about texts to be written"
        )


def write_texts(config: Mapping[str, Any], request: Request) -> None:
    """Prints texts and writes ``predicted.jsonl``.

    Args:
        config: of a language model's run; its ``seed`` is that of the draws.
        request: how many, and how.

    Raises:
        ValueError: Media are to be answered for, or the run's symbols cannot write ``begin``.
    """
    asked = [name for name in _OF_MEDIA if config[name]]
    if asked:
        raise ValueError(
            f"{' and '.join(asked)}: expected none for the run of a language model, which writes "
            f"texts and reads no media; leave out {' and '.join(asked)}, or measure texts with "
            f"rnnmm evaluate dataset=text dataset.path=FILE.txt"
        )
    run_dir = Path(config["run"]["dir"])
    task = load_task(config, run_dir)
    assert isinstance(task, LanguageModelling)
    how = Sampling(
        request.num_texts, request.temperature, request.top_k, request.top_p, config["seed"]
    )
    written = task.write(how, request.max_symbols, request.begin)
    rows = [{"hypothesis": one.hypothesis, "score": round(one.score, 6)} for one in written]
    paths = write_answers(Path(config["run"]["out"] or run_dir) / "predicted.jsonl", rows, ())
    table = [(one.hypothesis, f"{one.score:.3f}") for one in written]
    print_rows(f"{task.name}: {count_of(len(rows), 'text')}", ["text", "log-probability"], table)
    for path in paths:
        console.print(str(path), markup=False)


def _faults(given: Mapping[str, str]) -> Iterator[str]:
    for name, text in given.items():
        if not fits(_read(name, text), _WORDS[name]):
            yield f"{name}: expected {describe(_WORDS[name])}, got {text}"


def _read(name: str, text: str) -> Any:
    """A number where one is wanted and stands there."""
    if _WORDS[name] is not str:
        for kind in (int, float):
            try:
                return kind(text)
            except ValueError:
                continue
    return text
