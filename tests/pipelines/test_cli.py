import importlib.util
import subprocess
import sys
import types
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from rnnmm import __version__
from rnnmm.pipelines.cli import VERBS, main, module_of

Body = Callable[[Sequence[str]], int]
Install = Callable[[Body], None]


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a function in the place of `rnnmm train`."""

    def install(body: Body) -> None:
        module = types.ModuleType("rnnmm.pipelines.train")
        module.main = body  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "rnnmm.pipelines.train", module)

    return install


def raising(error: BaseException) -> Body:
    def body(overrides: Sequence[str]) -> int:
        raise error

    return body


def test_the_verb_gets_its_overrides(verb: Install, capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[str] = []

    def body(overrides: Sequence[str]) -> int:
        seen.extend(overrides)
        return 0

    verb(body)
    assert main(["train", "experiment=x", "seed=1"]) == 0
    assert seen == ["experiment=x", "seed=1"]
    assert capsys.readouterr() == ("", "")


def test_words_come_from_the_process(verb: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    verb(lambda overrides: len(overrides))
    monkeypatch.setattr(sys, "argv", ["rnnmm", "train", "a", "b", "c"])
    assert main() == 3


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ValueError("a.wav: expected 16000 Hz"), "rnnmm train: a.wav: expected 16000 Hz\n"),
        (ValueError(), "rnnmm train: ValueError\n"),
        (
            FileNotFoundError(2, "No such file", "a"),
            "rnnmm train: a: expected a file or a folder, found none\n",
        ),
        (OSError("disk full"), "rnnmm train: disk full\n"),
    ],
)
def test_a_failure_is_one_sentence(
    error: Exception, sentence: str, verb: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    verb(raising(error))
    assert main(["train"]) == 1
    assert capsys.readouterr() == ("", sentence)


def test_a_traceback_is_shown_when_asked_for(
    verb: Install, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RNNMM_TRACEBACK", "1")
    verb(raising(ValueError("because")))
    assert main(["train"]) == 1
    shown = capsys.readouterr().err
    assert shown.startswith("Traceback")
    assert shown.endswith("rnnmm train: because\n")


def test_what_is_our_own_fault_is_not_hidden(verb: Install) -> None:
    verb(raising(AssertionError("ours")))
    with pytest.raises(AssertionError, match="ours"):
        main(["train"])


def test_the_code_of_config_faults_is_passed_on(verb: Install) -> None:
    verb(raising(SystemExit(2)))
    assert main(["train"]) == 2
    verb(raising(SystemExit("words")))
    with pytest.raises(SystemExit, match="words"):
        main(["train"])


@pytest.mark.parametrize(
    ("overrides", "advice"),
    [
        (["run.dir=x"], "a rerun of the same command continues"),
        ([], "the same command with run.dir=FOLDER, the folder of this run, continues"),
    ],
)
def test_an_interrupt_says_how_to_go_on(
    overrides: list[str], advice: str, verb: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    verb(raising(KeyboardInterrupt()))
    assert main(["train", *overrides]) == 130
    assert capsys.readouterr().err == f"\nrnnmm train: interrupted; {advice}\n"


def test_an_unknown_verb_is_not_understood(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trian"]) == 2
    expected = "rnnmm: unknown verb trian (did you mean train?); see rnnmm --help\n"
    assert capsys.readouterr() == ("", expected)


def test_no_verb_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "rnnmm VERB --help" in capsys.readouterr().err


@pytest.mark.parametrize("word", ["-h", "--help", "help"])
def test_help_names_every_verb(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([word]) == 0
    shown = capsys.readouterr().out
    assert all(f"  {name} " in shown for name in VERBS)
    assert max(map(len, shown.splitlines())) <= 99


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"rnnmm {__version__}\n"


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_has_a_screen_of_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"rnnmm {name}: {VERBS[name].summary}"
    assert any(line.split()[:1] == ["dataset"] and "fsdd" in line.split() for line in lines)
    assert len(lines) <= 40 and max(map(len, lines)) <= 99


@pytest.mark.parametrize("name", ["train", "evaluate"])
def test_help_offers_the_groups_that_a_verb_takes(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([name, "--help"]) == 0
    groups = {line.split()[0] for line in capsys.readouterr().out.splitlines() if line.strip()}
    assert {"dataset", "degrade", "model"} <= groups
    of_training = {"experiment", "extra"}
    assert groups & of_training == (of_training if name == "train" else set())


@pytest.mark.parametrize(
    ("words", "forms"),
    [
        (["compare"], ["rnnmm compare experiment=", "rnnmm compare runs=["]),
        (
            ["evaluate", "captions"],
            ["rnnmm evaluate run.dir=", "rnnmm evaluate captions results="],
        ),
        (["speaker"], [f"rnnmm speaker {form} " for form in ("enrol", "verify", "identify")]),
    ],
)
def test_help_shows_every_form_of_a_verb(
    words: list[str], forms: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"\n  {form}" in shown for form in forms)


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_has_a_module(name: str) -> None:
    assert importlib.util.find_spec(module_of(name)) is not None


def test_help_loads_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys; from rnnmm.pipelines.cli import main; main(['--help']); "
        "sys.exit(bool({'torch', 'numpy', 'hydra', 'lightning'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True)
    assert done.returncode == 0, done.stderr
