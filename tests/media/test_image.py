import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from rnnmm.media.decode import Decoding, decode

RED, BLUE = (200, 20, 30), (20, 30, 200)


def scene() -> np.ndarray:
    """Left half red, right half blue, RGB."""
    picture = np.zeros((60, 80, 3), np.uint8)
    picture[:, :40], picture[:, 40:] = RED, BLUE
    return picture


def encoded(extension: str, picture: np.ndarray) -> bytes:
    bgr = picture[..., ::-1] if picture.ndim == 3 and picture.shape[2] == 3 else picture
    ok, data = cv2.imencode(extension, np.ascontiguousarray(bgr))
    assert ok
    return data.tobytes()


def frame_of(path: Path, **settings: object) -> np.ndarray:
    decoding = Decoding(frame_rate=10.0, height=30, width=40, **settings)  # type: ignore[arg-type]
    frames = decode(path, decoding).frames
    assert frames is not None and frames.shape == (1, 30, 40, 3)
    return frames[0]


def with_orientation(jpeg: bytes, orientation: int) -> bytes:
    entry = struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0)
    tiff = b"MM\0*" + struct.pack(">IH", 8, 1) + entry + bytes(4)
    body = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


@pytest.mark.parametrize("extension", [".jpg", ".png", ".bmp", ".webp", ".tiff", ".ppm"])
@pytest.mark.parametrize("backend", ["opencv", "pyav"])
def test_a_picture_is_one_rgb_frame(tmp_path: Path, extension: str, backend: str) -> None:
    path = tmp_path / "a.dat"  # the content decides
    path.write_bytes(encoded(extension, scene()))
    frame = frame_of(path, backend=backend)
    assert np.abs(frame[15, 5].astype(int) - RED).max() < 12
    assert np.abs(frame[15, 35].astype(int) - BLUE).max() < 12


@pytest.mark.parametrize(
    ("orientation", "corners"),
    [(1, "rb/rb"), (2, "br/br"), (3, "br/br"), (6, "rr/bb"), (8, "bb/rr"), (5, "rr/bb")],
)
def test_exif_orientation_is_undone(tmp_path: Path, orientation: int, corners: str) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(with_orientation(encoded(".jpg", scene()), orientation))
    frame = frame_of(path)
    seen = ["r" if frame[y, x, 0] > 100 else "b" for y in (3, 26) for x in (3, 36)]
    assert "".join(seen[:2]) + "/" + "".join(seen[2:]) == corners


def test_gray_alpha_and_16_bit_become_rgb(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    for picture in (
        np.full((20, 20), 90, np.uint8),
        np.full((20, 20, 4), 90, np.uint8),
        np.full((21, 19), 90 * 257, np.uint16),
    ):
        path.write_bytes(encoded(".png", picture))
        assert np.abs(frame_of(path).astype(int) - 90).max() <= 1


@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp"])
def test_a_truncated_picture_is_refused(
    tmp_path: Path, extension: str, capfd: pytest.CaptureFixture[str]
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (90, 90, 3), dtype=np.uint8)
    data = encoded(extension, noise)
    path = tmp_path / "a.png"
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match=r"broken picture: |truncated or corrupt"):
        frame_of(path)
    assert capfd.readouterr().err == ""


def test_damage_inside_a_jpeg_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    data = bytearray(encoded(".jpg", noise))
    data[2000:4000] = b"\xff\xd9" + bytes(1998)  # an end marker, long before the end
    path = tmp_path / "a.jpg"
    path.write_bytes(data)
    with pytest.raises(ValueError, match="broken picture: Corrupt JPEG data"):
        frame_of(path)
    assert capfd.readouterr().err == ""


def test_a_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    png += chunk(b"IDAT", zlib.compress(bytes(100_000))) + chunk(b"IEND", b"")
    path = tmp_path / "a.png"
    path.write_bytes(png)
    with pytest.raises(ValueError, match="limit of 67108864 pixels: Picture size 60000x60000"):
        frame_of(path)


def test_a_picture_over_the_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(encoded(".jpg", scene()))
    with pytest.raises(ValueError, match="limit of 1000 pixels: Picture size 80x60"):
        frame_of(path, max_pixels=1000)


def test_animated_webp_is_refused(tmp_path: Path) -> None:
    body = b"VP8X" + struct.pack("<I", 10) + bytes([2, 0, 0, 0]) + bytes(6)
    still = encoded(".webp", scene())[12:]
    data = io.BytesIO()
    data.write(b"RIFF" + struct.pack("<I", 4 + len(body) + len(still)) + b"WEBP" + body + still)
    path = tmp_path / "a.webp"
    path.write_bytes(data.getvalue())
    with pytest.raises(ValueError, match="animated WebP is not supported"):
        frame_of(path)


def test_a_picture_has_no_sound(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encoded(".png", scene()))
    with pytest.raises(ValueError, match=r"^no audio stream$"):
        decode(path, Decoding(sample_rate=16_000))
