import logging
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import av
import cv2
import numpy as np
import pytest
from av.stream import Disposition

from rnnmm.media import timeline, video
from rnnmm.media.frame import Geometry
from rnnmm.media.limits import Span
from rnnmm.media.shot import Shot
from rnnmm.media.video import decode_video

Backend = Literal["opencv", "pyav"]
BACKENDS = pytest.mark.parametrize("backend", ["opencv", "pyav"])


def shot(
    rate: float = 10.0, start_s: float = 0.0, end_s: float | None = None, **rest: Any
) -> Shot:
    limits = {"max_pixels": 1 << 26, "max_bytes": 1 << 30, **rest}
    return Shot(rate, Geometry(24, 32, "stretch"), Span(start_s, end_s), **limits)


def frames_of(path: Path, backend: Backend, wanted: Shot) -> np.ndarray:
    frames = decode_video(path, wanted, backend)
    assert frames is not None and frames.dtype == np.uint8 and frames.shape[1:] == (24, 32, 3)
    return frames


def chosen(times_ms: list[int], rate: float, count: int, start_s: float = 0.0) -> list[int]:
    """The rule, spelt out: the last picture at or before each target."""
    targets = [start_s * 1000 + 1000 * k / rate for k in range(count)]
    return [max(i for i, time in enumerate(times_ms) if time <= t + 1) for t in targets]


@BACKENDS
@pytest.mark.parametrize("rate", [3.0, 10.0, 20.0, 33.0])
def test_frames_are_chosen_by_time(maker: Any, clip: Path, backend: Backend, rate: float) -> None:
    frames = frames_of(clip, backend, shot(rate))
    assert len(frames) == pytest.approx(2 * rate, abs=1)
    expected = chosen(list(range(0, 2000, 50)), rate, len(frames))
    assert maker.indices(frames) == expected


@BACKENDS
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.mov"])
@pytest.mark.parametrize("b_frames", [0, 2])
def test_variable_rate(maker: Any, name: str, backend: Backend, b_frames: int) -> None:
    times_ms = [0, 33, 67, 100, 500, 533, 1200, 1210, 1220, 1500]
    path = maker.gray_clip(name, times_ms, max_b_frames=b_frames)
    frames = frames_of(path, backend, shot(20.0, end_s=1.5))
    assert maker.indices(frames) == chosen(times_ms, 20.0, 30)


@BACKENDS
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_a_late_first_picture_is_time_zero(maker: Any, name: str, backend: Backend) -> None:
    path = maker.gray_clip(name, range(700, 1700, 100))
    assert maker.indices(frames_of(path, backend, shot(10.0)))[:10] == list(range(10))


@BACKENDS
def test_milliseconds_do_not_lose_frames(maker: Any, backend: Backend) -> None:
    # 30 pictures/s in whole milliseconds: 33, 67, 100; 67 is after 2/30 s.
    path = maker.gray_clip("a.mkv", [round(1000 * k / 30) for k in range(30)], max_b_frames=0)
    assert maker.indices(frames_of(path, backend, shot(30.0)))[:30] == list(range(30))


@BACKENDS
def test_avi_with_b_frames(maker: Any, backend: Backend) -> None:
    path = maker.gray_clip(
        "a.avi", range(0, 2000, 100), codec="mpeg4", max_b_frames=2, bit_rate=4_000_000
    )
    frames = frames_of(path, backend, shot(10.0))
    assert maker.indices(frames)[:18] == list(range(18))


@BACKENDS
@pytest.mark.parametrize(
    ("start_s", "end_s", "count"),
    [(0.5, 1.0, 5), (0.5, None, 15), (0.24, 0.31, 1), (1.0, 2.05, 10)],
)
def test_parts(
    maker: Any, clip: Path, backend: Backend, start_s: float, end_s: float | None, count: int
) -> None:
    frames = frames_of(clip, backend, shot(10.0, start_s, end_s))
    assert maker.indices(frames) == chosen(list(range(0, 2000, 50)), 10.0, count, start_s)


