import os
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from rnnmm.data.jpegs import PictureSize, join_jpegs, read_size


def picture(path: Path, seed: int = 0, height: int = 16, width: int = 24) -> Path:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), pixels)
    return path


def packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as file:
        return [bytes(packet) for packet in file.demux(video=0) if packet.size]


def test_pictures_become_frames_bit_by_bit(tmp_path: Path) -> None:
    pictures = [picture(tmp_path / f"{n:04d}.jpg", n) for n in range(5)]
    film = tmp_path / "films" / "one.mkv"
    assert join_jpegs(pictures, film, 29.97) == PictureSize(24, 16)
    assert packets(film) == [path.read_bytes() for path in pictures]
    with av.open(str(film)) as file:
        frames = [(float(f.time), f.to_ndarray(format="rgb24")) for f in file.decode(video=0)]
    assert [time for time, _ in frames] == pytest.approx([n / 29.97 for n in range(5)], abs=1e-3)
    assert frames[0][1].shape == (16, 24, 3)


def test_a_film_is_made_again_only_when_its_pictures_have_changed(tmp_path: Path) -> None:
    pictures = [picture(tmp_path / f"{n:04d}.jpg", n) for n in range(40)]
    film = tmp_path / "one.mkv"
    join_jpegs(pictures, film, 30.0)
    content, made = film.read_bytes(), film.stat().st_mtime_ns
    join_jpegs(pictures, film, 30.0)
    assert film.stat().st_mtime_ns == made
    join_jpegs(pictures[:39], film, 30.0)
    assert len(packets(film)) == 39
    join_jpegs(pictures, film, 30.0)
    assert film.read_bytes() == content
    os.utime(film, ns=(made - 10**10, made - 10**10))
    picture(pictures[0], 99)
    join_jpegs(pictures, film, 30.0)
    assert packets(film)[0] == pictures[0].read_bytes()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_sizes_are_read_behind_other_headers(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.jpg", height=33, width=70)
    data = path.read_bytes()
    path.write_bytes(data[:2] + b"\xff\xe1\x00\x08Exif\0\0" + data[2:])
    assert read_size(path) == PictureSize(70, 33)


@pytest.mark.parametrize(
    "content", [b"", b"\x89PNG\r\n", b"\xff\xd8\xff", b"\xff\xd8\xff\xe0\0\4ab"]
)
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.jpg: expected a JPEG file, got something else"):
        join_jpegs([tmp_path / "a.jpg"], tmp_path / "a.mkv", 30.0)


def test_pictures_of_two_sizes_are_refused(tmp_path: Path) -> None:
    pictures = [picture(tmp_path / "a.jpg"), picture(tmp_path / "b.jpg", height=18)]
    with pytest.raises(ValueError, match=r"expected pictures of 24 x 16 as the first, .* b\.jpg"):
        join_jpegs(pictures, tmp_path / "a.mkv", 30.0)
