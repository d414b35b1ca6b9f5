import contextlib
import csv
import json
import os
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnmm.media.decode import Decoding, decode
from rnnmm.media.film import decode_film

ODDITIES = Path(__file__).parents[2] / "../shared/data/media_oddities"
BOTH = Decoding(sample_rate=16_000, frame_rate=10.0, height=64, width=64)

# Decodes the files named on stdin, one JSON line each; alone in a process, as in preprocessing.
WORKER = """
import json, sys
from pathlib import Path
from rnnmm.media.decode import Decoding, decode
decoding = Decoding(sample_rate=16_000, frame_rate=10.0, height=64, width=64, backend=sys.argv[1])
for line in sys.stdin:
    try:
        decoded = decode(Path(json.loads(line)), decoding)
        audio, frames = decoded.audio, decoded.frames
        answer = [None, audio is not None and len(audio), frames is not None and len(frames)]
    except ValueError as error:
        answer = [str(error), 0, 0]
    print(json.dumps(answer), flush=True)
assert "torch" not in sys.modules, "workers must start without torch"
"""


def decode_elsewhere(paths: Iterable[Path], backend: str, timeout_s: float) -> list[Any]:
    """[reason or None, samples, frames] of each file; fails on a crash, a hang or any chatter."""
    lines = "\n".join(json.dumps(str(path)) for path in paths)
    done = subprocess.run(
        [sys.executable, "-c", WORKER, backend],
        input=lines,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_sound_and_pictures_of_one_file(maker: Any, clip: Path, one_second: np.ndarray) -> None:
    decoded = decode(clip, BOTH)
    assert decoded.audio is None and decoded.features is None
    assert decoded.frames is not None and decoded.frames.shape == (20, 64, 64, 3)
    sound = decode(maker.wav("a.wav", one_second, 16_000), BOTH)
    assert sound.frames is None and sound.audio is not None and len(sound.audio) == 16_000


def test_the_extension_does_not_matter(maker: Any, clip: Path, one_second: np.ndarray) -> None:
    sound = maker.wav("a.wav", one_second, 16_000).read_bytes()
    for name in ("b.raw", "b.txt", "b.mp4", "b.flac", "b.mfc"):
        audio = decode(maker.file(name, sound), BOTH).audio
        np.testing.assert_array_equal(audio, one_second)
        frames = decode(maker.file(name, clip.read_bytes()), BOTH).frames
        assert frames is not None and maker.indices(frames) == list(range(0, 40, 2))


def test_files_are_closed(maker: Any, clip: Path, one_second: np.ndarray, open_files: Any) -> None:
    too_long = Decoding(sample_rate=16_000, frame_rate=10.0, max_duration_s=0.1)
    for path in (clip, maker.wav("a.wav", one_second, 16_000), maker.file("a.dat", bytes(99))):
        for decoding in (BOTH, too_long):
            with contextlib.suppress(ValueError):
                decode(path, decoding)
    assert open_files() == []


def test_the_same_times_cut_both(maker: Any, clip: Path) -> None:
    decoded = decode(clip, BOTH, 0.5, 1.0)
    assert decoded.frames is not None and len(decoded.frames) == 5


def test_frames_as_a_film(clip: Path) -> None:
    decoding = Decoding(frame_rate=10.0, height=64, width=64, frames="h264", gop_size=4, crf=10)
    decoded = decode(clip, decoding)
    raw = decode(clip, Decoding(frame_rate=10.0, height=64, width=64)).frames
    assert decoded.frames is None and decoded.film is not None and raw is not None
    assert np.abs(decode_film(decoded.film, 0, len(raw)).astype(int) - raw).max() <= 3


def test_stored_features_come_whatever_is_wanted(maker: Any) -> None:
    content = np.array(26, ">i4").tobytes() + np.arange(26, dtype=">f4").tobytes()
    for decoding in (BOTH, Decoding()):
        features = decode(maker.file("a.wav", content), decoding).features
        assert features is not None and features.shape == (2, 13)


def test_vectors_in_numpys_format_come_whatever_is_wanted(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.ones((3, 5)))
    for decoding in (Decoding(), Decoding(sample_rate=8000, frame_rate=10.0)):
        features = decode(tmp_path / "v.npy", decoding).features
        assert features is not None and features.shape == (3, 5)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"sample_rate": 16_000}, "no audio stream"),
        ({}, "no stored features, and neither sound nor pictures are wanted"),
    ],
)
def test_nothing_wanted_in_a_silent_clip(clip: Path, settings: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}$"):
        decode(clip, Decoding(**settings))


