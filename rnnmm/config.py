"""Configs: `check` says everything that is wrong with one, `build` makes the objects it names.

The only place that resolves names in configs. A config is plain data: a mapping with a `_target_`
is a *node* (a class or function and its arguments), anything else is a value.
"""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from inspect import Parameter
from typing import Any, Literal

from rnnmm.domain import Seed
from rnnmm.signature import (
    TARGET,
    convert,
    describe,
    did_you_mean,
    fits,
    is_factory,
    is_node,
    parameters,
    resolve,
    takes_any_keyword,
    wanted_path,
)

# Arguments that the program knows and a config cannot: given to `build`, never missing in YAML.
RUNTIME = frozenset({
    "answers", "features", "input_dim", "input_rate", "is_lower_better", "manifest", "metric",
    "model", "num_outputs", "optim", "root", "run_dir",
})  # fmt: skip
SECTIONS = (
    "dataset", "extra", "preprocess", "embed", "features", "augment", "model", "task", "optim",
    "trainer", "loader", "degrade",
)  # fmt: skip
# The one section that is not a node: lists of stages under these names.
_STAGES = {"augment": ("features", "inputs")}
PATHS = (
    "run.dir", "run.out", "run.init", "store.root", "dataset.root", "dataset.path",
    "dataset.val_path", "dataset.test_path", "extra.root", "model.search.arpa",
    "model.search.language_run", "model.encoder.frame_encoder.weights",
    "embed.frame_encoder.weights", "task.target.trials",
)  # fmt: skip
# Of weights, what is no path but says where they come from all the same.
SOURCES = ("none", "default")
_SETTINGS: dict[str, Any] = {
    "experiment": str | None,
    "seed": Seed,
    "split": Literal["train", "val", "test", "all"],
    "inputs": list[str],
    "subtitles": Literal["srt", "vtt"] | None,
    "annotate": bool,
    "overlay": bool,
    "run.dir": str | None,
    "run.out": str | None,
    "run.init": str | None,
    "store.root": str,
}
KEYS = frozenset({*SECTIONS, *(path.partition(".")[0] for path in _SETTINGS)})
"""All that may stand at the top of a config."""
_MISSING = "???"

Node = Mapping[str, Any]


def check(
    config: Node,
    required: Iterable[str] = (),
    options: Mapping[str, Sequence[str]] | None = None,
) -> list[str]:
    """Compares a composed config with the signatures of everything it names.

    Args:
        config: plain mappings, lists and scalars, interpolations resolved.
        required: the sections that are going to be used: they may not be empty, and the files and
            folders that they read must be there.
        options: per section the names that can be chosen, for the message.

    Returns:
        One sentence per fault, each starting with the path of its culprit; empty: no faults.
    """
    faults = [*_check_settings(config), *_check_required(config, required, options or {})]
    for section in SECTIONS:
        faults += _check_section(section, config.get(section))
    return faults


def build(node: Any, **runtime: Any) -> Any:
    """Makes what a config describes, inside out; lists and mappings of nodes included.

    Args:
        node: a node, a list or mapping with nodes in it, or a plain value (returned as it is).
        runtime: arguments the program supplies, handed to every node whose signature has that
            name and whose YAML does not give it.

    Raises:
        ValueError: A target that is not allowed, or an argument that nobody gave.
    """
    if is_node(node):
        return _build_node(node, runtime)
    if isinstance(node, Mapping):
        return {key: build(value, **runtime) for key, value in node.items()}
    if isinstance(node, list):
        return [build(value, **runtime) for value in node]
    return node


def join(path: str, key: object) -> str:
    """The path of a key below a path, as an override on the command line writes it."""
    return f"{path}.{key}" if path else str(key)


def value_at(config: Node, path: str) -> Any:
    """What stands at a dotted path; None where nothing does."""
    value: Any = config
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _check_settings(config: Node) -> Iterator[str]:
    """Everything that belongs to no section: known keys, right types, no empty paths."""
    for path, value in _settings(config):
        if path in _SETTINGS:
            yield from _check_value(path, value, _SETTINGS[path])
        else:
            yield f"{path}: unknown key{did_you_mean(path, {*_SETTINGS, *SECTIONS})}"
    for path in PATHS:
        if value_at(config, path) == "":
            yield f"{path}: empty (expected a path)"


def _settings(config: Node) -> Iterator[tuple[str, Any]]:
    for key, value in config.items():
        if key not in SECTIONS and isinstance(value, Mapping):
            yield from ((join(key, inner), one) for inner, one in value.items())
        elif key not in SECTIONS:
            yield str(key), value