@BACKENDS
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_late_part_is_the_same_however_it_is_reached(
    maker: Any, name: str, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = maker.gray_clip(name, range(0, 25_000, 500), gop_size=8, max_b_frames=2)
    sought = frames_of(path, backend, shot(4.0, 18.2, 20.0))
    monkeypatch.setattr(timeline, "_SEEK_BEYOND_S", 1e9)
    read_through = frames_of(path, backend, shot(4.0, 18.2, 20.0))
    rounding = 0 if backend == "pyav" else 1  # OpenCV cannot seek
    np.testing.assert_allclose(sought.astype(int), read_through, rtol=0, atol=rounding)
    assert maker.indices(sought) == chosen(list(range(0, 25_000, 500)), 4.0, 7, 18.2)


@BACKENDS
@pytest.mark.parametrize(("degrees", "corners"), [(90, "rr/bb"), (180, "br/br"), (270, "bb/rr")])
def test_rotation_is_undone(maker: Any, backend: Backend, degrees: int, corners: str) -> None:
    scene = np.zeros((48, 64, 3), np.uint8)
    scene[:, :32], scene[:, 32:] = (220, 20, 20), (20, 20, 220)
    path = maker.turn(maker.clip("a.mp4", [scene] * 5, range(0, 500, 100)), degrees)
    frame = frames_of(path, backend, shot())[0]
    seen = ["r" if frame[y, x, 0] > 120 else "b" for y in (2, 21) for x in (2, 29)]
    assert "".join(seen[:2]) + "/" + "".join(seen[2:]) == corners


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "size"),
    [
        ("a.mp4", "libx264", "yuv420p10le", (48, 64)),
        ("a.mp4", "libx264", "yuv444p", (33, 21)),
        ("a.mp4", "libx264", "gray", (48, 64)),
        ("a.mov", "png", "rgba", (33, 21)),
        ("a.mov", "qtrle", "argb", (48, 64)),
        ("a.avi", "mjpeg", "yuvj422p", (48, 64)),
        ("a.webm", "libvpx-vp9", "yuv420p", (48, 64)),
        ("a.gif", "gif", "rgb8", (48, 64)),
    ],
)
def test_formats_look_the_same_through_both(
    maker: Any, name: str, codec: str, pix_fmt: str, size: tuple[int, int]
) -> None:
    rng = np.random.default_rng(0)
    coarse = [rng.integers(0, 256, (3, 4, 3), dtype=np.uint8) for _ in range(6)]
    scenes = [cv2.resize(c, size[::-1], interpolation=cv2.INTER_CUBIC) for c in coarse]
    path = maker.clip(name, scenes, range(0, 600, 100), codec, pix_fmt, bit_rate=4_000_000)
    by_opencv, by_pyav = (frames_of(path, b, shot(10.0)) for b in ("opencv", "pyav"))
    assert len(by_pyav) in (5, 6)
    assert by_opencv.shape == by_pyav.shape
    assert np.abs(by_opencv.astype(int) - by_pyav).max() <= 4
    target = cv2.resize(scenes[0], (32, 24), interpolation=cv2.INTER_AREA)
    if pix_fmt == "gray":
        target = np.repeat(cv2.cvtColor(target, cv2.COLOR_RGB2GRAY)[..., None], 3, 2)
    assert np.abs(by_pyav[0].astype(int) - target).mean() < 25


@BACKENDS
def test_the_other_backend_takes_over(
    clip: Path, backend: Backend, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    expected = frames_of(clip, backend, shot())

    def broken(*_: object) -> np.ndarray:
        raise ValueError("out of order")

    monkeypatch.setattr(video, f"read_{backend}", broken)
    with caplog.at_level(logging.INFO):
        found = frames_of(clip, backend, shot())
    np.testing.assert_allclose(found.astype(int), expected, rtol=0, atol=1)
    assert "decoded by the second backend; the first: out of order" in caplog.text


def test_a_name_like_a_pattern_is_one_file(
    maker: Any, clip: Path, caplog: pytest.LogCaptureFixture
) -> None:
    odd = maker.file("clip%02d.mp4", clip.read_bytes())
    with caplog.at_level(logging.INFO):
        frames = frames_of(odd, "opencv", shot(20.0))
    assert maker.indices(frames) == list(range(40))
    assert "OpenCV takes a name with %" in caplog.text


def test_what_opencv_cannot_open_is_quiet(maker: Any) -> None:
    path = maker.file("a.mp4", b"no video")
    # In a process of its own: OpenCV asks how loud to be once, at the first video of all.
    code = (
        "import sys, pathlib, rnnmm.media.opencv as opencv\n"
        "with opencv.opened(pathlib.Path(sys.argv[1])) as capture:\n"
        "    print(capture.isOpened())\n"
    )
    words = [sys.executable, "-c", code, str(path)]
    ran = subprocess.run(words, capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("False\n", "")


def test_a_name_that_is_no_text(maker: Any, clip: Path) -> None:
    odd = maker.file("clip_\udcff.mp4", clip.read_bytes())
    assert maker.indices(frames_of(odd, "opencv", shot(20.0))) == list(range(40))


def test_wide_gamut_does_not_go_through_opencv(
    maker: Any, caplog: pytest.LogCaptureFixture
) -> None:
    path = maker.gray_clip("a.mp4", range(0, 500, 50), color_primaries=9, color_trc=16)
    with caplog.at_level(logging.INFO):
        frames_of(path, "opencv", shot())
    assert "wide-gamut colours" in caplog.text


def test_the_main_stream_is_not_always_the_first(maker: Any) -> None:
    path = maker.folder / "both.mkv"
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("libx264", rate=10) for _ in range(2)]
        for stream in streams:
            stream.height = stream.width = 48
        streams[0].disposition = Disposition(0)
        streams[1].disposition = Disposition.default
        for stream, level in zip(streams, (30, 222), strict=True):
            picture = np.full((48, 48, 3), level, np.uint8)
            for _ in range(5):
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
    by_opencv, by_pyav = (frames_of(path, b, shot()) for b in ("opencv", "pyav"))
    np.testing.assert_array_equal(by_opencv, by_pyav)
    assert by_pyav.mean() == pytest.approx(222, abs=3)


@BACKENDS
def test_damage_in_mid_stream_is_refused(maker: Any, backend: Backend) -> None:
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (48, 64, 3), dtype=np.uint8) for _ in range(20)]
    data = bytearray(maker.clip("a.mp4", noise, range(0, 1000, 50), max_b_frames=0).read_bytes())
    start = data.index(b"mdat")
    middle = start + (len(data) - start) // 2
    data[middle : middle + 9000] = b"\xff" * 9000
    path = maker.file("b.mp4", bytes(data))
    with pytest.raises(ValueError, match=r"broken video stream after \d+ of 20 pictures: \S+"):
        frames_of(path, backend, shot(20.0))