def test_no_pictures_in_sound(maker: Any, one_second: np.ndarray) -> None:
    path = maker.wav("a.wav", one_second, 16_000)
    with pytest.raises(ValueError, match=r"^no video stream$"):
        decode(path, Decoding(frame_rate=10.0))


def test_no_stream_at_all(maker: Any) -> None:
    content = b"\0\0\0\x14ftypisom\0\0\x02\0isom" + b"\0\0\0\x08moov"
    with pytest.raises(ValueError, match=r"^no audio or video stream$"):
        decode(maker.file("a.mp4", content), BOTH)


def test_broken_sound_is_an_error_though_the_pictures_are_fine(maker: Any) -> None:
    path = maker.clip_with_nan("a.mov")
    with pytest.raises(ValueError, match="NaN"):
        decode(path, BOTH)
    assert decode(path, Decoding(frame_rate=10.0)).frames is not None


def test_what_is_no_regular_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such file"):
        decode(tmp_path / "absent.wav", BOTH)
    with pytest.raises(ValueError, match="no such file"):
        decode(Path("a\0b.wav"), BOTH)
    with pytest.raises(ValueError, match="not a regular file"):
        decode(tmp_path, BOTH)
    with pytest.raises(ValueError, match="not a regular file"):
        decode(Path(os.devnull), BOTH)
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(ValueError, match="not a regular file"):
        decode(tmp_path / "pipe.wav", BOTH)
    with pytest.raises(ValueError, match="no such file"):
        decode(Path("http://example.com/a.mp4"), BOTH)
    (tmp_path / "empty.wav").touch()
    with pytest.raises(ValueError, match=r"^empty file \(0 bytes\)$"):
        decode(tmp_path / "empty.wav", BOTH)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read(maker: Any) -> None:
    path = maker.file("a.wav", b"RIFF")
    path.chmod(0)
    with pytest.raises(ValueError, match="cannot be read: Permission denied"):
        decode(path, BOTH)