def _check_required(
    config: Node, required: Iterable[str], options: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    for section in required:
        if config.get(section):
            yield from _check_paths(section, config[section])
        elif section in SECTIONS:
            names = f" ({', '.join(options[section])})" if options.get(section) else ""
            yield f"{section}: missing; choose one with {section}=NAME{names}"
        else:
            yield _missing(section, _SETTINGS[section])


def _check_paths(section: str, node: Any) -> Iterator[str]:
    """What lies, or does not, where a node will read."""
    try:
        known = parameters(resolve(node[TARGET])) if is_node(node) else {}
    except ValueError:  # said where the node itself is checked
        return
    for name, parameter in known.items():
        path, wanted = node.get(name), wanted_path(parameter.annotation)
        if wanted and isinstance(path, str) and path not in ("", _MISSING):
            fault = wanted.fault(path)
            if fault:
                yield f"{join(section, name)}: {fault}"
        if is_node(path):
            yield from _check_paths(join(section, name), path)


def _check_section(section: str, value: Any) -> Iterator[str]:
    if is_node(value):
        yield from _check_node(section, value)
    elif section in _STAGES and isinstance(value, Mapping):
        for key, stages in value.items():
            yield from _check_stages(section, str(key), stages)
    elif value == _MISSING:
        yield f"{section}: missing; give {section}=NAME"
    elif value is not None:
        yield f"{section}: expected a {TARGET} and its arguments, got {_show(value)}"


def _check_stages(section: str, key: str, stages: Any) -> Iterator[str]:
    path = join(section, key)
    if key not in _STAGES[section]:
        yield f"{path}: unknown key{did_you_mean(key, _STAGES[section])}"
    elif not isinstance(stages, list) or not all(map(is_node, stages)):
        yield f"{path}: expected a list with a {TARGET} in each element, got {_show(stages)}"
    yield from _check_inner(stages, path)


def _check_node(path: str, node: Node, is_partial: bool = False) -> Iterator[str]:
    """Partial: whoever calls what is built gives the arguments that are not there."""
    try:
        target = resolve(node[TARGET])
    except ValueError as error:
        yield f"{path}: {error}"
        yield from _check_inner(node, path)
        return
    known, takes_any = parameters(target), takes_any_keyword(target)
    for key, value in node.items():
        if key in known:
            yield from _check_value(join(path, key), value, known[key].annotation)
        elif key != TARGET and not takes_any:
            hint = did_you_mean(str(key), known)
            yield f"{join(path, key)}: unknown argument of {node[TARGET]}{hint}"
    for name in [] if is_partial else _ungiven(known, {*node, *RUNTIME}):
        yield _missing(join(path, name), known[name].annotation)
    for key, value in node.items():
        wants_factory = key in known and is_factory(known[key].annotation)
        if is_node(value):
            yield from _check_node(join(path, key), value, wants_factory)
        else:
            yield from _check_inner(value, join(path, key))


def _check_inner(value: Any, path: str) -> Iterator[str]:
    """The nodes below a value, at any depth."""
    if not isinstance(value, Mapping | list):
        return
    for key, inner in value.items() if isinstance(value, Mapping) else enumerate(value):
        at = join(path, key)
        yield from _check_node(at, inner) if is_node(inner) else _check_inner(inner, at)


def _check_value(path: str, value: Any, annotation: Any) -> Iterator[str]:
    if value == _MISSING:
        yield _missing(path, annotation)
    elif not fits(value, annotation):
        yield f"{path}: expected {describe(annotation)}, got {_show(value)}"


def _missing(path: str, annotation: Any) -> str:
    is_silent = annotation is Parameter.empty
    expected = "" if is_silent else f" (expected {describe(annotation)})"
    example = "[A,B]" if fits([], annotation) and not is_silent else "VALUE"
    return f"{path}: missing; give {path}={example}{expected}"


def _show(value: Any) -> str:
    if value is None or is_node(value):
        return "null" if value is None else str(value[TARGET])
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 60 else text[:60] + '...'}"


def _ungiven(known: Mapping[str, Parameter], given: Iterable[str]) -> list[str]:
    present = set(given)
    return [n for n, p in known.items() if p.default is Parameter.empty and n not in present]


def _build_node(node: Node, runtime: Mapping[str, Any]) -> Any:
    target = resolve(node[TARGET])
    known = parameters(target)
    arguments = {name: value for name, value in runtime.items() if name in known}
    for key, value in node.items():
        if key != TARGET:
            annotation = known[key].annotation if key in known else Any
            make = _build_factory if is_node(value) and is_factory(annotation) else build
            arguments[key] = convert(make(value, **runtime), annotation)
    ungiven = _ungiven(known, arguments)
    if ungiven:
        raise ValueError(f"{node[TARGET]}: expected {', '.join(ungiven)}, got no value for it")
    return target(**arguments)


def _build_factory(node: Node, **runtime: Any) -> Callable[..., Any]:
    """What an argument that is itself called with the rest of the arguments gets."""
    given = {key: build(value, **runtime) for key, value in node.items() if key != TARGET}
    return functools.partial(resolve(node[TARGET]), **given)
