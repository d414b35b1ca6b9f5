"""The rules of CONTRIBUTING.md that a machine can check, read off the syntax trees."""

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Folders of the repository and the names they have once installed.
PACKAGES = {
    "rnnmm": "rnnmm",
    "pipelines": "rnnmm.pipelines",
    "configs": "rnnmm.configs",
    "data": "rnnmm.data",
}
LAYERS = (
    ("units", "domain", "batch", "manifest", "text"),
    ("media", "features", "store"),
    ("nn", "losses", "metrics", "decode", "speakers"),
    ("models", "loading"),
    ("tasks",),
    ("config", "configfile", "signature", "bundle", "stream", "export", "report"),
    (
        "run",
        "result",
        "embed",
        "experiment",
        "comparison",
        "detection",
        "search",
        "summary",
        "tuning",
    ),
    ("bench",),
    ("pipelines",),
)
LAYER = {name: number for number, layer in enumerate(LAYERS) for name in layer}
FORBIDDEN_FILES = {"utils.py", "common.py", "helpers.py", "base.py"}
PACKING = {"PackedSequence", "pack_padded_sequence", "pad_packed_sequence", "pack_sequence"}
PICKLING = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "shelve", "marshal"}
UNSAFE_ARGUMENTS = {"shell": True, "weights_only": False, "allow_pickle": True}
MAX_FILE_LINES = 300
MAX_STATEMENTS = 40
MAX_MEDIAN_LINES = 10
MAX_EXPERIMENT_LINES = 25
MAX_README_LINES = 200


@dataclass(frozen=True)
class Source:
    """A Python file: its installed module name, where it lies, what it says."""

    module: str
    where: str
    tree: ast.Module


@cache
def sources() -> tuple[Source, ...]:
    """Every module that the wheel installs."""
    found = []
    for folder, package in PACKAGES.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = (package, *path.relative_to(ROOT / folder).with_suffix("").parts)
            module = ".".join(parts).removesuffix(".__init__")
            tree = ast.parse(path.read_text(encoding="utf-8"))
            found.append(Source(module, str(path.relative_to(ROOT)), tree))
    return tuple(found)


def planted(code: str, module: str = "rnnmm.store.planted") -> Source:
    """A source with a fault put in on purpose."""
    return Source(module, "planted.py", ast.parse(code))


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of every import, those inside functions included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            stem = "." * node.level + (node.module or "")
            yield from ((node.lineno, f"{stem}.{alias.name}") for alias in node.names)


def part_of(module: str) -> str | None:
    """The part of rnnmm a dotted name belongs to, None for the outside and for rnnmm itself."""
    head, _, rest = module.partition(".")
    name = rest.partition(".")[0]
    return name if head == "rnnmm" and (name in LAYER or name in ("data", "configs")) else None


def may_import(importer: str, other: str) -> bool:
    """Downwards and sideways only; recipes see layer 0 alone, and only pipelines see recipes."""
    if importer == other:
        return True
    if importer == "data":
        return LAYER.get(other) == 0
    if other in ("data", "configs"):
        return importer == "pipelines"
    return importer in LAYER and LAYER[other] <= LAYER[importer]


def upward_imports(source: Source) -> list[str]:
    importer = part_of(source.module)
    return [
        f"{source.where}:{line}: {importer} imports {name}"
        for line, name in imported(source.tree)
        if (other := part_of(name)) and not may_import(importer or "", other)
    ]


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def body_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.stmt]:
    return function.body[1:] if ast.get_docstring(function) is not None else function.body


def long_functions(source: Source) -> list[str]:
    found = []
    for function in functions(source.tree):
        count = sum(
            isinstance(node, ast.stmt)
            for statement in body_of(function)
            for node in ast.walk(statement)
        )
        if count > MAX_STATEMENTS:
            found.append(f"{source.where}:{function.lineno}: {function.name}: {count} statements")
    return found


def prints(source: Source) -> list[str]:
    return [
        f"{source.where}:{node.lineno}: print"
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
        and part_of(source.module) != "pipelines"
    ]


def packed_sequences(source: Source) -> list[str]:
    if part_of(source.module) == "bench":  # the peer we are measured against
        return []
    names = [(line, name.rpartition(".")[2]) for line, name in imported(source.tree)]
    names += [
        (node.lineno, node.attr if isinstance(node, ast.Attribute) else node.id)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Attribute | ast.Name)
    ]
    return [f"{source.where}:{line}: {name}" for line, name in names if name in PACKING]


def unsafe_loads(source: Source) -> list[str]:
    found = [item for item in imported(source.tree) if item[1].partition(".")[0] in PICKLING]
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call):
            found += [(node.lineno, fault) for fault in unsafe_arguments(node)]
    return [f"{source.where}:{line}: {what}" for line, what in found]


