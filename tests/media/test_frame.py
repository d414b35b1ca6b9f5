import cv2
import numpy as np
import pytest

from rnnmm.media.frame import WHOLE, Geometry, find_extent, fit_picture


def halves(height: int, width: int) -> np.ndarray:
    """Left half white, right half black."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[:, : width // 2] = 255
    return picture


@pytest.mark.parametrize("fit", ["stretch", "pad", "crop"])
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (33, 21), (112, 64), (500, 3), (301, 407)])
def test_any_size_becomes_the_wanted_size(fit: str, size: tuple[int, int]) -> None:
    picture = np.full((*size, 3), 200, np.uint8)
    frame = fit_picture(picture, Geometry(40, 30, fit))  # type: ignore[arg-type]
    assert frame.shape == (40, 30, 3) and frame.dtype == np.uint8
    assert frame.max() == 200
    if fit != "pad":
        assert frame.min() == 200


def test_the_wanted_size_is_left_alone() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    np.testing.assert_array_equal(fit_picture(picture, Geometry(32, 32, "stretch")), picture)


def test_stretch_keeps_all_of_the_picture() -> None:
    frame = fit_picture(halves(60, 240), Geometry(30, 30, "stretch"))
    assert (frame[:, :14] == 255).all() and (frame[:, 16:] == 0).all()


def test_pad_keeps_the_shape_between_black_bars() -> None:
    frame = fit_picture(np.full((60, 120, 3), 255, np.uint8), Geometry(40, 40, "pad"))
    assert (frame[10:30] == 255).all() and not frame[:10].any() and not frame[30:].any()


def test_crop_keeps_the_middle() -> None:
    picture = halves(60, 240)
    picture[:, :60] = picture[:, 180:] = (9, 9, 9)  # cut off
    frame = fit_picture(picture, Geometry(30, 60, "crop"))
    assert (frame[:, :28] == 255).all() and (frame[:, 32:] == 0).all()


def test_wide_pixels_count_by_their_displayed_shape() -> None:
    square = np.full((60, 60, 3), 255, np.uint8)
    frame = fit_picture(square, Geometry(40, 40, "pad"), pixel_aspect=2.0)
    assert (frame[10:30] == 255).all() and not frame[:10].any()
    cropped = fit_picture(halves(60, 60), Geometry(40, 40, "crop"), pixel_aspect=2.0)
    assert (cropped[:, :19] == 255).all() and (cropped[:, 21:] == 0).all()


@pytest.mark.parametrize(
    ("fit", "size", "expected"),
    [
        ("stretch", (60, 120), WHOLE),
        ("crop", (60, 120), (0.25, 0, 0.5, 1)),
        ("crop", (120, 60), (0, 0.25, 1, 0.5)),
        ("pad", (60, 120), (0, -0.5, 1, 2)),
        ("pad", (120, 60), (-0.5, 0, 2, 1)),
    ],
)
def test_the_borders_of_a_frame_are_found_again(fit: str, size: tuple, expected: tuple) -> None:
    for side in (40, 240):
        geometry = Geometry(side, side, fit)  # type: ignore[arg-type]
        assert find_extent(*size, geometry) == pytest.approx(expected)
    # What stands at a place of the frame comes from that place of the picture.
    height, width = 6 * size[0], 6 * size[1]
    picture = np.zeros((height, width, 3), np.uint8)
    picture[height // 2 - 60 : height // 2 - 20, width // 2 + 20 : width // 2 + 80] = 255
    y, x = np.nonzero(fit_picture(picture, geometry)[..., 0] > 127)
    left, top, across, down = find_extent(height, width, geometry)
    assert (left + x.min() / 240 * across) * width == pytest.approx(width / 2 + 20, abs=4)
    assert (top + (y.max() + 1) / 240 * down) * height == pytest.approx(height / 2 - 20, abs=4)


def test_shrinking_does_not_alias() -> None:
    # Fine rings must become an even gray, not coarser rings.
    y, x = np.mgrid[:480, :640]
    rings = 127.5 + 127.5 * np.cos(((x - 320) ** 2 + (y - 240) ** 2) * np.pi / 640)
    picture = np.repeat(rings.astype(np.uint8)[..., None], 3, axis=2)
    corner = fit_picture(picture, Geometry(112, 112, "stretch"))[:30, :30]
    naive = cv2.resize(picture, (112, 112))[:30, :30]
    assert corner.std() < 3 < 30 < naive.std()


def test_as_close_to_averaging_as_it_claims() -> None:
    rng = np.random.default_rng(0)
    picture = cv2.resize(rng.integers(0, 256, (30, 40, 3), dtype=np.uint8), (320, 240))
    frame = fit_picture(picture, Geometry(112, 112, "stretch"))
    exact = cv2.resize(picture, (112, 112), interpolation=cv2.INTER_AREA)
    assert np.abs(frame.astype(int) - exact).mean() < 2
