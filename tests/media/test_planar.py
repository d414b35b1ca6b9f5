import av
import cv2
import numpy as np
import pytest

from rnnmm.media.frame import Geometry, fit_picture
from rnnmm.media.planar import Shrinker, rgb_to_yuv, yuv_to_rgb

SQUARE = Geometry(24, 24, "stretch")


def film_frame(
    pix_fmt: str, height: int, width: int, space: int = 2, full: bool = False
) -> av.VideoFrame:
    """A smooth picture in a decoder's format, as swscale makes it from RGB."""
    coarse = np.random.default_rng(0).integers(30, 226, (3, 4, 3), dtype=np.uint8)
    rgb = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    ranges = {"dst_color_range": 2 if full else 1, "src_color_range": 2}
    frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
    frame = frame.reformat(format=pix_fmt, dst_colorspace=space if space != 2 else 5, **ranges)
    frame.colorspace, frame.color_range = space, 2 if full else 1
    return frame


def rgb_of(frame: av.VideoFrame) -> np.ndarray:
    # By way of full resolution: straight to RGB, swscale repeats colours and does not interpolate.
    whole = "yuvj444p" if frame.color_range == 2 else "yuv444p"
    return (
        frame.reformat(format=whole, interpolation="BICUBIC").reformat(format="rgb24").to_ndarray()
    )


def shrunk(frame: av.VideoFrame, geometry: Geometry, pixel_aspect: float = 1.0) -> np.ndarray:
    out = np.full((geometry.height, geometry.width, 3), 99, np.uint8)
    assert Shrinker(geometry, pixel_aspect).shrink(frame, out)
    return out


@pytest.mark.parametrize(
    "pix_fmt", ["yuv410p", "yuv411p", "yuv420p", "yuv422p", "yuv440p", "yuv444p"]
)
@pytest.mark.parametrize("size", [(240, 320), (97, 131), (60, 40), (50, 200)])
def test_as_if_rgb_had_been_made_first(pix_fmt: str, size: tuple[int, int]) -> None:
    frame = film_frame(pix_fmt, *size)
    expected = cv2.resize(rgb_of(frame), (24, 24), interpolation=cv2.INTER_AREA)
    assert np.abs(shrunk(frame, SQUARE).astype(int) - expected).mean() < 3


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("space", [1, 2, 4, 5, 6, 7, 9])
def test_colours_are_swscales(space: int, full: bool) -> None:
    frame = film_frame("yuvj444p" if full else "yuv444p", 24, 24, space, full)
    found = shrunk(frame, SQUARE).astype(int)
    assert np.abs(found - rgb_of(frame)).max() <= 1
    other = film_frame("yuvj444p" if full else "yuv444p", 24, 24, space, full)
    other.colorspace = 1 if space != 1 else 5
    assert np.abs(shrunk(other, SQUARE).astype(int) - found).max() > 2


@pytest.mark.parametrize("fit", ["pad", "crop"])
@pytest.mark.parametrize("pixel_aspect", [1.0, 1.5])
@pytest.mark.parametrize("size", [(90, 160), (160, 90), (71, 99)])
def test_the_shape_is_kept_as_by_fit_picture(
    fit: str, pixel_aspect: float, size: tuple[int, int]
) -> None:
    frame, geometry = film_frame("yuv420p", *size), Geometry(30, 40, fit)  # type: ignore[arg-type]
    expected = fit_picture(rgb_of(frame), geometry, pixel_aspect)
    found = shrunk(frame, geometry, pixel_aspect)
    assert np.abs(found.astype(int) - expected).mean() < 3
    np.testing.assert_array_equal(found.max(axis=2) == 0, expected.max(axis=2) == 0)


def test_shrinking_does_not_alias() -> None:
    y, x = np.mgrid[:480, :640]
    rings = 127.5 + 127.5 * np.cos(((x - 320) ** 2 + (y - 240) ** 2) * np.pi / 640)
    picture = np.repeat(rings.astype(np.uint8)[..., None], 3, axis=2)
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
    corner = shrunk(frame, Geometry(112, 112, "stretch"))[:30, :30]
    naive = cv2.resize(picture, (112, 112))[:30, :30]
    assert corner.std() < 3 < 30 < naive.std()


def test_other_formats_are_left_to_others() -> None:
    out = np.zeros((24, 24, 3), np.uint8)
    shrinker = Shrinker(SQUARE)
    for pix_fmt in ("gray", "rgb24", "yuv420p10le", "nv12", "yuva420p"):
        assert not shrinker.shrink(film_frame("yuv420p", 24, 24).reformat(format=pix_fmt), out)
    unknown = film_frame("yuv420p", 24, 24)
    unknown.colorspace = 8  # YCgCo
    assert not shrinker.shrink(unknown, out) and not out.any()


def test_one_shrinker_takes_pictures_of_many_kinds() -> None:
    kinds = [("yuv420p", 48, 64), ("yuv444p", 96, 64), ("yuv420p", 50, 70), ("yuv420p", 48, 64)]
    shrinker, out = Shrinker(SQUARE), np.empty((24, 24, 3), np.uint8)
    for kind in kinds:
        assert shrinker.shrink(film_frame(*kind), out)
        np.testing.assert_array_equal(out, shrunk(film_frame(*kind), SQUARE))


@pytest.mark.parametrize("full", [False, True])
def test_there_and_back(full: bool) -> None:
    there, back = rgb_to_yuv(5, full), yuv_to_rgb(5, full)
    np.testing.assert_allclose(there[:, :3] @ back[:, :3], np.eye(3), atol=1e-12)
    white, black = there @ [255, 255, 255, 1], there @ [0, 0, 0, 1]
    top, bottom = (255, 0) if full else (235, 16)
    np.testing.assert_allclose([white, black], [[top, 128, 128], [bottom, 128, 128]], atol=1e-9)
