"""From the words of a command line to one checked config, or to every fault in them at once.

Hydra gives the groups and the grammar of overrides; its own entry point is not used, because it
reports one fault at a time, writes files and sets up logging. So each override is parsed alone,
the groups are composed first, the values are then applied one by one to what came out, and the
result is compared with the signatures by `rnnmm.config.check`. A further key that an experiment
declares at its top, such as `speaker_out: ???`, is a parameter of that experiment: its sections
quote it as `${speaker_out}`.
"""

import copy
import sys
import time
from collections.abc import Iterable, Mapping, Sequence, Set
from importlib.resources import files
from os.path import abspath, expanduser
from pathlib import Path
from typing import Any

import yaml
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rnnmm.config import KEYS, PATHS, SECTIONS, SOURCES, check, value_at
from rnnmm.configfile import load_config
from rnnmm.manifest import count_of
from rnnmm.pipelines.override import Options, apply_override, parse_overrides, quoted
from rnnmm.signature import did_you_mean


def compose_config(
    overrides: Sequence[str], required: Iterable[str] = (), folder: Path | None = None
) -> dict[str, Any]:
    """The checked config of a command line: plain data, paths absolute, `run.dir` filled in.

    Args:
        overrides: as typed: `group=name`, `key=value`, `+key=value`, `~key`; later wins.
        required: the sections the verb cannot do without.
        folder: the tree of configs; None: the one installed with rnnmm.

    Raises:
        SystemExit: With code 2, after all faults were written to stderr, one a line.
    """
    return _or_exit(*compose_or_faults(overrides, required, folder))


def compose_for_run(
    overrides: Sequence[str], required: Iterable[str] = (), folder: Path | None = None
) -> dict[str, Any]:
    """Like `compose_config`, on top of the config of the finished run that `run.dir` names.

    Groups that are chosen anew replace that run's; everything else stays as it was trained.

    Raises:
        SystemExit: With code 2, after all faults were written to stderr, one a line; a missing
            `run.dir` and a saved config with faults count as such.
    """
    parsed, faults = parse_overrides(overrides)
    run_dirs = [one.value() for one in parsed if one.key_or_group == "run.dir"]
    if not run_dirs or not isinstance(run_dirs[-1], str) or not run_dirs[-1]:
        return _or_exit({}, [*faults, "run.dir: missing; give run.dir=PATH of a finished run"])
    run_dir = Path(_absolute(run_dirs[-1]))
    try:
        base = load_config(run_dir / "config.yaml")
    except OSError as error:
        reason = f"{run_dir} ({error.strerror}: config.yaml)"
        what = f"run.dir: expected the folder of a finished run, got {reason}"
        return _or_exit({}, [*faults, what])
    except ValueError as error:
        return _or_exit({}, [*faults, str(error)])
    config, faults = compose_or_faults(overrides, required, folder, base)
    if not faults and config["dataset"] != base.get("dataset"):
        config["extra"] = None  # what was trained on beside the run's own data
    if any(one.key_or_group.partition(".")[0] == "extra" for one in parsed):
        faults = [*faults, "extra: is for training; a finished run keeps its own"]
    return _or_exit(config, faults)


def compose_or_faults(
    overrides: Sequence[str],
    required: Iterable[str] = (),
    folder: Path | None = None,
    base: Mapping[str, Any] | None = None,
) -> tuple[dict[str, Any], list[str]]:
    """Composes and checks; prints nothing and does not stop at the first fault.

    Args:
        overrides: as for `compose_config`.
        required: as for `compose_config`.
        folder: as for `compose_config`.
        base: the config to start from instead of the tree's own defaults.

    Returns:
        The config and its faults; with faults the config is not fit for use.
    """
    folders = config_folders(folder)
    options = group_options(folders)
    parsed, faults = parse_overrides(overrides)
    choices, values = _split(parsed, options)
    refused = [fault for one in choices if (fault := _choice_fault(one, options, base))]
    faults += refused
    good = {one.key_or_group: one for one in choices if not _choice_fault(one, options, base)}
    try:
        config = _compose_groups(good, folders)
        parameters = {key for key in config.keys() - KEYS if f"${{{key}}}" in str(config)}
        config = config if base is None else _replaced(base, config, good)
        faults += _apply_all(config, values, options, is_sparse=bool(refused))
        missing = [name for name in sorted(parameters) if config[name] == "???"]
        if missing:
            return {}, [*faults, *(f"{name}: missing; give {name}=VALUE" for name in missing)]
        config = _finished(config, parameters)
    except (HydraException, OmegaConfBaseException, yaml.YAMLError) as error:
        return {}, [*faults, _one_line(error)]
    # After a refused choice sections are empty: saying so as well would only bury the cause.
    return config, faults + check(config, () if refused else required, options)


def config_folders(folder: Path | None = None) -> list[Path]:
    """Where configs are looked up: the tree itself, then `./configs` if it holds experiments."""
    tree = Path(str(files("rnnmm.configs"))) if folder is None else folder
    own = Path("configs").absolute()
    if (own / "experiment").is_dir() and not own.samefile(tree):
        return [tree, own]
    return [tree]


def group_options(folders: Iterable[Path]) -> dict[str, list[str]]:
    """The names that can be chosen in each group, sorted."""
    found: dict[str, set[str]] = {}
    for folder in folders:
        for path in folder.rglob("*.yaml"):
            if path.parent != folder:
                group = path.parent.relative_to(folder).as_posix()
                found.setdefault(group, set()).add(path.stem)
    return {group: sorted(found[group]) for group in sorted(found)}


