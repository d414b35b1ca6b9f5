"""Configs as files: plain YAML that goes in and out unchanged, and can start nothing.

A config that comes out of a run's folder is data, never a program: no tags, no aliases, no
interpolations, and the same check as for one that was typed.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rnnmm.config import Node, check, join

_MAX_BYTES = 1 << 18  # of a config file; ours are a few kilobytes
_MAX_DEPTH = 50
_OPENING = (yaml.BlockMappingStartToken, yaml.BlockSequenceStartToken,
            yaml.FlowMappingStartToken, yaml.FlowSequenceStartToken)  # fmt: skip
_CLOSING = (yaml.BlockEndToken, yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken)


def load_config(path: Path) -> dict[str, Any]:
    """Reads the config of a finished run: plain data only, checked like any other.

    Raises:
        ValueError: Not a YAML mapping; too big or too deep; with aliases or interpolations, which
            our own files never have; or with faults, all listed.
        OSError: The file cannot be read.
    """
    config = read_unchecked(path)
    faults = [
        f"{at}: interpolations are not allowed in a saved config"
        for at, value in _leaves(config)
        if "${" in f"{at}{value}"
    ]
    faults += check(config)
    if faults:
        raise ValueError(f"{path}: " + "; ".join(faults))
    return config


def read_unchecked(path: Path) -> dict[str, Any]:
    """Reads a config to look at, not to build: what it names may be gone since.

    Raises:
        ValueError: Not a YAML mapping; too big or too deep; with aliases.
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        raw = file.read(_MAX_BYTES + 1)
    if len(raw) > _MAX_BYTES:
        raise ValueError(f"{path}: expected a config of at most {_MAX_BYTES} bytes, got more")
    return _parse(raw, path)


def dump_config(config: Node) -> str:
    """The YAML text that `load_config` reads back to an equal config."""
    return OmegaConf.to_yaml(OmegaConf.create(dict(config)))


def _parse(raw: bytes, path: Path) -> dict[str, Any]:
    try:
        text = raw.decode("utf-8")
        _refuse_traps(text)
        # OmegaConf's loader is PyYAML's safe one that reads 1e-3 as a number.
        config = OmegaConf.to_container(OmegaConf.create(text), resolve=False)
    except (ValueError, yaml.YAMLError, OmegaConfBaseException, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path}: expected a config in YAML, got {reason}") from error
    if not isinstance(config, dict):
        raise ValueError(f"{path}: expected a mapping, got a {type(config).__name__}")
    return {str(key): value for key, value in config.items()}


def _refuse_traps(text: str) -> None:
    """Stops before the parser would take forever: a small file can stand for an endless tree."""
    depth = 0
    for token in yaml.scan(text):
        if isinstance(token, yaml.AliasToken):
            raise ValueError("aliases, which are not allowed")
        depth += isinstance(token, _OPENING) - isinstance(token, _CLOSING)
        if depth > _MAX_DEPTH:
            raise ValueError(f"more than {_MAX_DEPTH} levels")


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, join(path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _leaves(inner, join(path, index))
    else:
        yield path, value
