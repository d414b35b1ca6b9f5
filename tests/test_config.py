import sys
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from rnnmm.config import RUNTIME, build, check
from rnnmm.domain import File, Folder, Probability, Size


@dataclass
class Stage:
    input_dim: int
    hidden_dim: Size = 8
    dropout: Probability = 0.0
    cell: Literal["lstm", "gru"] = "lstm"


@dataclass
class Model:
    encoder: Stage
    num_layers: Size
    num_outputs: int
    strides: tuple[Size, ...] = (1,)
    weights: Path | None = None
    stages: Sequence[Stage] = ()
    rates: Any = None
    pooling: Callable[[int], Stage] = Stage


def open_ended(path: str, **options: int) -> dict[str, Any]:
    return {"path": path, **options}


def read(path: File, root: Folder | None = None) -> None: ...


@pytest.fixture(autouse=True)
def parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module `rnnmm.data.parts` with the four above in it."""
    module = types.ModuleType("rnnmm.data.parts")
    for part in (Stage, Model, open_ended, read):
        monkeypatch.setattr(part, "__module__", "rnnmm.data.parts")
        setattr(module, part.__name__, part)
    monkeypatch.setitem(sys.modules, "rnnmm.data.parts", module)


def stage(**arguments: Any) -> dict[str, Any]:
    return {"_target_": "rnnmm.data.parts.Stage", **arguments}


def model(**arguments: Any) -> dict[str, Any]:
    return {"_target_": "rnnmm.data.parts.Model", "encoder": stage(), "num_layers": 2, **arguments}


def test_a_good_config_has_no_faults() -> None:
    config = {
        "experiment": "x",
        "seed": 1,
        "split": "val",
        "inputs": ["a.wav"],
        "run": {"dir": "/runs/x", "out": None},
        "store": {"root": "/stores"},
        "dataset": None,
        "model": model(strides=[2, 2], weights="w", stages=[stage(), stage(cell="gru")]),
        "augment": {"inputs": [stage(), stage()], "features": []},
    }
    assert check(config, required=["model"]) == []


@pytest.mark.parametrize(
    ("config", "fault"),
    [
        ({"sed": 1}, "sed: unknown key (did you mean seed?)"),
        ({"modle": None}, "modle: unknown key (did you mean model?)"),
        ({"hydra": {"run": {"dir": "x"}}}, "hydra.run: unknown key "),
        ({"_target_": "os.system"}, "_target_: unknown key "),
        ({"seed": "one"}, "seed: expected int in [0, 4294967295], got str 'one'"),
        ({"seed": -1}, "seed: expected int in [0, 4294967295], got int -1"),
        ({"seed": None}, "seed: expected int in [0, 4294967295], got null"),
        ({"seed": "???"}, "seed: missing; give seed=VALUE (expected int in [0, 4294967295])"),
        ({"split": "tset"}, "split: expected 'train' | 'val' | 'test' | 'all', got str 'tset'"),
        ({"run": "here"}, "run: unknown key (did you mean run.out?)"),
        ({"run": {"dri": "x"}}, "run.dri: unknown key (did you mean run.dir?)"),
        ({"run": {"dir": 3}}, "run.dir: expected str | null, got int 3"),
        ({"run": {"dir": ""}}, "run.dir: empty (expected a path)"),
        ({"store": {"root": None}}, "store.root: expected str, got null"),
        ({"inputs": "a.wav"}, "inputs: expected list[str], got str 'a.wav'"),
        ({"model": "???"}, "model: missing; give model=NAME"),
        ({"model": 3}, "model: expected a _target_ and its arguments, got int 3"),
        ({"model": {"dim": 3}}, "model: expected a _target_ and its arguments, got dict "),
        ({"features": [stage()]}, "features: expected a _target_ and its arguments, got list "),
        ({"augment": {"input": [stage()]}}, "augment.input: unknown key (did you mean inputs?)"),
        ({"augment": {"inputs": stage()}}, "augment.inputs: expected a list with a _target_ in "),
        ({"augment": {"inputs": [3]}}, "augment.inputs: expected a list with a _target_ in "),
        ({"augment": {"inputs": [stage(dim=3)]}}, "augment.inputs.0.dim: unknown argument"),
        ({"model": model(num_layer=3)}, "model.num_layer: unknown argument of "
         "rnnmm.data.parts.Model (did you mean num_layers?)"),
        ({"model": model(_args_=[1])}, "model._args_: unknown argument of rnnmm.data.parts.Model"),
        ({"model": model(_partial_=True)}, "model._partial_: unknown argument of "),
        ({"model": model(num_layers="???")},
         "model.num_layers: missing; give model.num_layers=VALUE (expected int >= 1)"),
        ({"model": model(num_layers=0)}, "model.num_layers: expected int >= 1, got int 0"),
        ({"model": model(encoder=stage(dropout=1.0))},
         "model.encoder.dropout: expected float in [0, 1), got float 1.0"),
        ({"model": model(strides=[2, 0])},
         "model.strides: expected tuple[int >= 1, ...], got list [2, 0]"),
        ({"model": model(num_layers=True)}, "model.num_layers: expected int >= 1, got bool True"),
        ({"model": model(weights=3)}, "model.weights: expected Path | null, got int 3"),
        ({"model": model(strides=["a" * 80])}, "model.strides: expected tuple[int >= 1, ...], "
         "got list ['" + "a" * 58 + "..."),
        ({"model": model(encoder=model())},
         "model.encoder: expected Stage, got rnnmm.data.parts.Model"),
        ({"model": model(encoder={"dim": 3})},
         "model.encoder: expected Stage, got dict {'dim': 3}"),
        ({"model": model(encoder=stage(cell="lsmt"))},
         "model.encoder.cell: expected 'lstm' | 'gru', got str 'lsmt'"),
        ({"model": model(stages=[stage(), stage(dim=3)])}, "model.stages.1.dim: unknown argument"),
        ({"model": model(rates={"a": [stage(dim=3)]})}, "model.rates.a.0.dim: unknown argument"),
        ({"dataset": {"_target_": "os.system", "command": "true"}},
         "dataset: not an allowed _target_ (expected a public class under rnnmm. or "
         "lightning.pytorch., or a public function under rnnmm.data., rnnmm.store.preprocess., "
         "rnnmm.search. or rnnmm.tasks.training.; got 'os.system')"),
        ({"model": {"_target_": "os.system", "x": stage(dim=3)}}, "model.x.dim: unknown argument"),
        ({"model": model(rates=[{"_target_": "builtins.open"}])},
         "model.rates.0: not an allowed _target_ "),
        ({"dataset": {"_target_": "rnnmm.data.parts.open_ended", "root": "", "path": "a"}},
         "dataset.root: empty (expected a path)"),
    ],
)  # fmt: skip
def test_check_names_the_fault(config: dict[str, Any], fault: str) -> None:
    assert [found for found in check(config) if found.startswith(fault)], check(config)


def test_check_reports_all_faults_at_once() -> None:
    config = {"sed": 1, "seed": "x", "model": model(num_layer=1, encoder=stage(cel="gru"))}
    assert [fault.partition(":")[0] for fault in check(config, required=["dataset"])] == [
        "sed",
        "seed",
        "dataset",
        "model.num_layer",
        "model.encoder.cel",
    ]


def test_check_lists_what_can_be_chosen() -> None:
    options = {"dataset": ["an4", "fsdd"]}
    assert check({"dataset": None}, ["dataset", "model"], options) == [
        "dataset: missing; choose one with dataset=NAME (an4, fsdd)",
        "model: missing; choose one with model=NAME",
    ]


def test_what_a_needed_section_reads_must_be_there(tmp_path: Path) -> None:
    gone = {"_target_": "rnnmm.data.parts.read", "path": str(tmp_path), "root": "/no/such"}
    assert check({"dataset": gone}) == [], "of a section that is not used, nothing is asked"
    assert check({"dataset": gone}, ["dataset"]) == [
        f"dataset.path: expected a file at {tmp_path}, got a folder",
        "dataset.root: expected a folder at /no/such, got nothing",
    ]
    (tmp_path / "list.csv").touch()
    there = {**gone, "path": str(tmp_path / "list.csv"), "root": None}
    assert check({"dataset": there}, ["dataset"]) == []
    assert check({"dataset": {**gone, "path": "???", "root": str(tmp_path)}}, ["dataset"]) == [
        "dataset.path: missing; give dataset.path=VALUE (expected str)"
    ]
    refused = {"_target_": "os.system", "path": "/no/such"}
    assert len(check({"dataset": refused}, ["dataset"])) == 1


def test_values_are_required_too() -> None:
    wanted = "inputs: missing; give inputs=[A,B] (expected list[str])"
    assert check({"inputs": []}, ["inputs"]) == [wanted]
    assert check({"inputs": ["a.wav"]}, ["inputs"]) == []


def test_arguments_of_the_program_are_not_missing() -> None:
    assert {"input_dim", "num_outputs"} <= RUNTIME
    assert check({"model": {"_target_": "rnnmm.data.parts.Model", "encoder": stage()}}) == [
        "model.num_layers: missing; give model.num_layers=VALUE (expected int >= 1)"
    ]


def test_a_target_may_take_any_keyword() -> None:
    node = {"_target_": "rnnmm.data.parts.open_ended", "path": "a", "anything": 3}
    assert check({"dataset": node}) == []
    assert build(node) == {"path": "a", "anything": 3}


def test_build_makes_nested_nodes_and_hands_over_what_the_program_knows() -> None:
    node = model(strides=[2, 3], weights="w.pt", stages=[stage(hidden_dim=4)], rates={"a": [1.0]})
    made = build(node, input_dim=40, num_outputs=11, metric="unused")
    expected = Model(
        Stage(40), 2, 11, (2, 3), Path("w.pt"), stages=[Stage(40, 4)], rates={"a": [1.0]}
    )
    assert made == expected
    assert type(made.rates) is dict and type(made.rates["a"]) is list
    assert node["strides"] == [2, 3], "the config itself must not change"


def test_an_argument_to_be_called_gets_the_target_with_what_is_given() -> None:
    node = model(num_outputs=1, pooling=stage(hidden_dim=4), encoder=stage(input_dim=1))
    assert check({"model": node}) == []
    assert build(node).pooling(40) == Stage(40, 4)
    assert check({"model": {**node, "pooling": stage(dim=4)}})[0].startswith("model.pooling.dim:")


def test_build_prefers_what_the_config_says() -> None:
    assert build(stage(input_dim=3), input_dim=40).input_dim == 3


def test_build_takes_lists_mappings_and_plain_values() -> None:
    assert build([stage(input_dim=1), 2]) == [Stage(1), 2]
    assert build({"a": stage(input_dim=1), "b": None}) == {"a": Stage(1), "b": None}
    assert build(None) is None


def test_build_says_what_nobody_gave() -> None:
    with pytest.raises(
        ValueError, match=r"rnnmm\.data\.parts\.Stage: expected input_dim, got no value"
    ):
        build(stage())


@pytest.mark.parametrize("target", ["os.system", "builtins.open", "rnnmm.config.os.system"])
def test_build_has_the_same_gate_at_any_depth(target: str) -> None:
    with pytest.raises(ValueError, match="not an allowed _target_"):
        build({"a": [model(encoder={"_target_": target, "path": "x"})]}, num_outputs=1)
