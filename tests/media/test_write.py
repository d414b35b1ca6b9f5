from pathlib import Path

import av
import numpy as np
import pytest

from rnnmm.media.write import write_film


def frames(count: int, height: int = 48, width: int = 64) -> list[np.ndarray]:
    made = []
    for step in range(count):
        frame = np.full((height, width, 3), (40, 90, 200), np.uint8)
        frame[10:30, 4 * step : 4 * step + 12] = (220, 60, 30)
        made.append(frame)
    return made


@pytest.mark.parametrize("rate", [15.0, 12.5, 29.97])
def test_a_film_comes_back_with_its_frames_and_times(tmp_path: Path, rate: float) -> None:
    path = tmp_path / "film.tmp"
    given = frames(9)
    write_film(path, iter(given), rate)
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        assert (stream.codec_context.name, stream.format.name) == ("h264", "yuv420p")
        assert float(stream.average_rate) == pytest.approx(rate, rel=1e-4)
        found = list(file.decode(video=0))
    assert [frame.time for frame in found] == pytest.approx([n / rate for n in range(9)], abs=1e-3)
    for one, other in zip(found, given, strict=True):
        difference = np.abs(one.to_ndarray(format="rgb24").astype(int) - other)
        assert difference[:, : 4 * len(given)].mean() < 6  # colour in the wrong space: 10 and more


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
        write_film(tmp_path / "film.mp4", given, 10.0)
