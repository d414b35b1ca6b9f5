from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from rnnmm.media import soundtrack
from rnnmm.media.audio import decode_audio
from rnnmm.media.limits import Span
from rnnmm.media.soundtrack import open_soundtrack

ALL = Span()


def joined(path: Path, span: Span = ALL) -> np.ndarray:
    with open_soundtrack(path, span) as signal:
        assert signal is not None
        blocks = list(signal.blocks)
    assert all(block.dtype == np.float32 and block.ndim == 1 for block in blocks)
    return np.concatenate(blocks)


def frame(values: np.ndarray, form: str, layout: str = "stereo", rate: int = 16_000) -> Any:
    made = av.AudioFrame.from_ndarray(values, format=form, layout=layout)
    made.sample_rate, made.time_base = rate, Fraction(1, rate)
    return made


@pytest.mark.parametrize("values", [1, 1000, 1 << 15])
@pytest.mark.parametrize("codec", ["pcm_s16le", "pcm_f32le", "aac", "libmp3lame"])
def test_how_frames_are_joined_does_not_show(
    maker: Any, codec: str, values: int, one_second: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = maker.sound("a.mkv", one_second, 16_000, codec)
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
    expected = np.concatenate(frames, axis=1)[0]
    if expected.dtype == np.int16:
        expected = expected / np.float32(32768)
    monkeypatch.setattr(soundtrack, "BLOCK_VALUES", values)
    np.testing.assert_array_equal(joined(path), expected)


@pytest.mark.parametrize("form", ["u8", "s16", "s32", "flt", "dbl"])
@pytest.mark.parametrize("planar", ["", "p"])
def test_channels_are_averaged_whatever_the_samples_are(form: str, planar: str) -> None:
    sound = np.random.default_rng(0).uniform(-1, 1, (2, 300))
    full_scale, rest = {"u8": (127, 128), "s16": (32767, 0), "s32": (2**31 - 1, 0)}.get(
        form, (1, 0)
    )
    dtype = soundtrack._SAMPLE_TYPES[form]
    stored = (sound * full_scale + rest).astype(dtype)
    laid_out = stored if planar else stored.T.reshape(1, -1)
    parts = [np.ascontiguousarray(part) for part in np.split(laid_out, 2, axis=1)]
    frames = [frame(part, form + planar) for part in parts]
    (block,) = soundtrack._ffmpeg_blocks(iter(frames), 16_000)
    np.testing.assert_allclose(block, sound.mean(axis=0), atol=0.02 if form == "u8" else 1e-4)


def test_frames_of_another_form_begin_another_block() -> None:
    stereo, mono = np.full((2, 10), 0.5, np.float32), np.full((1, 10), 0.25, np.float32)
    frames = [frame(stereo, "fltp"), frame(mono, "fltp", "mono"), frame(mono, "flt", "mono")]
    blocks = list(soundtrack._ffmpeg_blocks(iter(frames), 16_000))
    np.testing.assert_array_equal(np.concatenate(blocks), np.repeat([0.5, 0.25], [10, 20]))


def test_a_change_of_rate_is_refused() -> None:
    sound = np.zeros((1, 10), np.float32)
    frames = [frame(sound, "flt", "mono"), frame(sound, "flt", "mono", rate=8_000)]
    with pytest.raises(ValueError, match="the sample rate changes from 16000 to 8000 Hz"):
        list(soundtrack._ffmpeg_blocks(iter(frames), 16_000))


def test_nothing_is_decoded_beyond_the_end(
    maker: Any, one_second: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = maker.sound("a.mkv", one_second, 16_000, "pcm_s16le")
    decoded = []

    def counted(media: Any, packet: Any) -> list[Any]:
        frames = list(packet.decode())
        decoded.extend(frame.samples for frame in frames)
        return frames

    monkeypatch.setattr(soundtrack, "decode_packet", counted)
    assert len(joined(path, Span(0.0, 0.25))) == 4000
    assert 4000 <= sum(decoded) < 4000 + 2 * 1024


@pytest.mark.parametrize(("name", "codec"), [("a.m4a", "aac"), ("a.mp3", "libmp3lame")])
def test_seeking_gives_the_same_samples(
    maker: Any, name: str, codec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = np.sin(np.cumsum(np.linspace(0.05, 1, 16_000 * 12))) * 8000
    path = maker.sound(name, sweep.astype(np.int16), 16_000, codec)
    sought = decode_audio(path, 22_050, Span(10.37, 11.2))
    assert sought is not None and len(sought) > 18_000
    monkeypatch.setattr(soundtrack, "_SEEK_BEYOND_S", 1e9)
    np.testing.assert_array_equal(sought, decode_audio(path, 22_050, Span(10.37, 11.2)))


@pytest.mark.parametrize(
    ("name", "codec", "off"),
    [("a.mkv", "pcm_s16le", 0), ("a.mov", "pcm_s16be", 0), ("a.mkv", "pcm_f32le", 0),
     ("a.mkv", "pcm_s32le", 0), ("a.avi", "pcm_u8", 256)],
)  # fmt: skip
def test_pcm_through_ffmpeg(
    maker: Any, name: str, codec: str, off: int, one_second: np.ndarray
) -> None:
    found = decode_audio(maker.sound(name, one_second, 16_000, codec), 16_000, ALL)
    assert found is not None
    np.testing.assert_allclose(found, one_second, rtol=0, atol=off)
