import subprocess
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Optional, Protocol, TypedDict, Unpack

import pytest

from rnnmm import manifest
from rnnmm.data.fsdd import prepare
from rnnmm.domain import Existing, Folder, Positive, Probability, Size
from rnnmm.manifest import Item, Manifest
from rnnmm.signature import (
    convert,
    describe,
    did_you_mean,
    fits,
    is_node,
    parameters,
    resolve,
    takes_any_keyword,
    wanted_path,
)

ITEM = {"_target_": "rnnmm.manifest.Item"}


class Encoder(Protocol):
    def forward(self) -> None: ...


def test_resolve_finds_classes_and_functions() -> None:
    assert resolve("rnnmm.manifest.Item") is Item
    assert resolve("rnnmm.data.fsdd.prepare") is prepare


def test_resolve_takes_functions_only_where_parts_are_made() -> None:
    with pytest.raises(ValueError, match=r"got rnnmm\.manifest\.check_count, a function from"):
        resolve("rnnmm.manifest.check_count")
    with pytest.raises(ValueError, match=r"got rnnmm\.store\.commit\.commit_bytes, a function"):
        resolve("rnnmm.store.commit.commit_bytes")  # would write any file


def test_resolve_takes_classes_of_lightning_only(monkeypatch: pytest.MonkeyPatch) -> None:
    class Part: ...

    def load() -> None: ...

    class FabricPart: ...

    name = "lightning.pytorch.parts"
    module = types.ModuleType(name)
    for part, home in ((Part, name), (load, name), (FabricPart, "lightning.fabric.parts")):
        part.__module__, part.__qualname__ = home, part.__name__
        setattr(module, part.__name__, part)
    monkeypatch.setitem(sys.modules, name, module)
    assert resolve("lightning.pytorch.parts.Part") is Part
    with pytest.raises(ValueError, match=r"got lightning\.pytorch\.parts\.load, a function"):
        resolve("lightning.pytorch.parts.load")
    with pytest.raises(ValueError, match=r"FabricPart, a type from lightning\.fabric\.parts"):
        resolve("lightning.pytorch.parts.FabricPart")


@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "builtins.open",
        "hydra.utils.instantiate",
        "torch.load",
        "rnnmm",
        "rnnmmm.manifest.Item",
        "rnnmm_evil.run",
        "lightning.fabric.Fabric",
        "rnnmm.config.os.system",
        "rnnmm.config.build",
        "rnnmm.signature.importlib.import_module",
        "rnnmm.pipelines.cli.main",
        "lightning.pytorch.cli.LightningCLI",
        "rnnmm.manifest._leaks",
        "rnnmm.manifest.Item.__init__",
        "rnnmm.manifest.__builtins__",
        "rnnmm.manifest.__main__.run",
        "rnnmm..manifest.Item",
        "rnnmm.manifest.Item()",
        "",
        3,
        None,
        ["rnnmm.manifest.Item"],
    ],
)
def test_resolve_refuses_what_is_written_outside(name: object) -> None:
    with pytest.raises(ValueError, match=r"expected a public class under rnnmm\. or"):
        resolve(name)


def test_resolve_imports_nothing_before_the_gate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "intruder.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match=r"got 'intruder\.run'"):
        resolve("intruder.run")
    assert "intruder" not in sys.modules


@pytest.mark.parametrize(
    "smuggled", [subprocess.run, subprocess.Popen, eval, open, subprocess, Path, 3]
)
def test_resolve_refuses_what_lives_elsewhere(
    smuggled: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest, "smuggled", smuggled, raising=False)
    with pytest.raises(ValueError, match=r"got rnnmm\.manifest\.smuggled, a \w+ from"):
        resolve("rnnmm.manifest.smuggled")


def test_resolve_walks_modules_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "subprocess", subprocess, raising=False)
    with pytest.raises(ValueError, match=r"no module rnnmm\.manifest\.subprocess"):
        resolve("rnnmm.manifest.subprocess.run")
    with pytest.raises(ValueError, match=r"no module rnnmm\.manifest\.Item"):
        resolve("rnnmm.manifest.Item.path")


