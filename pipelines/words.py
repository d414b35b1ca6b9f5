"""The words of a command line that are a verb's own, apart from the overrides of a config."""

import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

from rnnmm.manifest import count_of


def take_words(
    words: Sequence[str], defaults: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    """The value of each own key, its default where it was not given; and all other words."""
    values, overrides = dict(defaults), []
    for word in words:
        key, equals, value = word.partition("=")
        if equals and key in values:
            values[key] = value
        else:
            overrides.append(word)
    return values, overrides


def is_between(text: str, low: float, high: float) -> bool:
    """Whether a word is a number of the closed range."""
    try:
        return low <= float(text) <= high
    except ValueError:
        return False


def stop(faults: Sequence[str], usage: str) -> NoReturn:
    """Ends a verb that was not understood.

    Args:
        faults: at least one, all that were found.
        usage: how the verb is written.

    Raises:
        SystemExit: With code 2, after the faults were written to stderr.
    """
    listed = "\n".join(f"  {fault}" for fault in faults)
    print(f"{count_of(len(faults), 'fault')}, nothing was done:\n{listed}\n{usage}",
          file=sys.stderr)  # fmt: skip
    raise SystemExit(2)
