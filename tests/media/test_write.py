from pathlib import Path

import av
import numpy as np
import pytest

from rnnmm.media.footage import Footage
from rnnmm.media.playback import Playback
from rnnmm.media.write import write_film


def frames(count: int, height: int = 48, width: int = 64) -> list[np.ndarray]:
    made = []
    for step in range(count):
        frame = np.full((height, width, 3), (40, 90, 200), np.uint8)
        frame[10:30, 4 * step : 4 * step + 12] = (220, 60, 30)
        made.append(frame)
    return made


def footage(given: list[np.ndarray], rate: float) -> Footage:
    pictures = ((number / rate, frame) for number, frame in enumerate(given))
    return Footage(rate, len(given) / rate, 0.0, pictures)


def seconds_of(stream: av.AudioStream | av.VideoStream) -> float:
    return float(stream.duration * stream.time_base)


@pytest.mark.parametrize("rate", [15.0, 12.5, 30000 / 1001, 24000 / 1001])
def test_a_film_comes_back_with_its_frames_and_times(tmp_path: Path, rate: float) -> None:
    path = tmp_path / "film.tmp"
    given = frames(9)
    write_film(path, footage(given, rate))
    with av.open(str(path)) as file:
        assert len(file.streams) == 1
        stream = file.streams.video[0]
        assert (stream.codec_context.name, stream.format.name) == ("h264", "yuv420p")
        assert float(stream.average_rate) == pytest.approx(rate, rel=1e-4)
        assert seconds_of(stream) == pytest.approx(9 / rate, abs=1e-4)
        found = list(file.decode(video=0))
    assert [frame.time for frame in found] == pytest.approx([n / rate for n in range(9)], abs=1e-3)
    for one, other in zip(found, given, strict=True):
        difference = np.abs(one.to_ndarray(format="rgb24").astype(int) - other)
        assert difference[:, : 4 * len(given)].mean() < 6  # colour in the wrong space: 10 and more


def test_uneven_times_are_kept_and_what_comes_at_once_is_shown_once(tmp_path: Path) -> None:
    path, times_s = tmp_path / "film.mp4", [0.0, 0.1, 0.1, 0.5, 0.55]
    write_film(path, Footage(6.0, 2.0, 0.0, iter(zip(times_s, frames(5)))))
    with av.open(str(path)) as file:
        assert seconds_of(file.streams.video[0]) == pytest.approx(2.0, abs=1e-3)
        found = [frame.time for frame in file.decode(video=0)]
    assert found == pytest.approx([0.0, 0.1, 0.5, 0.55], abs=1e-3)


@pytest.mark.parametrize(("num_channels", "seconds"), [(1, 1.5), (2, 1.5), (2, 0.4), (1, 3.0)])
def test_sound_is_as_long_as_it_was_and_in_step(
    tmp_path: Path, num_channels: int, seconds: float
) -> None:
    path, rate = tmp_path / "film.mp4", 16_000
    tone = 0.5 * np.sin(np.arange(round(seconds * rate)) * 2 * np.pi * 440 / rate)
    tone[: round(0.2 * rate)] = 0  # begins after 0.2 s
    sound = np.stack([tone] * num_channels).astype(np.float32)
    blocks = (sound[:, start : start + 700] for start in range(0, sound.shape[1], 700))
    write_film(path, footage(frames(15), 10.0), Playback(rate, num_channels, blocks))
    with av.open(str(path)) as file:
        stream = file.streams.audio[0]
        assert (stream.codec_context.name, stream.rate) == ("aac", rate)
        assert stream.channels == num_channels
        assert seconds_of(stream) == pytest.approx(seconds, abs=0.001)
        assert seconds_of(file.streams.video[0]) == pytest.approx(1.5, abs=0.001)
        found = np.concatenate([one.to_ndarray()[0] for one in file.decode(audio=0)])
    assert len(found) == pytest.approx(seconds * rate, abs=1024)
    assert np.flatnonzero(np.abs(found) > 0.2)[0] == pytest.approx(0.2 * rate, abs=160)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "film: expected at least one frame, got none"),
        (frames(1, 47), r"film: expected frames \(H, W, 3\) with H and W even, got \(47, 64, 3\)"),
        ([*frames(1), *frames(1, 46)], r"film: expected frames \(48, 64, 3\), got \(46, 64, 3\)"),
    ],
)
def test_what_makes_no_film_is_refused(tmp_path: Path, given: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write_film(tmp_path / "film.mp4", footage(given, 10.0))