def unsafe_arguments(call: ast.Call) -> list[str]:
    given = {
        keyword.arg: keyword.value.value
        for keyword in call.keywords
        if isinstance(keyword.value, ast.Constant)
    }
    found = [f"{name}={bad}" for name, bad in UNSAFE_ARGUMENTS.items() if given.get(name) is bad]
    if ast.unparse(call.func) == "torch.load" and given.get("weights_only") is not True:
        found.append("torch.load without weights_only=True")
    return found


def missing_docstrings(source: Source) -> list[str]:
    public = [
        node
        for node in source.tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
    ]
    found = [f"{source.where}: module"] if ast.get_docstring(source.tree) is None else []
    return found + [
        f"{source.where}:{node.lineno}: {node.name}"
        for node in public
        if ast.get_docstring(node) is None
    ]


# (rule, code that breaks it)
RULES: dict[str, tuple[Callable[[Source], list[str]], str]] = {
    "imports point downwards": (
        upward_imports,
        "def load():\n    from rnnmm.tasks import asr",
    ),
    "functions stay short": (
        long_functions,
        "def long():\n" + "    step()\n" * (MAX_STATEMENTS + 1),
    ),
    "the library prints nothing": (prints, "print('here')"),
    "no packed sequences": (
        packed_sequences,
        "import torch\ntorch.nn.utils.rnn.pack_padded_sequence(x, lengths)",
    ),
    "nothing unpickles or starts a shell": (
        unsafe_loads,
        "import pickle\ntorch.load(path)\nrun(x, shell=True)\nload(x, weights_only=False)",
    ),
    "what is public is documented": (missing_docstrings, "'''Head.'''\ndef public(): ..."),
}


@pytest.mark.parametrize("name", RULES)
def test_rule(name: str) -> None:
    rule, broken = RULES[name]
    assert rule(planted(broken)), "the rule does not notice what it forbids"
    faults = [fault for source in sources() for fault in rule(source)]
    assert not faults, "\n".join(faults)


def test_unsafe_loads_are_all_named() -> None:
    code = RULES["nothing unpickles or starts a shell"][1]
    assert [fault.partition(": ")[2] for fault in unsafe_loads(planted(code))] == [
        "pickle",
        "torch.load without weights_only=True",
        "shell=True",
        "weights_only=False",
    ]
    assert unsafe_loads(planted("torch.load(path, weights_only=True)\nrun(x, check=True)")) == []


@pytest.mark.parametrize(
    ("importer", "other", "allowed"),
    [
        ("store", "media", True),
        ("tasks", "units", True),
        ("units", "media", False),
        ("models", "config", False),
        ("data", "manifest", True),
        ("data", "media", False),
        ("pipelines", "data", True),
        ("config", "data", False),
    ],
)
def test_import_direction(importer: str, other: str, allowed: bool) -> None:
    source = planted(f"from rnnmm.{other} import x", f"rnnmm.{importer}.planted")
    assert (upward_imports(source) == []) is allowed


def test_every_part_has_a_layer() -> None:
    entries = [path for path in (ROOT / "rnnmm").iterdir() if path.suffix in ("", ".py")]
    parts = {path.stem for path in entries} - {"__init__", "__pycache__"}
    assert parts - LAYER.keys() == set()


def test_file_names_say_what_is_inside() -> None:
    folders = [*PACKAGES, "tests"]
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    assert found
    assert [str(path) for path in found if path.name in FORBIDDEN_FILES] == []


@pytest.mark.parametrize(
    ("pattern", "limit"),
    [
        *[(f"{folder}/**/*.py", MAX_FILE_LINES) for folder in (*PACKAGES, "tests")],
        ("configs/experiment/*.yaml", MAX_EXPERIMENT_LINES),
        ("README.md", MAX_README_LINES),
    ],
)
def test_files_stay_short(pattern: str, limit: int) -> None:
    lines = {path: len(path.read_text("utf-8").splitlines()) for path in ROOT.glob(pattern)}
    assert lines, f"no file matches {pattern}"
    assert {str(path): count for path, count in lines.items() if count > limit} == {}


def test_the_median_function_is_short() -> None:
    lengths = sorted(
        (body[-1].end_lineno or 0) - body[0].lineno + 1
        for source in sources()
        for function in functions(source.tree)
        if (body := body_of(function))
    )
    assert lengths[len(lengths) // 2] <= MAX_MEDIAN_LINES


def test_importing_rnnmm_loads_no_torch() -> None:
    code = "import sys, rnnmm; print(sorted({'torch', 'numpy', 'lightning'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