def _or_exit(config: dict[str, Any], faults: Sequence[str]) -> dict[str, Any]:
    if not faults:
        return config
    listed = "\n".join(f"  {fault}" for fault in faults)
    count = count_of(len(faults), "fault")
    print(f"{count} in the configuration, nothing was written:\n{listed}", file=sys.stderr)
    raise SystemExit(2)


def _split(parsed: Iterable[Override], options: Options) -> tuple[list[Override], list[Override]]:
    """Choices of groups, and values."""
    listed = list(parsed)
    choices = [one for one in listed if one.key_or_group in options]
    return choices, [one for one in listed if one.key_or_group not in options]


def _choice_fault(one: Override, options: Options, base: object) -> str | None:
    """What is wrong with one `group=name`; a name may also be null."""
    group, value = one.key_or_group, one.value()
    if group == "experiment" and base is not None:
        return "experiment: cannot be chosen anew for a finished run"
    if not _is_name(one) or str(value) in options[group]:
        return None
    if isinstance(value, list | dict):
        return f"{group}: expected one name, got {one.get_value_string()}"
    return f"{group}: unknown option {value}{did_you_mean(str(value), options[group])}"


def _is_name(choice: Override) -> bool:
    return not choice.is_delete() and choice.value() is not None


def _compose_groups(choices: Mapping[str, Override], folders: Sequence[Path]) -> dict[str, Any]:
    """Composes the tree with one choice for each group; null, or a removal, leaves it empty."""
    words = [str(one.input_line) for one in choices.values() if _is_name(one)]
    own = [quoted(f"file://{folder}") for folder in folders[1:]]
    words.append(f"hydra.searchpath=[{','.join(own)}]")
    try:
        with initialize_config_dir(str(folders[0].absolute()), version_base="1.3"):
            composed = compose("config", words, return_hydra_config=True)
    except UnicodeError as error:
        raise HydraException(f"{' '.join(words[:-1])}: not all in UTF-8: {error}") from error
    names = composed.hydra.runtime.choices
    config = _plain(composed, resolve=False)
    del config["hydra"]
    if "experiment" in config:
        raise HydraException(
            f"experiment={names.experiment}: no line '# @package _global_' on top"
        )
    for section in SECTIONS:
        # Hydra leaves out a group without a choice, and has no word for taking one back.
        is_empty = section in choices and not _is_name(choices[section])
        config[section] = None if is_empty else config.get(section)
    run = config.get("run")
    if isinstance(run, dict) and run.get("dir") is None:
        name = names.get("experiment") or names.get("dataset") or "unnamed"
        run["dir"] = f"runs/{name}/{time.strftime('%Y-%m-%d_%H-%M-%S')}"
    return {"experiment": names.get("experiment"), **config}


def _replaced(
    base: Mapping[str, Any], config: Mapping[str, Any], chosen: Iterable[str]
) -> dict[str, Any]:
    """The base with the sections that were chosen anew, and the keys that are newer than it."""
    chosen_anew = {name: config.get(name) for name in chosen}
    return {**config, **copy.deepcopy(dict(base)), **chosen_anew}


def _apply_all(
    config: dict[str, Any], values: Iterable[Override], options: Options, is_sparse: bool
) -> list[str]:
    """Applies in order. Sparse: sections may be empty through no fault of the value's."""
    faults = []
    for one in values:
        if is_sparse and config.get(one.key_or_group.partition(".")[0], one) is None:
            continue
        try:
            apply_override(config, one, options)
        except ValueError as error:
            faults.append(str(error))
    return faults


def _finished(config: dict[str, Any], parameters: Set[str]) -> dict[str, Any]:
    """Interpolations resolved, paths absolute, an experiment's own parameters done with."""
    _make_absolute(config)  # before as well: a path may be quoted elsewhere
    resolved = _plain(OmegaConf.create(config), resolve=True)
    _make_absolute(resolved)
    return {key: value for key, value in resolved.items() if key not in parameters}


def _make_absolute(config: dict[str, Any]) -> None:
    for path in PATHS:
        given = value_at(config, path)
        if isinstance(given, str) and not (path.endswith(".weights") and given in SOURCES):
            parent, _, key = path.rpartition(".")
            value_at(config, parent)[key] = _absolute(given)
    inputs = config.get("inputs")
    if isinstance(inputs, str) and inputs != "???":
        inputs = [inputs] if inputs else []  # a single name in quotes
    if isinstance(inputs, list):
        config["inputs"] = [_absolute(one) if isinstance(one, str) else one for one in inputs]


def _absolute(path: str) -> str:
    # Nothing and a missing value are no paths (`check` names them), an interpolation not yet.
    return path if path in ("", "???") or "${" in path else abspath(expanduser(path))


def _plain(config: object, resolve: bool) -> dict[str, Any]:
    plain = OmegaConf.to_container(config, resolve=resolve)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def _one_line(error: Exception) -> str:
    """What Hydra or OmegaConf says over many lines, behind the key it is about."""
    where = getattr(error, "full_key", None)
    text = str(error).splitlines()[0] if where else " ".join(str(error).split())
    text = text.partition(" Config search path:")[0]
    return f"{where}: {text}" if where else text
