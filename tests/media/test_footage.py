from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rnnmm.media.footage import Footage, open_footage, shown_size
from rnnmm.media.limits import Span

Seen = list[tuple[float, np.ndarray]]


def seen(path: Path) -> tuple[Footage, Seen]:
    with open_footage(path, Span(), 1 << 26) as footage:
        return footage, list(footage.pictures)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((240, 320), (240, 320)),
        ((241, 323), (242, 324)),
        ((1080, 1920), (720, 1280)),
        ((1920, 1080), (1280, 720)),
        ((48, 64), (240, 320)),
        ((4000, 10), (1280, 4)),
        ((576, 720, 16 / 15), (576, 768)),
        ((1, 1), (320, 320)),
    ],
)
def test_a_shape_is_kept_in_even_sizes(given: tuple, expected: tuple[int, int]) -> None:
    assert shown_size(*given) == expected


def test_every_picture_comes_at_its_own_time(maker) -> None:
    times_ms = [500, 540, 600, 800, 820]
    footage, found = seen(maker.gray_clip("uneven.mkv", times_ms))
    assert [time_s for time_s, _ in found] == pytest.approx([0, 0.04, 0.1, 0.3, 0.32], abs=2e-3)
    assert maker.indices([frame for _, frame in found]) == [0, 1, 2, 3, 4]
    assert all(frame.shape == (240, 320, 3) for _, frame in found)
    assert footage.start_s == pytest.approx(0.5, abs=2e-3)
    assert footage.frame_rate == pytest.approx(5 / footage.end_s)
    assert 0.32 < footage.end_s < 0.5


def test_pictures_without_time_stamps_come_in_their_order(maker) -> None:
    _, found = seen(maker.gray_clip("clip.avi", range(0, 500, 50), codec="mpeg4"))
    assert [time_s for time_s, _ in found] == pytest.approx(
        [0.05 * n for n in range(10)], abs=2e-3
    )


def test_rotation_is_undone_and_pixels_made_square(maker) -> None:
    picture = np.full((320, 480, 3), 60, np.uint8)
    picture[:, :100] = 230  # the left end
    path = maker.clip("tall.mp4", [picture], [0])
    (_, lying), *_ = seen(path)[1]
    assert lying.shape == (320, 480, 3) and lying[:, :90].min() > 200
    (_, upright), *_ = seen(maker.turn(path, 90))[1]
    assert upright.shape == (480, 320, 3)
    assert upright[:90].min() > 200 and upright[110:].max() < 90  # turned clockwise: it is on top
    wide = maker.clip("wide.mp4", [picture], [0], sample_aspect_ratio=Fraction(4, 3))
    assert seen(wide)[1][0][1].shape == (320, 640, 3)
    assert seen(maker.turn(wide, 90))[1][0][1].shape == (640, 320, 3)


def test_a_photo_stays_for_a_while_upright(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    picture = np.full((200, 400, 3), (200, 90, 30), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # lying on its side
    Image.fromarray(picture).save(path, exif=exif, quality=95)
    footage, found = seen(path)
    assert len(found) == 30 and footage.end_s == 3.0
    assert found[-1][0] == pytest.approx(2.9)
    assert found[0][1].shape == (640, 320, 3)
    assert np.abs(found[0][1].astype(int) - (200, 90, 30)).max() < 8


def test_what_shows_nothing_is_refused(maker, one_second: np.ndarray) -> None:
    with pytest.raises(ValueError, match="no video stream"):
        seen(maker.sound("a.mp4", one_second, 16_000, "aac"))
    broken = maker.file("broken.mp4", b"\0\0\0\x18ftypisom" + b"x" * 100)
    with pytest.raises(ValueError, match="truncated or corrupt MP4 file"):
        seen(broken)


def test_nothing_stays_open(clip: Path, open_files) -> None:
    with open_footage(clip, Span(), 1 << 26) as footage:
        next(footage.pictures)
    assert open_files() == []
