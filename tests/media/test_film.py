import cv2
import numpy as np
import pytest

from rnnmm.media.film import Film, decode_film, encode_film


def moving(num_frames: int, height: int = 40, width: int = 56) -> np.ndarray:
    """A pattern that glides, in saturated colours."""
    coarse = np.random.default_rng(0).integers(0, 256, (5, 30, 3), dtype=np.uint8)
    scene = cv2.resize(coarse, (width + 2 * num_frames, height), interpolation=cv2.INTER_CUBIC)
    return np.stack([scene[:, 2 * k : 2 * k + width] for k in range(num_frames)])


@pytest.fixture(scope="module")
def film() -> Film:
    return encode_film(moving(50), gop_size=8, crf=12)


def test_it_looks_the_same_and_is_smaller(film: Film) -> None:
    frames = moving(50)
    decoded = decode_film(film, 0, 50)
    assert decoded.shape == frames.shape and decoded.dtype == np.uint8
    assert np.square(decoded.astype(float) - frames).mean() < 255**2 / 10 ** (38 / 10)  # 38 dB
    assert len(film.data) < frames.nbytes / 8
    rougher = encode_film(frames, gop_size=8, crf=30)
    assert len(rougher.data) < len(film.data) / 2


@pytest.mark.parametrize(
    ("start", "count", "stride"),
    [(0, 1, 1), (7, 2, 1), (8, 8, 1), (13, 16, 1), (49, 1, 1), (1, 7, 8), (3, 10, 4), (0, 2, 49)],
)
def test_a_clip_is_a_part_of_the_whole(film: Film, start: int, count: int, stride: int) -> None:
    whole = decode_film(film, 0, 50)
    expected = whole[start : start + count * stride : stride]
    np.testing.assert_array_equal(decode_film(film, start, count, stride), expected)


def test_other_groups_are_not_touched(film: Film) -> None:
    ends = np.cumsum(film.packet_bytes)
    garbled = film.data.copy()
    garbled[: ends[15]] = 0xAB  # up to frame 16, with which a group begins
    garbled[ends[20] :] = 0xAB
    part = Film(garbled, film.packet_bytes, film.height, film.width)
    np.testing.assert_array_equal(decode_film(part, 18, 3), decode_film(film, 18, 3))


def test_equal_frames_give_equal_bytes(film: Film) -> None:
    again = encode_film(moving(50), gop_size=8, crf=12)
    np.testing.assert_array_equal(again.data, film.data)
    np.testing.assert_array_equal(again.packet_bytes, film.packet_bytes)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (33, 21), (1, 100)])
def test_any_size_and_almost_any_colour(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (3, *size, 3), dtype=np.uint8)
    decoded = decode_film(encode_film(noise, gop_size=2, crf=0), 0, 3)
    assert np.abs(decoded.astype(int) - noise).max() <= 2


def test_damage_is_told(film: Film) -> None:
    garbled = film.data.copy()
    end = film.packet_bytes[:3].sum()
    garbled[end : end + film.packet_bytes[3]] = 0xFF
    damaged = Film(garbled, film.packet_bytes, film.height, film.width)
    with pytest.raises(ValueError, match="frame 3 of a stored film is damaged: "):
        decode_film(damaged, 0, 5)


def test_frames_of_another_size_are_told(film: Film) -> None:
    other = Film(film.data, film.packet_bytes, film.height, film.width + 1)
    with pytest.raises(
        ValueError, match=r"frame 0 .* expected yuvj444p of 57 x 40, got yuvj444p of 56 x 40"
    ):
        decode_film(other, 2, 5)
