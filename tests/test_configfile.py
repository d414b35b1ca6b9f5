import sys
import types
from pathlib import Path
from typing import Any

import pytest

from rnnmm.configfile import dump_config, load_config


@pytest.fixture(autouse=True)
def parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module `rnnmm.data.parts` with a function that takes anything."""

    def part(path: str, **options: Any) -> None: ...

    part.__module__, part.__qualname__ = "rnnmm.data.parts", "part"
    module = types.ModuleType("rnnmm.data.parts")
    module.part = part  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "rnnmm.data.parts", module)


def test_a_dumped_config_is_read_back_equal(tmp_path: Path) -> None:
    config = {
        "seed": 0,
        "inputs": ["on", "1e-3", "é: #", ""],
        "model": {
            "_target_": "rnnmm.data.parts.part",
            "path": "a",
            "rates": [1e-5, 1e22, -0.5, float("inf"), None, True, "true", "null"],
        },
    }
    path = tmp_path / "config.yaml"
    path.write_text(dump_config(config), "utf-8")
    assert load_config(path) == config


def test_a_number_with_an_exponent_is_a_number(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("model: {_target_: rnnmm.data.parts.part, path: a, x: 1e-3}")
    assert load_config(path)["model"]["x"] == 1e-3


BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("seed: one", r"config\.yaml: seed: expected int in .*, got str 'one'"),
        ("hydra: {job_logging: {x: 1}}", r"hydra\.job_logging: unknown key"),
        ("dataset: {_target_: os.system, command: 'true'}", "dataset: not an allowed _target_"),
        ("inputs: ['${oc.env:HOME}']", r"inputs\.0: interpolations are not allowed"),
        ("inputs: ['${seed']", "expected a config in YAML"),
        ("run: {dir: '${run.out}'}", r"run\.dir: interpolations are not allowed"),
        ("seed: !!python/object/apply:os.system [true]", "expected a config in YAML"),
        (BOMB, "got aliases, which are not allowed"),
        ("seed: [", "expected a config in YAML"),
        ("- a\n- b", "expected a mapping, got a list"),
        ("[" * 100_000, "got more than 50 levels"),
        ("{a: " * 51, "got more than 50 levels"),
        ("\n".join(" " * n + "a:" for n in range(51)), "got more than 50 levels"),
        ("#" * (1 << 18) + "\n", "at most 262144 bytes"),
    ],
    ids=range(14),
)
def test_load_config_refuses(text: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=reason):
        load_config(path)


def test_files_may_have_gone_since(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("dataset: {_target_: rnnmm.data.folder.prepare, root: /no/such/folder}")
    assert load_config(path)["dataset"]["root"] == "/no/such/folder"


def test_load_config_refuses_other_encodings(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_bytes("store: {root: é}".encode("latin-1"))
    with pytest.raises(ValueError, match="expected a config in YAML, got 'utf-8' codec"):
        load_config(tmp_path / "config.yaml")
