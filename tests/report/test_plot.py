import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmm.report.plot import (
    BOTTOM_PX,
    LEFT_PX,
    RIGHT_PX,
    TOP_PX,
    LineChart,
    confusion_rows,
    det_chart,
    line_chart,
    round_values,
    worst_confusions,
)

numbers = st.floats(-1e6, 1e6).filter(lambda value: value == 0 or abs(value) > 1e-6)


@given(numbers, numbers)
def test_round_values_enclose_the_range_in_few_equal_steps(first: float, second: float) -> None:
    low, high = sorted((first, second))
    if low < high and high - low < 1e-6 * max(abs(low), abs(high)):
        return  # closer together than a label could tell
    values = round_values(low, high)
    slack = 1e-6 * (values[-1] - values[0])
    assert values[0] <= low + slack and high - slack <= values[-1]
    assert 2 <= len(values) <= 8
    steps = np.diff(values)
    assert np.allclose(steps, steps[0], rtol=1e-6)
    assert any(
        math.isclose(
            steps[0] / 10 ** math.floor(math.log10(steps[0] * 1.0001)), digit, rel_tol=1e-6
        )
        for digit in (1, 2, 5)
    )


def test_a_line_runs_from_edge_to_edge_with_up_as_more() -> None:
    chart = line_chart({"val": [(0, 0.0), (4, 1.0)]}, str)
    assert chart.lines[0].points == ((LEFT_PX, BOTTOM_PX), (RIGHT_PX, TOP_PX))
    assert chart.lines[0].path == f"{LEFT_PX},{BOTTOM_PX} {RIGHT_PX},{TOP_PX}"
    assert [tick.label for tick in chart.x_ticks] == ["0", "1", "2", "3", "4"]
    assert [tick.label for tick in chart.y_ticks] == ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]


def test_curves_share_their_axes() -> None:
    chart = line_chart({"train": [(0, 0.0), (1, 1.0)], "val": [(1, 0.5)]}, str)
    assert chart.lines[1].points == ((RIGHT_PX, (TOP_PX + BOTTOM_PX) / 2),)


def test_epochs_are_labelled_with_whole_numbers_only() -> None:
    chart = line_chart({"val": [(0, 1.0), (1, 2.0)]}, str)
    assert [tick.label for tick in chart.x_ticks] == ["0", "1"]


def test_a_single_point_stands_in_the_middle() -> None:
    (point,) = line_chart({"val": [(7, 0.3)]}, str).lines[0].points
    assert point[0] == (LEFT_PX + RIGHT_PX) / 2 and TOP_PX <= point[1] <= BOTTOM_PX


def test_points_that_are_not_finite_are_left_out() -> None:
    chart = line_chart({"val": [(0, math.nan), (1, 1.0)], "train": [(0, math.inf)]}, str)
    assert [(line.name, len(line.points)) for line in chart.lines] == [("val", 1)]
    with pytest.raises(ValueError, match=r"expected a finite point, got none in \['val'\]"):
        line_chart({"val": [(0, math.nan)]}, str)


def test_confusion_rows_hold_shares_of_the_reference_class() -> None:
    rows = confusion_rows(["a", "b"], np.array([[3, 1], [0, 0]]))
    assert [row.total for row in rows] == [4, 0]
    assert [cell.share for cell in rows[0].cells] == [0.75, 0.25]
    assert [row.recall for row in rows] == [0.75, 0.0]
    assert [cell.is_hit for cell in rows[1].cells] == [False, True]


def test_worst_confusions_come_by_count_then_share() -> None:
    rows = confusion_rows(["a", "b", "c"], np.array([[90, 2, 3], [2, 5, 0], [0, 1, 9]]))
    found = [(pair.reference, pair.hypothesis, pair.count) for pair in worst_confusions(rows, 3)]
    assert found == [("a", "c", 3), ("b", "a", 2), ("a", "b", 2)]


def at(chart: LineChart, rate: float) -> float:
    """Where the only curve is, in pixels from the top, above a rate of false accepts."""
    across = NormalDist().inv_cdf
    low, high = across(0.001), across(0.6)
    x = LEFT_PX + (across(rate) - low) / (high - low) * (RIGHT_PX - LEFT_PX)
    return float(np.interp(x, *zip(*chart.lines[0].points)))


def test_errors_that_are_alike_lie_on_the_diagonal() -> None:
    chart = det_chart([1.0, 0.05, 0.0], [0.0, 0.05, 1.0])
    heights = {tick.label: tick.at_px for tick in chart.y_ticks}
    assert [tick.label for tick in chart.x_ticks] == list(heights)[:-1]
    assert heights["0.1 %"] == BOTTOM_PX and heights["60 %"] == TOP_PX
    assert at(chart, 0.05) == pytest.approx(heights["5 %"], abs=0.5)
    # Half-way, in rates, from the corner to accepting everything there are half as many misses.
    low, high = NormalDist().inv_cdf(0.001), NormalDist().inv_cdf(0.6)
    up = (NormalDist().inv_cdf(0.025) - low) / (high - low)
    assert at(chart, 0.525) == pytest.approx(BOTTOM_PX - up * (BOTTOM_PX - TOP_PX), abs=0.5)
    assert at(chart, 0.525) > at(chart, 0.05) > at(chart, 0.025)


def test_without_errors_the_curve_lies_on_the_edge() -> None:
    points = det_chart([1.0, 0.0, 0.0], [0.0, 0.0, 1.0]).lines[0].points
    assert {y for _, y in points} == {BOTTOM_PX}
    assert (points[0][0], points[-1][0]) == (LEFT_PX, RIGHT_PX)


def test_chance_falls_from_the_top() -> None:
    chart = det_chart([1.0, 0.0], [0.0, 1.0])
    heights = {tick.label: tick.at_px for tick in chart.y_ticks}
    assert at(chart, 0.4) == pytest.approx(heights["60 %"], abs=0.5)
    assert at(chart, 0.6) == pytest.approx(heights["40 %"], abs=0.5)
