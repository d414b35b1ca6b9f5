from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rnnmm.configfile import dump_config
from rnnmm.pipelines.compose import (
    compose_config,
    compose_for_run,
    compose_or_faults,
    config_folders,
    group_options,
)

# A manifest row stands for every part: it has strings, optional numbers, a tuple and a `path`.
ITEM = "_target_: rnnmm.manifest.Item\nid: a\nsplit: train\n"
FILES = {
    "config.yaml": """
        defaults:
          - _self_
          - dataset: null
          - model: null
          - trainer: default
          - experiment: null
        seed: 0
        split: test
        inputs: []
        run: {dir: null, out: null}
        store: {root: stores}
    """,
    "dataset/fsdd.yaml": f"{ITEM}path: ???",
    "dataset/an4.yaml": f"{ITEM}path: there\ntext: ${{store.root}}",
    "model/crnn.yaml": f"{ITEM}path: x\ntext: from the group",
    "trainer/default.yaml": f"{ITEM}path: x\nend_s: 30",
    "experiment/fsdd_asr.yaml": """
        # @package _global_
        defaults:
          - override /dataset: fsdd
          - override /model: crnn
        seed: 7
        trainer: {end_s: 20}
    """,
    "experiment/broken_asr.yaml": """
        # @package _global_
        trainer: {end_z: 20}
        traner: {end_s: 20}
        model: {text: 3}
    """,
    "experiment/stranger_asr.yaml": """
        # @package _global_
        defaults:
          - override /dataset: fsdd
        speaker_out: ???
        dataset: {path: x, text: "not ${speaker_out}"}
    """,
    "experiment/bare_asr.yaml": "seed: 1",
    "experiment/torn_asr.yaml": "seed: [",
    "experiment/lost_asr.yaml": """
        # @package _global_
        defaults:
          - override /dataset: gone
    """,
}
Compose = Callable[..., tuple[dict[str, Any], list[str]]]


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        lines = text.strip("\n").splitlines()
        indent = len(lines[0]) - len(lines[0].lstrip())
        (folder / name).write_text("\n".join(line[indent:] for line in lines), "utf-8")


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small tree of configs, and a working folder beside it."""
    write(tmp_path / "tree", FILES)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "tree"


@pytest.fixture
def compose(tree: Path) -> Compose:
    return lambda *words, **options: compose_or_faults(words, folder=tree, **options)


def test_an_experiment_with_overrides(compose: Compose, tmp_path: Path) -> None:
    config, faults = compose(
        "experiment=fsdd_asr", "dataset.path=media", "trainer.end_s=5", "model.captions=[a,b]"
    )
    assert faults == []
    assert config["experiment"] == "fsdd_asr"
    assert config["seed"] == 7
    assert config["trainer"]["end_s"] == 5
    assert config["dataset"]["path"] == str(tmp_path / "work" / "media")
    assert config["store"]["root"] == str(tmp_path / "work" / "stores")
    assert config["model"]["captions"] == ["a", "b"]
    assert type(config["model"]) is dict and type(config["model"]["captions"]) is list
    assert config["augment"] is None
    assert list(tmp_path.rglob("work/*")) == [], "composing must write nothing"


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["experiment=fsdd_asr", "dataset.path=x"], "fsdd_asr"),
        (["dataset=an4"], "an4"),
        ([], "unnamed"),
    ],
)
def test_the_run_gets_a_folder(
    words: list[str], name: str, compose: Compose, tmp_path: Path
) -> None:
    config, faults = compose(*words)
    run_dir = Path(config["run"]["dir"])
    assert faults == []
    assert run_dir.parent == tmp_path / "work" / "runs" / name
    assert len(run_dir.name) == len("2025-01-31_23-59-59")


def test_the_command_line_wins_and_later_wins(compose: Compose) -> None:
    words = ("seed=3", "dataset=fsdd", "experiment=fsdd_asr", "seed=4", "dataset=an4")
    config, faults = compose(*words)
    assert faults == []
    assert config["seed"] == 4
    assert config["dataset"]["path"].endswith("/there")


@pytest.mark.parametrize("word", ["trainer=null", "~trainer"])
def test_a_choice_is_taken_back(word: str, compose: Compose) -> None:
    config, faults = compose("dataset=an4", word, "dataset=null", "experiment=null")
    assert faults == []
    assert config["trainer"] is config["dataset"] is config["experiment"] is None


def test_interpolations_see_absolute_paths(compose: Compose, tmp_path: Path) -> None:
    config, _ = compose("dataset=an4", "store.root=elsewhere", "run.dir=${store.root}/run")
    assert config["dataset"]["text"] == str(tmp_path / "work" / "elsewhere")
    assert config["run"]["dir"] == str(tmp_path / "work" / "elsewhere" / "run")


def test_a_path_may_be_null_quoted_or_at_home(compose: Compose) -> None:
    config, faults = compose("run.out=null", "run.dir='/a b'", "store.root=~/stores")
    assert faults == []
    assert config["run"] == {"dir": "/a b", "out": None}
    assert config["store"]["root"] == str(Path.home() / "stores")


def test_predict_gets_absolute_inputs(compose: Compose, tmp_path: Path) -> None:
    config, faults = compose("inputs=[a.wav,/b.mp4]")
    assert faults == []
    assert config["inputs"] == [str(tmp_path / "work" / "a.wav"), "/b.mp4"]


def test_one_input_needs_no_brackets(compose: Compose) -> None:
    assert compose("inputs=/my clips/ä.wav")[0]["inputs"] == ["/my clips/ä.wav"]
    assert compose("inputs='/a, b.wav'")[0]["inputs"] == ["/a, b.wav"]
    assert compose("inputs=null")[1] == ["inputs: expected list[str], got null"]


@pytest.mark.parametrize(
    ("word", "fault"),
    [
        ("experiment=fsdd_ars", "experiment: unknown option fsdd_ars (did you mean fsdd_asr?)"),
        ("model=zzz", "model: unknown option zzz (expected one of crnn)"),
        ("model=[crnn]", "model: expected one name, got [crnn]"),
        ("model={_target_:os.system}", "model: expected one name, got {_target_:os.system}"),
        ("experiment=lost_asr", "Could not find 'dataset/gone' Available options in 'dataset': "),
        ("experiment=bare_asr", "experiment=bare_asr: no line '# @package _global_' on top"),
        ("experiment=torn_asr", "expected the node content, but found '<stream end>' in "),
        ("modle=crnn", "modle: unknown key (did you mean model?)"),
        ("+sed=3", "sed: unknown key (did you mean seed?)"),
        ("model.text=x", "model: null has no keys; choose one with model=NAME (crnn)"),
        ("trainer.end_z=3", "trainer.end_z: unknown argument of rnnmm.manifest.Item (did you "),
        ("trainer.end_s=long", "trainer.end_s: expected float | null, got str 'long'"),
        ("dataset=fsdd", "dataset.path: missing; give dataset.path=VALUE (expected str)"),
        ("store.root=", "store.root: empty (expected a path)"),
        ("split=${nope}", "split: Interpolation key 'nope' not found"),
        ("trainer._target_=os.system", "trainer: not an allowed _target_ "),
        ("trainer._target_=builtins.open", "trainer: not an allowed _target_ "),
        ("+trainer.text={_target_:os.system}", "trainer.text: not an allowed _target_ "),
    ],
)
def test_the_fault_is_named(word: str, fault: str, compose: Compose) -> None:
    _, faults = compose(word)
    assert [found for found in faults if fault in found], faults


def test_a_config_in_another_encoding(tree: Path, compose: Compose) -> None:
    (tree / "model" / "latin.yaml").write_bytes("# é".encode("latin-1"))
    _, faults = compose("model=latin", "trainer=defualt")
    assert [fault.partition(":")[0] for fault in faults] == [
        "trainer",
        "model=latin",
    ]
    assert "not all in UTF-8" in faults[1]


def test_all_faults_come_at_once(compose: Compose) -> None:
    words = ("experiment=fsdd_ars", "trainer.end_z=3", "sed=3", "--x", "dataset.path=x")
    _, faults = compose(*words, required=["dataset", "model"])
    assert [fault.partition(":")[0] for fault in faults] == [
        "--x",
        "experiment",
        "sed",
        "trainer.end_z",
    ], "what a refused experiment leaves empty is not said as well"


def test_a_mistyped_key_in_an_experiment_is_found(compose: Compose) -> None:
    _, faults = compose("experiment=broken_asr", required=["dataset"])
    assert [fault.partition(":")[0] for fault in faults] == [
        "traner.end_s",
        "dataset",
        "model",
        "trainer.end_z",
    ]


def test_an_experiment_has_parameters_of_its_own(compose: Compose) -> None:
    config, faults = compose("experiment=stranger_asr", "speaker_out=theo")
    assert not faults
    assert config["dataset"]["text"] == "not theo"
    assert "speaker_out" not in config
    _, faults = compose("experiment=stranger_asr")
    assert faults == ["speaker_out: missing; give speaker_out=VALUE"]
    _, faults = compose("experiment=fsdd_asr", "speaker_out=theo", "dataset.path=x")
    assert [fault.partition(":")[0] for fault in faults] == ["speaker_out"]


def test_faults_end_the_program(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        compose_config(["sed=3", "x"], ["model"], tree)
    assert stop.value.code == 2
    assert capsys.readouterr().err.splitlines() == [
        "3 faults in the configuration, nothing was written:",
        "  x: not an override (expected key=value)",
        "  sed: unknown key (did you mean seed?)",
        "  model: missing; choose one with model=NAME (crnn)",
    ]


def test_own_configs_are_found_and_do_not_hide_ours(tree: Path, compose: Compose) -> None:
    write(
        Path("configs"),
        {
            "experiment/mine.yaml": "# @package _global_\ndefaults:\n  - override /model: own",
            "model/own.yaml": f"{ITEM}path: own",
            "model/crnn.yaml": f"{ITEM}path: hidden",
        },
    )
    assert group_options(config_folders(tree))["model"] == ["crnn", "own"]
    assert compose("experiment=mine")[0]["model"]["path"] == "own"
    assert compose("model=crnn")[0]["model"]["path"] == "x"


def test_other_peoples_configs_are_left_alone(tree: Path) -> None:
    write(Path("configs"), {"model/theirs.yaml": "a: 1"})
    assert config_folders(tree) == [tree]


def test_a_finished_run_is_the_base(tree: Path, compose: Compose) -> None:
    trained, _ = compose("experiment=fsdd_asr", "dataset.path=old", "run.dir=run", "seed=9")
    trained["extra"] = trained["dataset"]
    write(Path("run"), {"config.yaml": dump_config(trained)})
    same = compose_for_run(["run.dir=run"], folder=tree)
    assert same == trained
    words = ["run.dir=run", "dataset=an4", "dataset.label=x", "run.out=out", "split=all"]
    other = compose_for_run(words, folder=tree)
    assert other["dataset"]["label"] == "x"
    assert other["dataset"]["path"].endswith("/there")
    assert (other["seed"], other["split"]) == (9, "all")
    assert other["model"] == trained["model"]
    assert other["extra"] is None  # of what is measured, not of what was trained on


@pytest.mark.parametrize(
    ("words", "saved", "fault"),
    [
        ([], None, "run.dir: missing; give run.dir=PATH of a finished run"),
        (["run.dir=null"], None, "run.dir: missing; give run.dir=PATH"),
        (["run.dir=run"], None, "run.dir: expected the folder of a finished run, got "),
        (["run.dir=run"], "sed: 1", "config.yaml: sed: unknown key"),
        (["run.dir=run"], "dataset: {_target_: os.system}", "dataset: not an allowed _target_"),
        (["run.dir=run", "experiment=fsdd_asr"], "seed: 1", "cannot be chosen anew"),
        (["run.dir=run", "sed=1"], "seed: 1", "sed: unknown key"),
        (["run.dir=run", "extra.root=x"], "seed: 1", "extra: is for training; a finished run"),
    ],
)
def test_a_base_that_cannot_be_used(
    words: list[str], saved: str | None, fault: str, tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if saved is not None:
        write(Path("run"), {"config.yaml": saved})
    with pytest.raises(SystemExit):
        compose_for_run(words, folder=tree)
    assert fault in capsys.readouterr().err
