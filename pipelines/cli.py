"""The command `rnnmm`: finds the verb, hands it its overrides, says in one sentence what failed.

Nothing heavy is imported before the verb is known.
"""

import importlib
import os
import sys
import textwrap
import traceback
from collections.abc import Sequence
from typing import NamedTuple

from rnnmm import __version__

_WIDTH = 99
_OF_FINISHED_RUNS = ("evaluate", "predict", "speaker", "diarise", "tune-decode")
_OF_TRAINING = ("experiment", "extra")  # groups that a finished run keeps as they were


class Verb(NamedTuple):
    """What the help shows of a verb: what it does, and an example of each of its forms."""

    summary: str
    examples: tuple[str, ...]


VERBS = {
    "preprocess": Verb(
        "Decodes media files into a store of shards; a rerun continues.",
        ("rnnmm preprocess dataset=folder dataset.root=my_clips",),
    ),
    "train": Verb(
        "Trains the model of an experiment on its store.",
        ("rnnmm train experiment=fsdd_asr dataset.root=../fsdd run.dir=runs/mine",),
    ),
    "evaluate": Verb(
        "Measures a finished run, also on other files; evaluate captions: a results file.",
        (
            "rnnmm evaluate run.dir=runs/mine dataset.root=../other split=all run.out=results",
            "rnnmm evaluate captions results=A.json references=B.json [training=C.json] [out=D]",
        ),
    ),
    "run": Verb(
        "Does preprocess, train and evaluate in one go.",
        ("rnnmm run experiment=fsdd_asr dataset.root=../fsdd run.dir=runs/mine",),
    ),
    "predict": Verb(
        "Prints and writes the answers of a finished run for files of yours, or its texts.",
        (
            "rnnmm predict run.dir=runs/mine inputs=[a.wav,b.mp4]",
            "rnnmm predict run.dir=runs/language num_texts=5 temperature=0.8 begin='once upon'",
        ),
    ),
    "compare": Verb(
        "Trains models under one recipe, or takes finished runs; prints paired differences.",
        (
            "rnnmm compare experiment=fsdd_asr dataset.root=../fsdd models=[crnn_ctc,crnn_joint]",
            "rnnmm compare runs=[runs/one,runs/two] [split=NAME] [run.out=FOLDER]",
        ),
    ),
    "speaker": Verb(
        "Enrols people by their voice, verifies or identifies them; rehearses stated rates.",
        (
            "rnnmm speaker enrol run.dir=runs/mine book=people name=anna inputs=[a.wav,b.wav]",
            "rnnmm speaker verify run.dir=runs/mine book=people name=anna inputs=who.wav",
            "rnnmm speaker identify run.dir=runs/mine book=people inputs=[who.wav,else.wav]",
            "rnnmm speaker rehearse run.dir=runs/mine [split=test] [rates=[0.1,0.01]]",
        ),
    ),
    "diarise": Verb(
        "Says who speaks when in recordings: RTTM, and its error rate against another.",
        ("rnnmm diarise run.dir=runs/mine inputs=meeting.wav num_speakers=3",),
    ),
    "tune-decode": Verb(
        "Tries the weights of a finished recogniser's search on its validation split.",
        (
            "rnnmm tune-decode run.dir=runs/mine",
            "rnnmm tune-decode run.dir=runs/mine try.language_weight=[0,0.3] try.size=[16,64]",
        ),
    ),
    "show": Verb(
        "Prints the config, the shapes of one batch and the parameters; trains nothing.",
        ("rnnmm show experiment=fsdd_asr dataset.root=../fsdd",),
    ),
    "check": Verb(
        "Reports every fault of a config at once.",
        ("rnnmm check experiment=fsdd_asr dataset.root=../fsdd trainer.max_epochs=3",),
    ),
    "statistics": Verb(
        "Prints the mean and the deviation of each feature over the training split.",
        ("rnnmm statistics experiment=an4_asr dataset.root=../an4",),
    ),
    "results": Verb(
        "Prints a Markdown table of the finished runs below a folder.",
        ("rnnmm results run.dir=runs",),
    ),
    "bench": Verb(
        "Measures this machine and this program beside limits and peers.",
        ("rnnmm bench features",),
    ),
    "demo": Verb(
        "Makes a synthetic corpus and runs all four tasks on it.",
        ("rnnmm demo",),
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command line.

    Args:
        argv: the words after `rnnmm`; None: those of this process.

    Returns:
        The exit code: 0 done, 1 failed with a reason on stderr, 2 not understood (no verb, or
        faults in the configuration), 130 interrupted.
    """
    try:
        return _main(list(sys.argv[1:] if argv is None else argv))
    except BrokenPipeError:  # whoever reads our output, such as `head`, has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _main(words: Sequence[str]) -> int:
    verb = words[0] if words else ""
    if verb in ("-h", "--help", "help"):
        print(_help())
        return 0
    if verb == "--version":
        print(f"rnnmm {__version__}")
        return 0
    if verb not in VERBS:
        print(_unknown(verb), file=sys.stderr)
        return 2
    if {"-h", "--help"} & set(words[1:]):
        print(_verb_help(verb))
        return 0
    return _run(verb, words[1:])


def module_of(verb: str) -> str:
    """Where the `main` of a verb stands."""
    return f"rnnmm.pipelines.{verb.replace('-', '_')}"


def _run(verb: str, overrides: Sequence[str]) -> int:
    try:
        return int(importlib.import_module(module_of(verb)).main(overrides))
    except KeyboardInterrupt:
        print(f"\nrnnmm {verb}: interrupted; {_continuation(verb, overrides)}", file=sys.stderr)
        return 130
    except SystemExit as stop:
        if isinstance(stop.code, int):
            return stop.code
        raise
    except BrokenPipeError:
        raise
    except (ValueError, OSError) as error:
        if os.environ.get("RNNMM_TRACEBACK") == "1":
            traceback.print_exc()
        print(f"rnnmm {verb}: {_sentence(error)}", file=sys.stderr)
        return 1


def _continuation(verb: str, overrides: Sequence[str]) -> str:
    is_named = any(word.lstrip("+").startswith("run.dir=") for word in overrides)
    if verb in ("train", "run") and not is_named:
        # Without a name the next run would get a folder of its own.
        return "the same command with run.dir=FOLDER, the folder of this run, continues"
    return "a rerun of the same command continues"


def _sentence(error: ValueError | OSError) -> str:
    if isinstance(error, FileNotFoundError) and error.filename is not None:
        return f"{error.filename}: expected a file or a folder, found none"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: expected to read or write there, got {error.strerror!r}"
    return str(error) or type(error).__name__


def _help() -> str:
    verbs = "\n".join(f"  {name:<11} {verb.summary}" for name, verb in VERBS.items())
    return (
        f"rnnmm {__version__}: recurrent models for sound and video, one config each.\n\n"
        f"rnnmm VERB [GROUP=NAME ...] [KEY=VALUE ...]\n\n{verbs}\n\n"
        "rnnmm VERB --help   examples, and the groups with their names\n"
        "rnnmm --version     the version\n"
        "RNNMM_TRACEBACK=1   in the environment: a failure shows where it happened"
    )


def _verb_help(verb: str) -> str:
    # Hydra takes a fifth of a second to import, which `rnnmm --help` need not wait for.
    from rnnmm.pipelines.compose import config_folders, group_options

    options = group_options(config_folders())
    groups = "\n".join(
        textwrap.fill(
            " ".join(names), _WIDTH, initial_indent=f"  {group:<11} ", subsequent_indent=" " * 4
        )
        for group, names in options.items()
        if len(names) > 1 or group == "extra"  # of the others' one, nothing can be chosen
        if verb not in _OF_FINISHED_RUNS or group not in _OF_TRAINING
    )
    examples = "\n".join(f"  {example}" for example in VERBS[verb].examples)
    return (
        f"rnnmm {verb}: {VERBS[verb].summary}\n\n{examples}\n\n"
        f"Groups, chosen with GROUP=NAME:\n{groups}\n\n"
        "KEY.KEY=VALUE changes any value of `rnnmm show`; quote lists: 'inputs=[a.wav,b.mp4]'."
    )


def _unknown(verb: str) -> str:
    if not verb:
        return _help()
    from rnnmm.signature import did_you_mean

    return f"rnnmm: unknown verb {verb}{did_you_mean(verb, VERBS)}; see rnnmm --help"
