import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.features.crop import MotionCrop


def talking(down: int, across: int, num_steps: int = 6) -> torch.Tensor:
    """A grey picture of 48 x 64 with a mouth of 5 x 7 that opens and shuts, and eyes above."""
    clip = torch.full((num_steps, 48, 64, 3), 100, dtype=torch.uint8)
    clip[::2, down - 2 : down + 3, across - 3 : across + 4] = 200
    clip[::2, 5:9, 10:50] = 255
    return clip


def test_the_window_is_about_what_moves_in_the_region() -> None:
    centres = [(32, 20), (36, 40), (30, 31)]
    y = MotionCrop(15, 21, top=0.5)(Padded.stack([talking(*centre) for centre in centres]))
    assert y.data.shape == (3, 6, 15, 21, 3) and y.data.dtype == torch.uint8
    mouth = torch.zeros(15, 21, dtype=torch.bool)
    mouth[5:10, 7:14] = True
    for clip in y.rows():
        assert (clip[0, ..., 0] == 200).equal(mouth)
        assert (clip[1] == 100).all()


def test_the_window_stays_within_the_picture() -> None:
    y = MotionCrop(30, 30)(Padded.stack([talking(45, 3)]))
    assert y.data[0].equal(talking(45, 3)[:, 18:48, 0:30])


def test_where_nothing_moves_it_is_the_middle_of_the_region() -> None:
    still = (
        torch.arange(48 * 64 * 3).remainder(251).byte().reshape(1, 48, 64, 3).expand(4, -1, -1, -1)
    )
    y = MotionCrop(8, 8, top=0.5)(Padded.stack([still]))
    assert y.data[0].equal(still[:, 32:40, 28:36])
    (one,) = MotionCrop(8, 8, top=0.5)(Padded.stack([still[:1]])).rows()
    assert one.equal(still[:1, 32:40, 28:36])


def test_what_cannot_be_cut_is_refused() -> None:
    with pytest.raises(ValueError, match="MotionCrop: expected 0 <= top < bottom <= 1 and 0 <="):
        MotionCrop(8, 8, top=0.7, bottom=0.6)
    match = "MotionCrop: expected a window within the picture of 48 x 64, got 49 x 8"
    with pytest.raises(ValueError, match=match):
        MotionCrop(49, 8)(Padded.stack([talking(32, 20)]))
