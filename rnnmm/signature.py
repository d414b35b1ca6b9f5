"""What a `_target_` of a config names, which arguments it takes, and which YAML values fit them.

The gate for names: a config may name public classes of rnnmm and lightning.pytorch, and functions
where parts are made by functions (elsewhere they write files or train). A name is judged as
written before anything is imported, and again by the module its object really lives in, so that
an import made by one of our modules (`rnnmm.x.run` being `subprocess.run`) opens no door.
"""

import importlib
import inspect
import re
import typing
from collections.abc import Callable, Collection, Iterable, Mapping, MutableMapping, Sequence
from difflib import get_close_matches
from inspect import Parameter
from pathlib import Path
from types import ModuleType, NoneType, UnionType
from typing import Annotated, Any, Literal, Union, Unpack

from rnnmm.domain import Existing, Range

TARGET = "_target_"
PREFIXES = ("rnnmm.", "lightning.pytorch.")
_MAKERS = (
    "rnnmm.data.", "rnnmm.store.preprocess.", "rnnmm.search.", "rnnmm.tasks.training."
)  # fmt: skip
# Programs, not parts: they read arguments and configs of their own.
_PROGRAMS = ("rnnmm.pipelines", "rnnmm.config", "rnnmm.signature", "lightning.pytorch.cli")
_ALLOWED = (
    "a public class under rnnmm. or lightning.pytorch., or a public function under "
    "rnnmm.data., rnnmm.store.preprocess., rnnmm.search. or rnnmm.tasks.training."
)
_LISTS = (list, tuple, Sequence, Collection, Iterable)
_MAPPINGS = (dict, Mapping, MutableMapping)
_VARIADIC = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD, Parameter.POSITIONAL_ONLY)


def is_node(value: object) -> bool:
    """Whether a YAML value stands for an object to be built."""
    return isinstance(value, Mapping) and TARGET in value


def is_factory(annotation: Any) -> bool:
    """Whether an argument wants something to call later, not an object."""
    return any(_kind(one) is Callable for one in _options(annotation))


def wanted_path(annotation: Any) -> Existing | None:
    """What must lie at the path that an argument takes; None where nothing need be there."""
    marks = [mark for one in _options(annotation) for mark in _marks(one)]
    return next((mark for mark in marks if isinstance(mark, Existing)), None)


def resolve(name: object) -> Callable[..., Any]:
    """The class or function that a `_target_` names.

    Nothing is imported unless the name as written passes the gate.

    Args:
        name: module path, a dot, and one public name: no methods, no attributes of objects.

    Raises:
        ValueError: The name, or the module its object really lives in, is not allowed; or there
            is no such name (with a suggestion), or its module cannot be imported.
    """
    if not isinstance(name, str) or not _is_allowed(name):
        raise ValueError(f"not an allowed {TARGET} (expected {_ALLOWED}; got {name!r})")
    module_name, _, attribute = name.rpartition(".")
    module = _import(module_name, name)
    found = getattr(module, attribute, None)
    if found is None:
        raise ValueError(f"{name} does not exist{did_you_mean(attribute, _public(module))}")
    home = f"{getattr(found, '__module__', None)}.{getattr(found, '__qualname__', '')}"
    is_maker = inspect.isfunction(found) and home.startswith(_MAKERS)
    if not (_is_allowed(home) and (inspect.isclass(found) or is_maker)):
        what = f"{type(found).__name__} from {getattr(found, '__module__', None)}"
        raise ValueError(f"not an allowed {TARGET} (expected {_ALLOWED}; got {name}, a {what})")
    return typing.cast(Callable[..., Any], found)


def parameters(target: Callable[..., Any]) -> dict[str, Parameter]:
    """The named arguments of a class or function, with annotations evaluated where possible."""
    return {p.name: p for p in _signature(target) if p.kind not in _VARIADIC}


def takes_any_keyword(target: Callable[..., Any]) -> bool:
    """Whether arguments without a name in the signature are taken too."""
    return any(p.kind is Parameter.VAR_KEYWORD for p in _signature(target))


def fits(value: object, annotation: Any) -> bool:
    """Whether a plain YAML value can be given where the annotation stands.

    An int is fine for a float, a bool is never a number, a str is fine for a Path, a node is fine
    for a class unless it names an unrelated class. A number is in its range (`rnnmm.domain`).
    What a function returns is what it says it does. Annotations that say nothing accept all.
    """
    options = _options(annotation)
    return any(_fits_one(value, option) for option in options)


def convert(value: Any, annotation: Any) -> Any:
    """What YAML cannot write: a Path from a str, a tuple from a list, where only those fit."""
    options = {_kind(option): option for option in _options(annotation)}
    if isinstance(value, str) and Path in options and str not in options:
        return Path(value)
    kind = next((kind for kind in options if kind in _LISTS), None)
    if not isinstance(value, list) or kind is None:
        return value
    inner = _element_annotations(options[kind], len(value)) or [Any] * len(value)
    converted = [convert(one, annotation) for one, annotation in zip(value, inner)]
    return tuple(converted) if kind is tuple and list not in options else converted


