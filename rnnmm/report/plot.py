"""Where the marks of a chart go. Geometry only: the page's template draws it."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

WIDTH_PX, HEIGHT_PX = 360, 200
LEFT_PX, RIGHT_PX, TOP_PX, BOTTOM_PX = 56, 350, 12, 172

Point = tuple[float, float]
_DET_RATES = (0.001, 0.01, 0.05, 0.2, 0.4, 0.6)


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: where, in pixels along the axis, and what it says."""

    at_px: float
    label: str


@dataclass(frozen=True)
class Line:
    """One curve: its name and its points in pixels."""

    name: str
    points: tuple[Point, ...]

    @property
    def path(self) -> str:
        """The points as an SVG polyline wants them."""
        return " ".join(f"{x:g},{y:g}" for x, y in self.points)


@dataclass(frozen=True)
class LineChart:
    """Curves on shared axes, `WIDTH_PX` by `HEIGHT_PX`."""

    lines: tuple[Line, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]


@dataclass(frozen=True)
class Cell:
    """One field of a confusion matrix; ``share`` is of the row, 0 where the row is empty."""

    count: int
    share: float
    is_hit: bool


@dataclass(frozen=True)
class Row:
    """One reference class: how many items it has and what they were taken for."""

    name: str
    total: int
    cells: tuple[Cell, ...]

    @property
    def recall(self) -> float:
        """The share of the class that was recognised."""
        return next((cell.share for cell in self.cells if cell.is_hit), 0.0)


@dataclass(frozen=True)
class Confusion:
    """Two classes taken for each other: ``count`` items, ``share`` of the reference class."""

    reference: str
    hypothesis: str
    count: int
    share: float


def line_chart(
    series: Mapping[str, Sequence[Point]], format_y: Callable[[float], str]
) -> LineChart:
    """Lays curves out over whole-numbered x (epochs); points that are not finite are left out.

    Raises:
        ValueError: No curve has a finite point.
    """
    finite = {
        name: [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]
        for name, points in series.items()
    }
    every = [point for points in finite.values() for point in points]
    if not every:
        raise ValueError(f"line chart: expected a finite point, got none in {list(series)}")
    x_low, x_high = min(x for x, _ in every), max(x for x, _ in every)
    y_values = round_values(min(y for _, y in every), max(y for _, y in every))
    across = _scale(x_low, x_high, LEFT_PX, RIGHT_PX)
    up = _scale(y_values[0], y_values[-1], BOTTOM_PX, TOP_PX)
    return LineChart(
        lines=tuple(
            Line(name, tuple((across(x), up(y)) for x, y in points))
            for name, points in finite.items()
            if points
        ),
        x_ticks=tuple(
            Tick(across(x), f"{x:g}")
            for x in round_values(x_low, x_high, most=6)
            if x_low <= x <= x_high and x == round(x)
        ),
        y_ticks=tuple(Tick(up(y), format_y(y)) for y in y_values),
    )


def det_chart(false_accept_rates: Sequence[float], miss_rates: Sequence[float]) -> LineChart:
    """Lays out the trade-off between two errors, both axes in probits, from 0.1 to 60 %.

    Between two corners of the curve any point is reached by choosing at random; in probits that
    is no straight line. What is below 0.1 % lies on the edge.

    Args:
        false_accept_rates: ``(J,)`` falling from 1 to 0, across.
        miss_rates: ``(J,)`` rising from 0 to 1, up.
    """
    ends = _DET_RATES[0], _DET_RATES[-1]
    low, high = (float(ndtri(rate)) for rate in ends)
    corners = ndtri(np.clip(false_accept_rates, *ends))
    probits = np.union1d(np.linspace(low, high, 100), corners)
    misses = np.interp(ndtr(probits), false_accept_rates[::-1], miss_rates[::-1])
    across = _scale(low, high, LEFT_PX, RIGHT_PX)
    up = _scale(low, high, BOTTOM_PX, TOP_PX)
    heights = ndtri(misses.clip(*ends))
    ticks = [(float(ndtri(rate)), f"{100 * rate:g} %") for rate in _DET_RATES]
    return LineChart(
        (Line("det", tuple((across(x), up(y)) for x, y in zip(probits, heights))),),
        tuple(Tick(across(at), label) for at, label in ticks[:-1]),  # the last would be cut off
        tuple(Tick(up(at), label) for at, label in ticks),
    )


def round_values(low: float, high: float, most: int = 5) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten that enclose a range, in about ``most`` steps.

    Example:
        >>> round_values(0.3, 4.2)
        [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    """
    if low == high:
        low, high = (min(low, 0.0), max(high, 0.0)) if low else (0.0, 1.0)
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * digit for digit in (1, 2, 5, 10) if power * digit >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def confusion_rows(names: Sequence[str], matrix: NDArray[np.integer]) -> tuple[Row, ...]:
    """A confusion matrix as rows to draw.

    Args:
        names: ``(K,)`` classes, in the order of the matrix.
        matrix: ``(K, K)`` counts, reference down, hypothesis across.
    """
    totals = matrix.sum(axis=1)
    shares = matrix / np.maximum(totals, 1)[:, None]  # (K, K)
    return tuple(
        Row(
            name,
            int(totals[row]),
            tuple(
                Cell(int(matrix[row, column]), float(shares[row, column]), row == column)
                for column in range(len(names))
            ),
        )
        for row, name in enumerate(names)
    )


def worst_confusions(rows: Sequence[Row], most: int = 10) -> tuple[Confusion, ...]:
    """The pairs mistaken most often, by count, then by share, then in the order of the classes."""
    mistakes = [
        Confusion(row.name, other.name, cell.count, cell.share)
        for row in rows
        for other, cell in zip(rows, row.cells)
        if cell.count and not cell.is_hit
    ]
    return tuple(sorted(mistakes, key=lambda pair: (-pair.count, -pair.share))[:most])


def _scale(low: float, high: float, start_px: float, stop_px: float) -> Callable[[float], float]:
    """A linear map onto pixels, rounded to tenths; a range without extent goes to the middle."""
    if low == high:
        return lambda _: (start_px + stop_px) / 2
    return lambda value: round(start_px + (value - low) / (high - low) * (stop_px - start_px), 1)