@pytest.mark.parametrize(
    ("start_s", "end_s"), [(-1.0, None), (2.0, 1.0), (1.0, 1.0), (float("nan"), None)]
)
def test_times_out_of_order(clip: Path, start_s: float, end_s: float | None) -> None:
    with pytest.raises(ValueError, match="expected 0 <= start < end, got start"):
        decode(clip, BOTH, start_s, end_s)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sample_rate": 0}, r"Decoding\.sample_rate: expected a number above 0, got 0"),
        ({"frame_rate": float("nan")}, r"Decoding\.frame_rate: expected a number above 0"),
        ({"height": -1}, r"Decoding\.height"),
        ({"max_duration_s": float("inf")}, r"Decoding\.max_duration_s"),
        ({"fit": "squeeze"}, r"Decoding\.fit: expected stretch, pad or crop, got 'squeeze'"),
        ({"frames": "av1"}, r"Decoding\.frames: expected raw or h264, got 'av1'"),
        ({"gop_size": 0}, r"Decoding\.gop_size: expected a number above 0, got 0"),
        ({"crf": 52}, r"Decoding\.crf: expected a number from 0 to 51, got 52"),
        ({"backend": "decord"}, r"Decoding\.backend: expected opencv or pyav, got 'decord'"),
    ],
)
def test_settings_out_of_range(settings: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Decoding(**settings)


def damaged(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    kind = rng.choice(("cut", "flip", "head", "zero", "drop"))
    at = rng.randrange(len(changed))
    if kind == "cut":
        return bytes(changed[:at])
    if kind == "flip":
        for _ in range(rng.choice((1, 5, 50))):
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    elif kind == "head":
        changed[at % 512 : at % 512 + 2] = rng.randbytes(2)
    elif kind == "zero":
        changed[at : at + 500] = bytes(len(changed[at : at + 500]))
    else:
        del changed[at : at + rng.randrange(1, 2000)]
    return bytes(changed)


def test_damaged_files_give_a_result_or_a_reason(
    maker: Any, clip: Path, one_second: np.ndarray
) -> None:
    whole = [
        clip,
        maker.gray_clip("a.mkv", range(0, 1000, 50)),
        maker.gray_clip("a.ts", range(0, 1000, 50)),
        maker.gray_clip("a.avi", range(0, 1000, 50), codec="mpeg4"),
        maker.wav("a.wav", one_second, 16_000),
        maker.wav("a.flac", one_second, 16_000),
        maker.wav("a.ogg", one_second, 16_000),
        maker.sound("a.mp3", one_second, 16_000, "libmp3lame"),
        maker.sound("a.m4a", one_second, 16_000, "aac"),
        maker.clip("a.png", [np.full((40, 40, 3), 77, np.uint8)], [0], "png", "rgb24"),
        maker.clip("a.jpg", [np.full((40, 40, 3), 77, np.uint8)], [0], "mjpeg", "yuvj420p"),
    ]
    rng = random.Random(0)
    paths = [
        maker.file(f"{k}_{path.name}", damaged(path.read_bytes(), rng))
        for path in whole
        for k in range(12)
    ]
    answers = decode_elsewhere([*whole, *paths], "opencv", timeout_s=60)
    assert len(answers) == len(whole) + len(paths)
    assert all(reason is None for reason, _, _ in answers[: len(whole)])
    reasons = [reason for reason, _, _ in answers if reason is not None]
    assert 20 < len(reasons) < len(paths)
    assert all(reason and "\n" not in reason and len(reason) < 300 for reason in reasons)


# Files that the inventory's decoder read and this one refuses, and why that is right.
REFUSED = {
    "decord/tests__test_data__corrupted.mp4": "broken video stream after 28 of 50 pictures",
    "pocketsphinx/test__data__awful.wav": "a sample rate of 1092676 Hz cannot be true",
    "tinytag/tinytag__tests__samples__aiff_with_image.aiff": "holds no samples",  # a cover only
    "tinytag/tinytag__tests__samples__test2.m4a": "truncated: the header promises 167.79 s",
}


# Files that libsndfile can read though the inventory's decoder could not.
BETTER = {
    "flac_test_files/faulty__01 - wrong max blocksize.flac",
    "flac_test_files/faulty__07 - other metadata blocks preceding streaminfo metadata block.flac",
}


@pytest.mark.corpus
def test_real_oddities() -> None:
    if not ODDITIES.is_dir():
        pytest.skip(f"no {ODDITIES}")
    with open(ODDITIES / "INVENTORY.tsv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    answers = decode_elsewhere([ODDITIES / row["file"] for row in rows], "opencv", timeout_s=300)
    assert len(answers) == len(rows) == 249
    faults = [
        f"{row['file']}: {row['decoded']}; {answer}"
        for row, answer in zip(rows, answers)
        if not agrees(row, *answer)
    ]
    assert not faults
    kinds = Counter((reason or "decoded").split(":")[0].split(" ")[0] for reason, _, _ in answers)
    assert (kinds["decoded"], kinds["not"], kinds["empty"]) == (175, 32, 1), kinds


def agrees(row: dict[str, str], reason: str | None, samples: int, frames: int) -> bool:
    """Whether an answer goes with what the inventory's decoder saw."""
    listed = dict(re.findall(r"(\w+)=(\d+)", row["decoded"] or ""))
    seen = int(listed.get("samples", 0)) + int(listed.get("frames", 0))
    if reason is not None:
        return seen == 0 or REFUSED.get(row["file"], "another reason") in reason
    rate = re.search(r"a:\S+ (\d+)Hz", row["streams"] or "")
    expected = int(listed.get("samples", 0)) * 16_000 / int(rate[1] if rate else 1)
    return (samples + frames > 0 and abs(samples - expected) <= 160) or row["file"] in BETTER