def describe(annotation: Any) -> str:
    """An annotation as a reader of configs wants it: no module names, no typing jargon."""
    return " | ".join(dict.fromkeys(_describe_one(option) for option in _options(annotation)))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A suggestion in parentheses after a space: the closest known word, else all of them."""
    words = sorted(known)
    close = get_close_matches(word, words, n=1)
    if close:
        return f" (did you mean {close[0]}?)"
    return f" (expected one of {', '.join(words)})" if words else ""


def _is_allowed(name: str) -> bool:
    parts = name.split(".")
    is_public = all(part.isidentifier() and not part.startswith("_") for part in parts)
    is_program = any(name == program or name.startswith(program + ".") for program in _PROGRAMS)
    return name.startswith(PREFIXES) and is_public and not is_program


def _import(module_name: str, name: str) -> ModuleType:
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise ValueError(f"{name} needs {error.name}, which is not installed") from error
        raise ValueError(f"{name} does not exist (no module {error.name})") from error
    except ImportError as error:
        raise ValueError(f"{name} cannot be imported ({error})") from error


def _public(module: ModuleType) -> list[str]:
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__
    ]


def _inspected(target: Callable[..., Any]) -> inspect.Signature:
    try:
        return inspect.signature(target, eval_str=True)
    except (NameError, AttributeError):  # imported for type checkers alone: left as a string
        return inspect.signature(target)


def _signature(target: Callable[..., Any]) -> list[Parameter]:
    found = _inspected(target).parameters.values()
    return [one for parameter in found for one in _unpacked(parameter)]


def _unpacked(parameter: Parameter) -> list[Parameter]:
    """The arguments that ``**name: Unpack[T]`` stands for: the keys of T, all of them optional."""
    if typing.get_origin(parameter.annotation) is not Unpack:
        return [parameter]
    (shared,) = typing.get_args(parameter.annotation)
    hints = typing.get_type_hints(shared, include_extras=True)
    return [
        Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=hint)
        for name, hint in hints.items()
    ]


def _options(annotation: Any) -> tuple[Any, ...]:
    """The members of a union, nested ones included; anything else is its own only member."""
    if typing.get_origin(annotation) not in (Union, UnionType):
        return (annotation,)
    return tuple(one for member in typing.get_args(annotation) for one in _options(member))


def _marks(annotation: Any) -> tuple[Any, ...]:
    """What an annotation says beyond a type."""
    return annotation.__metadata__ if typing.get_origin(annotation) is Annotated else ()


def _kind(annotation: Any) -> Any:
    """The class or form behind an annotation, without its arguments."""
    if _marks(annotation):
        return _kind(annotation.__origin__)
    return typing.get_origin(annotation) or annotation


def _fits_one(value: object, annotation: Any) -> bool:
    if marks := _marks(annotation):
        ranges = [mark for mark in marks if isinstance(mark, Range)]
        return fits(value, annotation.__origin__) and all(value in one for one in ranges)
    if annotation in (Parameter.empty, Any, object) or isinstance(annotation, str):
        return True
    if isinstance(value, Mapping) and TARGET in value:
        return _fits_node(value[TARGET], annotation)
    if typing.get_origin(annotation) is Literal:
        # By type too: True == 1, and neither may stand for the other.
        return any(type(value) is type(a) and value == a for a in typing.get_args(annotation))
    if isinstance(value, Mapping):
        return _fits_mapping(value, annotation)
    if isinstance(value, list):
        inner = _element_annotations(annotation, len(value))
        return inner is not None and all(map(fits, value, inner))
    return _fits_scalar(value, annotation)


def _fits_scalar(value: object, annotation: Any) -> bool:
    if annotation is float:
        return type(value) in (int, float)
    if isinstance(annotation, type) and issubclass(annotation, Path):
        return isinstance(value, str)
    return type(value) is (NoneType if annotation is None else annotation)


def _fits_node(name: object, annotation: Any) -> bool:
    kind = typing.get_origin(annotation) or annotation
    if is_factory(annotation):
        return True
    if kind in (bool, int, float, str, NoneType, None, Literal, *_LISTS, *_MAPPINGS):
        return False
    if not isinstance(kind, type) or getattr(kind, "_is_protocol", False):
        return True
    try:
        target = resolve(name)
    except ValueError:
        return True  # said where the node itself is checked
    made = target if inspect.isclass(target) else _inspected(target).return_annotation
    return not inspect.isclass(made) or made is Parameter.empty or issubclass(made, kind)


def _fits_mapping(value: Mapping[object, object], annotation: Any) -> bool:
    if (typing.get_origin(annotation) or annotation) not in _MAPPINGS:
        return False
    key_type, value_type = typing.get_args(annotation) or (Any, Any)
    return all(fits(k, key_type) and fits(v, value_type) for k, v in value.items())


def _element_annotations(annotation: Any, length: int) -> list[Any] | None:
    """One annotation per element of a list of that length; None: no such list fits."""
    kind, inner = typing.get_origin(annotation) or annotation, typing.get_args(annotation)
    if kind not in _LISTS:
        return None
    if kind is tuple and inner and inner[-1] is not Ellipsis:
        return list(inner) if len(inner) == length else None
    return [inner[0] if inner else Any] * length


def _describe_one(annotation: Any) -> str:
    if marks := _marks(annotation):
        ranges = [str(mark) for mark in marks if isinstance(mark, Range)]
        return " ".join([describe(annotation.__origin__), *ranges])
    if _kind(annotation) in _LISTS and typing.get_args(annotation):
        inner = ["..." if one is ... else describe(one) for one in typing.get_args(annotation)]
        return f"{_kind(annotation).__name__}[{', '.join(inner)}]"
    if typing.get_origin(annotation) is Literal:
        return " | ".join(map(repr, typing.get_args(annotation)))
    if annotation in (None, NoneType):
        return "null"
    is_plain = isinstance(annotation, type) and not typing.get_args(annotation)
    text = annotation.__name__ if is_plain else str(annotation)
    # A dotted name in front of a name, unless it is inside quotes.
    return re.sub(r"(?<![\w.'\"])(?:[A-Za-z_]\w*\.)+(?=\w)", "", text)
