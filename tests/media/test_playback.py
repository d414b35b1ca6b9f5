import logging
from pathlib import Path

import av
import numpy as np
import pytest

from rnnmm.media.playback import Playback, open_playback


def heard(path: Path, start_s: float = 0.0) -> tuple[Playback | None, np.ndarray]:
    """What is played: ``(channels, N)``."""
    with open_playback(path, start_s) as playback:
        if playback is None:
            return None, np.zeros((0, 0))
        return playback, np.concatenate(list(playback.blocks), axis=1)


def ramp(seconds: float, rate: int) -> np.ndarray:
    """Samples that tell their place."""
    return np.linspace(-20_000, 20_000, round(seconds * rate)).astype(np.int16)


@pytest.mark.parametrize(
    ("rate", "expected"), [(8_000, 8_000), (44_100, 44_100), (48_000, 48_000), (7_000, 48_000)]
)
def test_rates_of_aac_stay(maker, rate: int, expected: int) -> None:
    playback, samples = heard(maker.wav("a.wav", ramp(0.5, rate), rate))
    assert playback is not None and playback.sample_rate == expected
    assert samples.shape == (1, round(0.5 * expected)) and samples.dtype == np.float32
    middle = samples[0, samples.shape[1] // 4 : -samples.shape[1] // 4]
    line = np.linspace(-20_000, 20_000, samples.shape[1]) / 32768
    np.testing.assert_allclose(middle, line[samples.shape[1] // 4 :][: len(middle)], atol=2e-3)


def test_two_channels_stay_and_more_are_mixed(maker) -> None:
    loud, soft = np.full(4000, 16_000, np.int16), np.full(4000, 1_000, np.int16)
    playback, samples = heard(maker.wav("two.wav", np.stack([loud, soft], axis=1), 8_000))
    assert playback is not None and playback.num_channels == 2
    np.testing.assert_allclose(samples[:, 2000], [16_000 / 32768, 1_000 / 32768], atol=1e-4)
    six = maker.wav("six.wav", np.stack([loud] * 6, axis=1), 8_000)
    assert heard(six)[1].shape == (2, 4000)


def test_it_begins_with_the_first_picture(maker) -> None:
    path, given = maker.wav("a.wav", ramp(1, 8_000), 8_000), ramp(1, 8_000) / 32768
    _, cut = heard(path, 0.25)
    np.testing.assert_allclose(cut[0], given[2000:], atol=1e-4)
    _, late = heard(path, -0.5)
    assert late.shape == (1, 12_000) and (late[0, :4000] == 0).all()
    np.testing.assert_allclose(late[0, 4000:], given, atol=1e-4)
    assert heard(path, 9.0)[1].shape == (1, 0)


def test_a_gap_is_silent(tmp_path: Path) -> None:
    path = tmp_path / "gap.mkv"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("pcm_s16le", rate=8_000, layout="mono")
        for start in (0, 800, 8_000):  # nothing from 0.2 s to 1 s
            block = np.full((1, 800), 9_000, np.int16)
            frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
            frame.sample_rate, frame.pts = 8_000, start
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    _, samples = heard(path)
    assert samples.shape[1] == pytest.approx(8_800, abs=20)
    is_loud = samples[0] > 0.2
    assert is_loud[:1580].all() and not is_loud[1620:7980].any() and is_loud[8020:8780].all()


def test_what_cannot_be_heard_costs_no_film(maker, caplog: pytest.LogCaptureFixture) -> None:
    assert heard(maker.gray_clip("mute.mp4", [0, 50]))[0] is None
    _, samples = heard(maker.clip_with_nan("nan.mkv"))
    assert samples.shape == (1, 16_000) and (samples == 0).all()
    good = maker.sound("good.mp4", ramp(2, 16_000), 16_000, "aac")
    data = bytearray(good.read_bytes())
    start = data.index(b"mdat") + 4
    stop = data.index(b"moov") - 4
    data[start + (stop - start) // 2 : stop] = b"\xff" * (stop - start - (stop - start) // 2)
    with caplog.at_level(logging.WARNING):
        _, samples = heard(maker.file("broken.mp4", bytes(data)))
    assert 0 < samples.shape[1] < 30_000
    assert "broken.mp4: from here on its film is silent: broken audio stream" in caplog.text
