"""The words of a command line: parsed by Hydra's grammar, refused with a reason, applied."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from rnnmm.config import PATHS, SECTIONS, join
from rnnmm.signature import TARGET, did_you_mean, is_node

Options = Mapping[str, Sequence[str]]

# Paths are taken as typed: brackets, commas and accents need no quotes beyond the shell's.
_PATH = re.compile(
    rf"(\+{{0,2}}(?:{'|'.join(map(re.escape, PATHS))})=)(?!null\Z|\?\?\?\Z|['\"]|.*\$\{{)(.+)",
    re.DOTALL,
)


# So are files to answer for: commas part them, with brackets around them or without.
_INPUTS = re.compile(
    r"(\+{0,2}inputs=)(?!null\Z|\?\?\?\Z|(?:.*[\[,])?\s*['\"]|.*\$\{)(.+)", re.DOTALL
)


def parse_overrides(words: Iterable[str]) -> tuple[list[Override], list[str]]:
    """Parses each word alone.

    Returns:
        The overrides that may be used, in order, and one sentence per word that may not.
    """
    parsed, faults = [], []
    for word in words:
        try:
            override = OverridesParser.create().parse_override(_quote_paths(word))
        except HydraException:
            faults.append(f"{word}: {_unreadable(word)}")
            continue
        refusal = _refusal(override)
        if refusal:
            faults.append(f"{word}: {refusal}")
        else:
            parsed.append(override)
    return parsed, faults


def apply_override(config: dict[str, Any], override: Override, options: Options) -> None:
    """Sets or removes one value in place.

    A key that is not there yet is taken below a node, because `rnnmm.config.check` compares it
    with the node's signature, and where it is added with a plus; elsewhere it is a mistake.

    Args:
        config: plain data, interpolations not yet resolved.
        override: a value, not the choice of a group.
        options: the groups and their names, for the messages.

    Raises:
        ValueError: An unknown key, a key below nothing or below a plain value, or a removal of
            something that is no argument of a node.
    """
    *above, last = override.key_or_group.split(".")
    is_added = override.is_add() or override.is_force_add()
    node: Any = config
    path = ""
    for name in above:
        _require(node, name, path, is_added, options)
        path = join(path, name)
        node = _below(node, name, path, options)
    _require(node, last, path, is_added or is_node(node), options)
    key = _key(node, last)
    if not override.is_delete():
        node[key] = _merged(node[key] if _has(node, last) else None, override.value())
    elif is_node(node) and last in node:
        del node[last]
    else:
        raise ValueError(f"{override.input_line}: only arguments of a {TARGET} can be removed")


def quoted(text: str) -> str:
    """Text as one quoted value of the grammar, which keeps every character of it."""
    # Backslashes count only in front of a quote, where they are doubled.
    escaped = re.sub(r"(\\*)('|\Z)", lambda found: found[1] * 2 + (found[2] and r"\'"), text)
    return f"'{escaped}'"


def _quote_paths(word: str) -> str:
    if match := _PATH.fullmatch(word):
        return f"{match[1]}{quoted(match[2])}"
    if match := _INPUTS.fullmatch(word):
        has_brackets = match[2].startswith("[") and match[2].endswith("]")
        names = (match[2][1:-1] if has_brackets else match[2]).split(",")
        listed = ",".join(quoted(name.strip()) for name in names if name.strip())
        return f"{match[1]}[{listed}]"
    return word


def _unreadable(word: str) -> str:
    if word.startswith("-"):
        return "not an override (expected key=value without dashes)"
    key, equals, _ = word.partition("=")
    if not equals:
        return "not an override (expected key=value)"
    return f"cannot be read (special characters need two pairs of quotes: {key}='\"...\"')"


def _refusal(override: Override) -> str | None:
    """Why an override that parses is not taken all the same."""
    if re.match(r"hydra(\W|$)", override.key_or_group):
        return "Hydra's own settings cannot be changed"
    if override.package is not None:
        return "a group cannot be moved to another package"
    if override.is_sweep_override():
        return f"several values (expected one; a list is {override.key_or_group}=[a,b])"
    return None


def _require(node: Any, name: str, path: str, may_be_new: bool, options: Options) -> None:
    """Stops at a key that is neither there nor may be made."""
    if _has(node, name) or (isinstance(node, dict) and may_be_new):
        return
    known = {str(key) for key in (node if isinstance(node, dict) else range(len(node)))}
    hint = did_you_mean(name, known if path else known | set(options))
    raise ValueError(f"{join(path, name)}: unknown key{hint}")


def _below(node: Any, name: str, path: str, options: Options) -> Any:
    """The container a key leads to, made if it is to be added."""
    child = node[_key(node, name)] if _has(node, name) else node.setdefault(name, {})
    if child is None and path in SECTIONS:
        names = ", ".join(options.get(path, ()))
        raise ValueError(f"{path}: null has no keys; choose one with {path}=NAME ({names})")
    if not isinstance(child, dict | list):
        raise ValueError(f"{path}: expected something with keys, got {child!r}")
    return child


def _has(node: Any, name: str) -> bool:
    key = _key(node, name)
    return key in node if isinstance(node, dict) else isinstance(key, int) and key < len(node)


def _key(node: Any, name: str) -> str | int:
    return int(name) if isinstance(node, list) and name.isdigit() else name


def _merged(old: Any, new: Any) -> Any:
    """A mapping given for a mapping adds to it, as in Hydra; anything else replaces."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    return {**old, **{key: _merged(old.get(key), value) for key, value in new.items()}}
