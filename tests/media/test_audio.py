import logging
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from rnnmm.media import audio
from rnnmm.media.audio import decode_audio
from rnnmm.media.limits import Span

ALL = Span()


def sine(seconds: float, rate: int, hz: float = 440.0, level: float = 0.5) -> np.ndarray:
    return level * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)


def decoded(path: Path, rate: int = 16_000, span: Span = ALL) -> np.ndarray:
    samples = decode_audio(path, rate, span)
    assert samples is not None and samples.dtype == np.int16 and samples.ndim == 1
    return samples


def sound_of(maker: Any, name: str, samples: np.ndarray) -> Path:
    """The samples at 16 kHz in the format of the name."""
    codec = {"a.mkv": "pcm_s16le", "a.m4a": "aac", "a.aac": "aac"}.get(name)
    if codec is None:
        return maker.wav(name, samples, 16_000)  # type: ignore[no-any-return]
    return maker.sound(name, samples, 16_000, codec)  # type: ignore[no-any-return]


def closeness_db(found: np.ndarray, expected: np.ndarray) -> float:
    """Signal to error ratio, leaving out the edges, where filters and codecs ring."""
    inner = slice(len(expected) // 10, -len(expected) // 10)
    error = found[inner].astype(float) - expected[inner]
    return float(10 * np.log10(np.mean(expected[inner] ** 2) / np.mean(error**2)))


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.aiff", "a.au", "a.caf"])
def test_16_bit_mono_at_the_wanted_rate_is_unchanged(maker: Any, name: str) -> None:
    samples = np.random.default_rng(0).integers(-32768, 32768, 70_001).astype(np.int16)
    np.testing.assert_array_equal(decoded(maker.wav(name, samples, 16_000)), samples)


@pytest.mark.parametrize(
    ("name", "subtype", "db"),
    [("a.wav", "PCM_U8", 35), ("a.wav", "PCM_24", 75), ("a.wav", "FLOAT", 75),
     ("a.wav", "ALAW", 30), ("a.wav", "IMA_ADPCM", 25), ("a.wav", "GSM610", 10),
     ("a.flac", "PCM_24", 75), ("a.ogg", "VORBIS", 25), ("a.mp3", "MPEG_LAYER_III", 25)],
)  # fmt: skip
def test_every_encoding_gives_the_sound(maker: Any, name: str, subtype: str, db: float) -> None:
    signal = sine(1, 16_000)
    found = decoded(maker.wav(name, signal, 16_000, subtype))
    assert abs(len(found) - 16_000) <= 320  # GSM fills its last frame
    assert closeness_db(found[:16_000], signal[: len(found)] * 32768) > db


@pytest.mark.parametrize(("name", "codec"), [("a.m4a", "aac"), ("a.webm", "libopus")])
def test_lossy_sound_starts_where_it_started(
    maker: Any, name: str, codec: str, one_second: np.ndarray
) -> None:
    found = decoded(maker.sound(name, one_second, 16_000, codec))
    assert closeness_db(found[:16_000], one_second.astype(float)) > 20


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])  # libsndfile, and FFmpeg's planes
def test_channels_are_averaged(maker: Any, name: str) -> None:
    channels = np.random.default_rng(0).integers(-9000, 9000, (5000, 6)).astype(np.int16)
    path = maker.wav(name, channels, 16_000)
    np.testing.assert_allclose(decoded(path), channels.mean(axis=1), atol=0.51)


@pytest.mark.parametrize("layout", ["7.1", "hexadecagonal"])
def test_many_planes_are_averaged(maker: Any, layout: str) -> None:
    path = maker.folder / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("wavpack", rate=16_000, layout=layout)
        stream.codec_context.format = "s16p"
        channels = stream.codec_context.channels
        samples = np.random.default_rng(0).integers(-9000, 9000, (channels, 4096))
        block = np.ascontiguousarray(samples.T.reshape(1, -1).astype(np.int16))
        frame = av.AudioFrame.from_ndarray(block, format="s16", layout=layout)
        frame.sample_rate = 16_000
        container.mux([*stream.encode(frame), *stream.encode()])
    np.testing.assert_allclose(decoded(path), samples.mean(axis=0), atol=0.51)


def test_beyond_full_scale_is_clipped(maker: Any) -> None:
    path = maker.wav("a.wav", np.array([0.0, 1.5, -3.0, 0.25]), 16_000, "FLOAT")
    np.testing.assert_array_equal(decoded(path), [0, 32767, -32768, 8192])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_are_refused(maker: Any, bad: float) -> None:
    path = maker.wav("a.wav", np.array([0.0, bad, 0.0]), 16_000, "FLOAT")
    with pytest.raises(ValueError, match="the sound has NaN or infinite samples"):
        decoded(path)