def test_resolve_suggests_the_name_that_was_meant() -> None:
    with pytest.raises(ValueError, match=r"Itm does not exist \(did you mean Item\?\)"):
        resolve("rnnmm.manifest.Itm")
    with pytest.raises(ValueError, match=r"does not exist \(no module rnnmm\.manifesto\)"):
        resolve("rnnmm.manifesto.Item")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("import not_installed_here", "needs not_installed_here, which is not installed"),
        ("from rnnmm.manifest import no_such_name", "cannot be imported"),
    ],
)
def test_resolve_says_why_a_module_cannot_be_imported(
    line: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_part.py").write_text(line)
    package = types.ModuleType("rnnmm.broken")
    package.__path__ = [str(tmp_path)]
    monkeypatch.setitem(sys.modules, "rnnmm.broken", package)
    with pytest.raises(ValueError, match=reason):
        resolve("rnnmm.broken.broken_part.Part")


def test_parameters_are_the_named_ones() -> None:
    def target(a: int, /, b: "float", *rest: int, c: str = "x", **more: int) -> None: ...

    assert list(parameters(target)) == ["b", "c"]
    assert parameters(target)["b"].annotation is float
    assert takes_any_keyword(target)
    assert not takes_any_keyword(Item)


def test_arguments_shared_by_several_functions_are_named_ones_too() -> None:
    class Shared(TypedDict, total=False):
        weight: Positive
        path: Folder | None

    def make(size: Size, **shared: Unpack[Shared]) -> None: ...

    found = parameters(make)
    assert list(found) == ["size", "weight", "path"] and not takes_any_keyword(make)
    assert found["weight"].annotation == Positive and found["weight"].default is None


def test_a_function_fits_by_what_it_returns() -> None:
    recipe = {"_target_": "rnnmm.data.fsdd.prepare"}
    assert fits(recipe, Manifest | None) and not fits(recipe, Item)


def test_an_annotation_that_cannot_be_evaluated_accepts_everything() -> None:
    def target(a: "NotImported") -> None: ...  # type: ignore[name-defined] # noqa: F821

    assert fits(3, parameters(target)["a"].annotation)


@pytest.mark.parametrize(
    ("value", "annotation", "expected"),
    [
        (3, int, True),
        (True, int, False),
        (3.0, int, False),
        ("3", int, False),
        (3, float, True),
        (True, float, False),
        (1, bool, False),
        (True, bool, True),
        ("a", str, True),
        (None, str, False),
        (None, None, True),
        (None, str | None, True),
        (None, Optional[int], True),  # noqa: UP045
        ("a", int | str, True),
        ("a", Annotated[int | str, "note"], True),
        ("a/b", Path, True),
        (3, Path, False),
        ("pad", Literal["pad", "crop"], True),
        ("pda", Literal["pad", "crop"], False),
        (True, Literal[1], False),
        ([1, 2], list[int], True),
        ([1, "2"], list[int], False),
        ([], Sequence[int], True),
        ("ab", Sequence[str], False),
        ([1, 2], tuple[int, int], True),
        ([1, 2, 3], tuple[int, int], False),
        ([1, 2, 3], tuple[int, ...], True),
        ([[1, 2], [3]], list[list[int]], True),
        ([1], list, True),
        (1, list[int], False),
        ({"a": 1}, dict[str, int], True),
        ({"a": "b"}, Mapping[str, int], False),
        ({"a": [1]}, dict, True),
        ({"a": 1}, list[int], False),
        ({"a": 1}, Manifest, False),
        ("a", Manifest, False),
        (3, Any, True),
        ({"a": 1}, object, True),
        (ITEM, Item, True),
        (ITEM, Manifest, False),
        (ITEM, Item | None, True),
        (ITEM, Encoder, True),
        (ITEM, Callable[[int], Item], True),
        (ITEM, str, False),
        (ITEM, Literal["a"], False),
        (ITEM, list[Item], False),
        ([ITEM, ITEM], Sequence[Item], True),
        ([ITEM, 3], Sequence[Item], False),
        ({"_target_": "rnnmm.data.fsdd.prepare"}, Manifest, True),
        ({"_target_": "os.system"}, Manifest, True),  # said where the node itself is checked
    ],
)
def test_fits(value: object, annotation: Any, expected: bool) -> None:
    assert fits(value, annotation) is expected


@pytest.mark.parametrize(
    ("value", "annotation", "expected"),
    [
        ("a", Path, Path("a")),
        ("a", Path | None, Path("a")),
        ("a", str | Path, "a"),
        (None, Path | None, None),
        ([1, 2], tuple[int, ...], (1, 2)),
        ([1, 2], tuple[int, ...] | list[int], [1, 2]),
        ([1, 2], Sequence[int], [1, 2]),
        (["a"], list[Path], [Path("a")]),
        ([["a", 1]], list[tuple[Path, int]], [(Path("a"), 1)]),
        ([1], Any, [1]),
    ],
)
def test_convert(value: object, annotation: Any, expected: object) -> None:
    converted = convert(value, annotation)
    assert converted == expected
    assert type(converted) is type(expected)


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (int, "int"),
        (Path | None, "Path | null"),
        (Optional[Sequence[Path]], "Sequence[Path] | null"),  # noqa: UP045
        (Literal["a.b", 2], "'a.b' | 2"),
        (list[Literal["a.b"]], "list['a.b']"),
        (tuple[Item, ...], "tuple[Item, ...]"),
        (float | Literal["auto"], "float | 'auto'"),
        (Size, "int >= 1"),
        (Probability | None, "float in [0, 1) | null"),
        (Sequence[Size], "Sequence[int >= 1]"),
        (tuple[Positive, ...], "tuple[float > 0, ...]"),
        (Folder, "str"),
    ],
)
def test_describe(annotation: Any, expected: str) -> None:
    assert describe(annotation) == expected


def test_did_you_mean() -> None:
    assert did_you_mean("max_epohcs", ["max_epochs", "lr"]) == " (did you mean max_epochs?)"
    assert did_you_mean("zzz", ["lr", "max_epochs"]) == " (expected one of lr, max_epochs)"
    assert did_you_mean("zzz", []) == ""


def test_wanted_path() -> None:
    assert wanted_path(Folder) == wanted_path(Folder | None) == Existing("folder")
    assert wanted_path(str) is wanted_path(Size) is wanted_path(Annotated[str, "a note"]) is None


def test_is_node() -> None:
    assert is_node(ITEM)
    assert not is_node({"a": 1})
    assert not is_node(["_target_"])