@BACKENDS
def test_a_truncated_video_is_refused(maker: Any, backend: Backend) -> None:
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (48, 64, 3), dtype=np.uint8) for _ in range(20)]
    options = {"movflags": "faststart"}
    path = maker.clip("a.mp4", noise, range(0, 1000, 50), container_options=options)
    path = maker.file("b.mp4", path.read_bytes()[:-20_000])
    with pytest.raises(ValueError, match="truncated: the file ends inside a packet"):
        frames_of(path, backend, shot(20.0))


@BACKENDS
def test_nothing_that_can_be_decoded(maker: Any, clip: Path, backend: Backend) -> None:
    data = bytearray(clip.read_bytes())
    start, stop = data.index(b"mdat") + 4, data.index(b"moov") - 4
    data[start:stop] = b"\xff" * (stop - start)
    path = maker.file("b.mp4", bytes(data))
    with pytest.raises(ValueError, match="broken video stream: 0 of 40 pictures can be decoded"):
        frames_of(path, backend, shot())


@BACKENDS
def test_a_recording_that_starts_between_key_frames(maker: Any, backend: Backend) -> None:
    path = maker.gray_clip("a.ts", range(0, 4000, 100), gop_size=10, max_b_frames=0)
    cut = maker.file("b.ts", path.read_bytes()[188 * 8 :])
    assert len(frames_of(cut, backend, shot())) > 30


@BACKENDS
def test_limits_come_before_allocation(clip: Path, backend: Backend) -> None:
    with pytest.raises(ValueError, match="64 x 48 is larger than the limit of 3000 pixels"):
        frames_of(clip, backend, shot(max_pixels=3000))
    with pytest.raises(ValueError, match="20 frames take 46080 bytes, more than the limit of 999"):
        frames_of(clip, backend, shot(max_bytes=999))
    with pytest.raises(ValueError, match="starts at 3 s, after the end of the video"):
        frames_of(clip, backend, shot(start_s=3.0))
    long = shot()._replace(span=Span(max_duration_s=1.0))
    with pytest.raises(ValueError, match="video lasts 2 s, longer than the limit of 1 s"):
        frames_of(clip, backend, long)


@BACKENDS
def test_encrypted_video_is_refused(maker: Any, backend: Backend) -> None:
    path = maker.gray_clip(
        "a.mp4",
        range(0, 500, 50),
        container_options={
            "encryption_scheme": "cenc-aes-ctr",
            "encryption_key": "00112233445566778899aabbccddeeff",
            "encryption_kid": "ffeeddccbbaa99887766554433221100",
        },
    )
    with pytest.raises(ValueError, match="the video stream is encrypted"):
        frames_of(path, backend, shot())


def test_sound_alone_gives_none(maker: Any, one_second: np.ndarray) -> None:
    assert decode_video(maker.wav("a.wav", one_second, 16_000), shot(), "opencv") is None
    path = maker.sound("a.m4a", one_second, 16_000, "aac")
    assert decode_video(path, shot(), "pyav") is None
