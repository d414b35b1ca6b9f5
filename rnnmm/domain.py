"""What an argument may be beyond its type: stands in signatures, is read by `rnnmm.config.check`.

    def __init__(self, hidden_dim: Size = 128, dropout: Probability = 0.0) -> None: ...

To Python and to type checkers these names are plain ``int``, ``float`` and ``str``: nothing is
compared when a function is called. They are there for configs, of which every fault is said at
once and before anything is built.
"""

import math
from dataclasses import dataclass
from os.path import exists, isdir
from typing import Annotated, Literal


@dataclass(frozen=True, slots=True)
class Range:
    """The numbers between two ends; NaN and infinity are in no range.

    Args:
        low: the lower end.
        high: the upper end, above ``low``.
        ends: which of the two belong to it.

    Example:
        >>> str(Range(1)), str(Range(0, 1, "low")), 0.5 in Range(0, 1), 0 in Range(0, ends="none")
        ('>= 1', 'in [0, 1)', True, False)
    """

    low: float
    high: float = math.inf
    ends: Literal["both", "low", "none"] = "both"

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, int | float) or not math.isfinite(value):
            return False
        is_low, is_high = value == self.low, value == self.high
        is_end = (is_low and self.ends != "none") or (is_high and self.ends == "both")
        return is_end or self.low < value < self.high

    def __str__(self) -> str:
        if self.high == math.inf:
            return f"{'>' if self.ends == 'none' else '>='} {self.low}"
        left = "(" if self.ends == "none" else "["
        right = "]" if self.ends == "both" else ")"
        return f"in {left}{self.low}, {self.high}{right}"


@dataclass(frozen=True, slots=True)
class Existing:
    """A path at which there is something already.

    Args:
        kind: of what must be there.
    """

    kind: Literal["folder", "file"]

    def fault(self, path: str) -> str | None:
        """What is wrong with a path; None: nothing."""
        found = "folder" if isdir(path) else "file" if exists(path) else None
        if found == self.kind:
            return None
        return f"expected a {self.kind} at {path}, got {f'a {found}' if found else 'nothing'}"


Size = Annotated[int, Range(1)]
Count = Annotated[int, Range(0)]
Seed = Annotated[int, Range(0, 2**32 - 1)]
Positive = Annotated[float, Range(0, ends="none")]
NotNegative = Annotated[float, Range(0)]
Fraction = Annotated[float, Range(0, 1)]
Probability = Annotated[float, Range(0, 1, "low")]
"""Of an event that must not be certain, such as dropping a value; also a factor of decay."""
Folder = Annotated[str, Existing("folder")]
File = Annotated[str, Existing("file")]