@pytest.mark.parametrize("source", [8_000, 11_025, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("count", [1, 2, 3, 1000, 44_101])
def test_resampled_length_is_rounded_half_up(maker: Any, source: int, count: int) -> None:
    path = maker.wav("a.wav", np.zeros(count, np.int16), source)
    assert len(decoded(path)) == max(1, (2 * count * 16_000 + source) // (2 * source))


@pytest.mark.parametrize("source", [8_000, 22_050, 44_100, 48_000])
def test_resampling_keeps_a_tone(maker: Any, source: int) -> None:
    found = decoded(maker.wav("a.wav", sine(1, source), source, "FLOAT"))
    assert closeness_db(found, sine(1, 16_000) * 32768) > 75


def test_resampling_drops_what_would_alias(maker: Any) -> None:
    path = maker.wav("a.wav", sine(1, 44_100, hz=11_000), 44_100, "FLOAT")
    assert np.abs(decoded(path)[1000:-1000]).max() <= 2  # -84 dB


@pytest.mark.parametrize("rate", [16_000, 22_050])
@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_blocks_do_not_show(
    maker: Any, name: str, rate: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = maker.wav(name, np.stack([sine(0.5, 16_000), sine(0.5, 16_000, 700)], 1), 16_000)
    whole = decoded(path, rate)
    monkeypatch.setattr(audio, "BLOCK_VALUES", 202)
    np.testing.assert_array_equal(decoded(path, rate), whole)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.mkv"])
@pytest.mark.parametrize(("start_s", "end_s"), [(0.0, 0.5), (0.25, None), (0.3, 0.7), (0.9, 1.05)])
def test_cuts_at_samples(
    maker: Any, name: str, start_s: float, end_s: float | None, one_second: np.ndarray
) -> None:
    path = sound_of(maker, name, one_second)
    stop = None if end_s is None else round(end_s * 16_000)
    found = decoded(path, 16_000, Span(start_s, end_s))
    np.testing.assert_array_equal(found, one_second[round(start_s * 16_000) : stop])


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.mkv", "a.m4a"])
def test_a_start_after_the_end_is_refused(maker: Any, name: str, one_second: np.ndarray) -> None:
    with pytest.raises(ValueError, match="item starts at 7 s, after the end of the sound"):
        decoded(sound_of(maker, name, one_second), span=Span(7.0))


def test_a_truncated_wav_gives_what_is_there(maker: Any, one_second: np.ndarray) -> None:
    data = maker.wav("a.wav", one_second, 16_000).read_bytes()
    path = maker.file("b.wav", data[: 44 + 2 * 9000])
    np.testing.assert_array_equal(decoded(path), one_second[:9000])


def flac_promising(maker: Any, samples: np.ndarray, count: int) -> Path:
    """A FLAC file whose header gives a count of samples that is not true."""
    data = bytearray(maker.wav("a.flac", samples, 16_000).read_bytes())
    data[22:26] = count.to_bytes(4, "big")  # the lower 32 bits of STREAMINFO's total
    return maker.file("b.flac", bytes(data))  # type: ignore[no-any-return]


@pytest.mark.parametrize("count", [4000, 0, 100_000])
@pytest.mark.parametrize("start", [0, 1600])
def test_a_flac_header_with_a_wrong_count_loses_nothing(
    maker: Any, count: int, start: int
) -> None:
    noise = np.random.default_rng(0).integers(-9000, 9000, 16_000).astype(np.int16)
    found = decoded(flac_promising(maker, noise, count), span=Span(start / 16_000))
    np.testing.assert_array_equal(found, noise[start:])


@pytest.mark.parametrize("seed", range(5))
def test_one_flipped_bit_in_a_flac_file_is_refused(maker: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    noise = rng.integers(-9000, 9000, 16_000).astype(np.int16)
    data = bytearray(maker.wav("a.flac", noise, 16_000).read_bytes())
    data[rng.integers(10_000, len(data))] ^= 4
    with pytest.raises(ValueError, match=r"broken audio stream after \d+ samples: .*flac decoder"):
        decoded(maker.file("b.flac", bytes(data)))


def test_libsndfile_reads_the_flac_that_ffmpeg_cannot(maker: Any, one_second: np.ndarray) -> None:
    # A padding block before STREAMINFO is against the rules, which FFmpeg keeps.
    data = maker.wav("a.flac", one_second, 16_000).read_bytes()
    path = maker.file("b.flac", data[:4] + b"\x01\0\0\x04" + bytes(4) + data[4:])
    np.testing.assert_array_equal(decoded(path), one_second)


def test_ffmpeg_reads_what_libsndfile_cannot_open(
    maker: Any, one_second: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    path = maker.sound("a.ogg", one_second, 16_000, "flac")
    with caplog.at_level(logging.INFO):
        np.testing.assert_array_equal(decoded(path), one_second)
    assert "decoded by FFmpeg; libsndfile: " in caplog.text


def test_damage_in_mid_stream_is_refused(maker: Any, one_second: np.ndarray) -> None:
    data = bytearray(maker.sound("a.m4a", np.tile(one_second, 4), 16_000, "aac").read_bytes())
    middle = data.index(b"mdat") + 6000
    data[middle : middle + 4000] = np.random.default_rng(0).bytes(4000)
    with pytest.raises(ValueError, match=r"broken audio stream after \d+ frames: .*[a-z]"):
        decoded(maker.file("b.m4a", bytes(data)))


def test_one_damaged_packet_at_the_end_is_passed_over_and_no_more(
    maker: Any, one_second: np.ndarray
) -> None:
    data = maker.sound("a.m4a", one_second, 16_000, "aac", movflags="faststart").read_bytes()
    whole = decoded(maker.file("b.m4a", data))
    cut = decoded(maker.file("b.m4a", data[:-40]))
    assert 0 < len(whole) - len(cut) <= 1024
    np.testing.assert_array_equal(cut, whole[: len(cut)])
    damaged = data[:-1500] + np.random.default_rng(0).bytes(1500)
    with pytest.raises(ValueError, match=r"broken audio stream after 1\d frames"):
        decoded(maker.file("b.m4a", damaged))


def test_no_samples(maker: Any) -> None:
    path = maker.wav("a.wav", np.zeros(0, np.int16), 16_000)
    with pytest.raises(ValueError, match=r"holds no samples \(zero duration\)"):
        decoded(path)


def test_a_header_without_its_sound(maker: Any, one_second: np.ndarray) -> None:
    path = maker.sound("a.m4a", one_second, 16_000, "aac", movflags="faststart")
    data = path.read_bytes()
    path = maker.file("b.m4a", data[: data.index(b"mdat") + 4])
    with pytest.raises(ValueError, match=r"truncated: the header promises 1\.0\d s of sound"):
        decoded(path)


@pytest.mark.parametrize("rate", [7, 2_000_000])
def test_a_rate_that_cannot_be_true(maker: Any, rate: int, one_second: np.ndarray) -> None:
    data = bytearray(maker.wav("a.wav", one_second, 16_000).read_bytes())
    data[24:28] = rate.to_bytes(4, "little")
    with pytest.raises(ValueError, match=f"a sample rate of {rate} Hz cannot be true"):
        decoded(maker.file("b.wav", bytes(data)))


def test_a_rate_that_changes(maker: Any, one_second: np.ndarray) -> None:
    parts = [
        maker.sound(f"{rate}.aac", one_second, rate, "aac").read_bytes()
        for rate in (16_000, 8_000)
    ]
    with pytest.raises(ValueError, match="sample rate changes from 16000 to 8000 Hz"):
        decoded(maker.file("b.aac", b"".join(parts)))


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.m4a", "a.aac"])
def test_longer_than_the_limit(maker: Any, name: str, one_second: np.ndarray) -> None:
    path = sound_of(maker, name, one_second)
    with pytest.raises(ValueError, match=r"longer than the limit of 0\.5 s"):
        decoded(path, span=Span(max_duration_s=0.5))
    assert len(decoded(path, span=Span(0.0, 0.4, max_duration_s=0.5))) == 6400


def test_encrypted_sound_is_refused(maker: Any, one_second: np.ndarray) -> None:
    path = maker.sound(
        "a.mp4",
        one_second,
        16_000,
        "aac",
        encryption_scheme="cenc-aes-ctr",
        encryption_key="00112233445566778899aabbccddeeff",
        encryption_kid="ffeeddccbbaa99887766554433221100",
    )
    with pytest.raises(ValueError, match="the audio stream is encrypted"):
        decoded(path)


def test_a_video_without_sound_gives_none(clip: Path) -> None:
    assert decode_audio(clip, 16_000, ALL) is None


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
@pytest.mark.parametrize("span", [ALL, Span(0.3, 0.7)])
def test_16_bits_read_as_such_are_what_they_are_as_fractions(
    maker: Any, name: str, span: Span, one_second: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = maker.wav(name, one_second, 16_000)
    found = decoded(path, span=span)
    asked: list[str] = []

    def as_fractions(file: Any, count: int | None, dtype: str) -> Any:
        asked.append(dtype)
        return blocks(file, count, "float32")

    blocks = audio._sndfile_blocks
    monkeypatch.setattr(audio, "_sndfile_blocks", as_fractions)
    np.testing.assert_array_equal(found, decoded(path, span=span))
    assert asked == ["int16"]
