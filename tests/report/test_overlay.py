import numpy as np
import pytest

from rnnmm.media.frame import Extent
from rnnmm.report.overlay import Panel, Track, boxed, heated


def ink(picture: np.ndarray) -> int:
    return int((picture.max(axis=2) > 120).sum())


def test_weight_colours_a_place_and_leaves_the_rest() -> None:
    frame = np.full((40, 60, 3), 100, np.uint8)
    weights = np.zeros((4, 4), np.float32)
    weights[0, 0] = 1.0
    shown = heated(frame, weights)
    assert shown.dtype == np.uint8 and shown.shape == frame.shape
    assert (shown[30:, 30:] == 100).all()
    red, green, blue = shown[2, 2].astype(int)
    assert red > 180 and green < 50 and blue < 50
    assert np.array_equal(heated(frame, np.zeros((2, 3))), frame)


def test_weight_lies_on_what_the_model_saw() -> None:
    frame = np.full((40, 80, 3), 100, np.uint8)
    middle = heated(frame, np.ones((2, 2)), Extent(0.25, 0, 0.5, 1))
    assert (middle[:, :20] == 100).all() and (middle[:, 60:] == 100).all()
    assert (middle[:, 20:60, 0] > 180).all()
    rows = np.repeat(np.float32([[1], [0], [0], [1]]), 4, axis=1)  # on black bars alone
    beyond = heated(frame, rows, Extent(0, -0.5, 1, 2))
    assert (beyond[12:28] == 100).all()
    assert np.array_equal(heated(frame, np.ones((2, 2)), Extent(2, 2, 1, 1)), frame)


def test_a_box_is_drawn_around_its_place() -> None:
    frame = np.full((100, 200, 3), 100, np.uint8)
    for extent, columns in ((Extent(0, 0, 1, 1), (50, 100)), (Extent(0.25, 0, 0.5, 1), (75, 100))):
        shown = boxed(frame, np.array([0.25, 0.2, 0.25, 0.5]), extent)
        y, x = np.nonzero((shown != frame).any(axis=2))
        assert (x.min(), x.max()) == pytest.approx(columns, abs=2)
        assert (y.min(), y.max()) == pytest.approx((20, 70), abs=2)
        assert (shown[25:65, columns[0] + 5 : columns[1] - 5] == 100).all()
    assert (frame == 100).all()
    assert np.array_equal(boxed(frame, np.array([4, 4, 1, 1])), frame)  # out of sight


def test_a_panel_is_as_wide_as_its_picture_and_even() -> None:
    for lines in (["run 0.93"], ["a", "b", "c"], []):
        for tracks in ((), (Track("sit"),), (Track("sit"), Track("read"))):
            picture = Panel(320, lines, tracks).at(0.5)
            assert picture.shape[1:] == (320, 3)
            assert picture.shape[0] % 2 == 0 and picture.dtype == np.uint8


def test_long_lines_are_broken_and_foreign_letters_written_by_the_nearest() -> None:
    short, long = (Panel(200, [text]).at(0) for text in ("dog", "a brown dog " * 5))
    assert len(long) > len(short) + 40
    assert ink(long) > ink(short) > 0
    assert np.array_equal(Panel(200, ["Café"]).at(0), Panel(200, ["Cafe"]).at(0))
    assert ink(Panel(200, ["日本"]).at(0)) > 0


def track_rows(panel: Panel, place: float = 1.0) -> np.ndarray:
    """The track itself, between its name and the cursor at the end."""
    return panel.at(place)[-18:-3, 60:-2]


def test_a_track_shows_when_something_goes_on() -> None:
    rows = track_rows(Panel(400, ["x"], [Track("", [(0.25, 0.5)])]))
    is_on = (rows[7] == rows[7, 60]).all(axis=1)
    columns = np.flatnonzero(is_on) + 60
    assert (columns.min(), columns.max()) == (100, 199)


def test_a_curve_is_as_high_as_its_values() -> None:
    rows = track_rows(Panel(400, ["x"], [Track("", values=[0.0, 1.0, 0.5, 0.0])]))
    filled = (rows != rows[0, 0]).any(axis=2).sum(axis=0)
    assert filled[:40].max() == 0
    assert set(filled[40:140]) == {15} and set(filled[140:240]) == {8}


@pytest.mark.parametrize("place", [0.0, 0.5, 1.0])
def test_a_cursor_says_when(place: float) -> None:
    picture = Panel(300, ["run"], [Track("a"), Track("b")]).at(place)
    column = min(298, int(300 * place))
    assert (picture[-36:, column : column + 2] == 255).all()
    assert not (picture[:-36] == 255).all(axis=(1, 2)).any()
