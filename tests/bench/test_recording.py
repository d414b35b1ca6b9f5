import av
import numpy as np
import soundfile

from rnnmm.bench.recording import durations_s, speech, write_flac, write_mp3, write_mp4


def test_lengths_are_those_of_utterances() -> None:
    lengths = durations_s(1000)
    assert lengths.min() == 2.0 and lengths.max() == 16.0
    assert 6.5 < np.median(lengths) < 7.5
    np.testing.assert_array_equal(lengths, durations_s(1000))


def test_speech_is_seeded_and_fits_its_scale() -> None:
    sound = speech(0.5, 16_000, 3)
    assert sound.dtype == np.float32 and len(sound) == 8000
    assert 0.1 < np.abs(sound).max() < 1
    np.testing.assert_array_equal(sound, speech(0.5, 16_000, 3))
    assert not np.array_equal(sound, speech(0.5, 16_000, 4))


def test_sound_files_hold_what_they_say(tmp_path) -> None:
    write_flac(tmp_path / "a.flac", speech(2.0, 16_000), 16_000)
    info = soundfile.info(tmp_path / "a.flac")
    assert (info.format, info.subtype, info.samplerate, info.frames) == (
        "FLAC", "PCM_16", 16_000, 32_000
    )  # fmt: skip
    write_mp3(tmp_path / "a.mp3", speech(1.0, 44_100), 44_100)
    with av.open(str(tmp_path / "a.mp3")) as container:
        stream = container.streams.audio[0]
        assert (stream.codec_context.name[:3], stream.rate, stream.channels) == ("mp3", 44_100, 2)


def test_pictures_move_and_can_be_sought(tmp_path) -> None:
    write_mp4(tmp_path / "a.mp4", 12, 64, 48, gop=4)
    with av.open(str(tmp_path / "a.mp4")) as container:
        frames = list(container.decode(video=0))
    assert [frame.key_frame for frame in frames[:5]] == [True, False, False, False, True]
    first, last = (frames[at].to_ndarray(format="rgb24").astype(int) for at in (0, 11))
    assert first.shape == (48, 64, 3) and np.abs(first - last).mean() > 5
