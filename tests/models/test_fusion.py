from collections.abc import Callable

import pytest
import torch
from torch import nn

from rnnmm.batch import AudioVisual, Padded
from rnnmm.models.encoder import Cnn, CnnRnn, Crnn
from rnnmm.models.fusion import Fusion, Gated, Joined
from rnnmm.nn.convolution import TimeConvolution
from rnnmm.nn.frame import PlainCnn
from rnnmm.nn.recurrent import Recurrent

STRIDE = 4  # of the sound


class Same(nn.Module):
    """An encoder that changes nothing."""

    def __init__(self, output_dim: int) -> None:
        super().__init__()
        self.output_dim = output_dim
        self.unused = nn.Parameter(torch.zeros(1))

    def output_lengths(self, lengths: torch.Tensor) -> torch.Tensor:
        return lengths

    def forward(self, x: Padded) -> Padded:
        assert x.lengths.all(), "an encoder sees only what is there"
        return x


def early(combine: type[Joined] | type[Gated] = Joined) -> Fusion:
    sound, pictures = TimeConvolution(12, (8, 8)), Cnn(PlainCnn(3, (4, 8)), 8)
    return Fusion(sound, pictures, combine, lambda dim: Recurrent(dim, 8, bidirectional=True), 1.5)


def late() -> Fusion:
    sound = Crnn(12, channels=(4, 4), hidden_dim=8)
    return Fusion(sound, CnnRnn(PlainCnn(3, (4, 8)), 8, 8), steps_per_picture=1.5)


ENCODERS: dict[str, Callable[[], Fusion]] = {
    "early": early,
    "gated": lambda: early(Gated),
    "late": late,
}


def talk(num_frames: tuple[int, ...], num_pictures: tuple[int, ...]) -> AudioVisual:
    """Random, with what must not be looked at as padding."""
    sound = Padded.stack([torch.randn(n, 12) for n in num_frames])
    clips = Padded.stack([torch.randn(n, 3, 16, 16) for n in num_pictures])
    for part in (sound, clips):
        part.data[~part.mask] = torch.nan
    return AudioVisual(sound.data, sound.lengths, clips)


def only(x: AudioVisual, row: int) -> AudioVisual:
    """One item; of what it lacks there is one step of padding, as a gathered batch has it."""
    sound, clip = (
        Padded(part.data[row : row + 1, : max(1, n)], torch.tensor([n]))
        for part, n in ((part, int(part.lengths[row])) for part in (x.sound, x.pictures))
    )
    return AudioVisual(sound.data, sound.lengths, clip)


@pytest.fixture(params=ENCODERS)
def encoder(request: pytest.FixtureRequest) -> Fusion:
    torch.manual_seed(0)
    return ENCODERS[request.param]().eval()


def test_items_that_lack_something_are_the_same_alone_as_in_a_batch(encoder: Fusion) -> None:
    x = talk((20, 0, 16, 4), (3, 5, 0, 4))
    together = encoder(x)
    # 1.5 steps a picture; 4 frames of sound a step; as long as either lasts.
    assert together.lengths.tolist() == [5, 8, 4, 6]
    assert not together.data[~together.mask].any()
    for row, expected in enumerate(together.rows()):
        (alone,) = encoder(only(x, row)).rows()
        torch.testing.assert_close(alone, expected, atol=1e-6, rtol=1e-5)


def test_what_is_missing_can_be_trained_without(encoder: Fusion) -> None:
    encoder.train()
    for num_frames, num_pictures in (((20, 0, 8), (0, 4, 2)), ((9, 4), (0, 0)), ((0, 0), (2, 3))):
        encoder.zero_grad()
        y = encoder(talk(num_frames, num_pictures))
        (y.data * torch.randn_like(y.data)).sum().backward()
        silent = {n.split(".")[0] for n, p in encoder.named_parameters() if p.grad is None}
        expected = (
            {"sound"} if not any(num_frames) else {"pictures"} if not any(num_pictures) else set()
        )
        assert silent == expected
        assert all(p.grad.isfinite().all() for p in encoder.parameters() if p.grad is not None)


def test_a_step_has_the_picture_that_is_on_show() -> None:
    pictures = torch.arange(1.0, 5.0)[None, :, None]  # (1, 4, 1)
    sound = torch.full((1, 6, 1), 9.0)
    for rate, shown in (
        (1.0, [1, 2, 3, 4, 0, 0]),
        (2.5, [1, 1, 1, 2, 2, 3, 3, 3, 4, 4]),
        (0.5, [1, 3, 0, 0, 0, 0]),
    ):
        x = AudioVisual(sound, torch.tensor([6]), Padded(pictures, torch.tensor([4])))
        y = Fusion(Same(1), Same(1), steps_per_picture=rate)(x)
        assert y.data[0, :, 1].tolist() == shown
        heard = [9.0] * 6 + [0.0] * (len(shown) - 6)
        assert y.data[0, :, 0].tolist() == heard
        # Whether there is sound, and whether there is a picture.
        assert y.data[0, :, 2].tolist() == [float(value > 0) for value in heard]
        assert y.data[0, :, 3].tolist() == [float(picture > 0) for picture in shown]


def test_a_gate_lets_nothing_through_that_is_not_there() -> None:
    torch.manual_seed(0)
    gated = Gated(3, 3, 4)
    sound = Padded(torch.randn(1, 4, 3), torch.tensor([4]))
    pictures = Padded(torch.randn(1, 4, 3), torch.tensor([2])).zeroed()
    y = gated(sound, pictures)
    gated.pictures.bias.data += 100.0
    changed = (gated(sound, pictures) != y).any(2)[0]
    assert changed.tolist() == [True, True, False, False]


def test_lengths_are_those_of_the_sound() -> None:
    frames = torch.arange(1, 50)
    assert early().output_lengths(frames).equal((frames + STRIDE - 1) // STRIDE)


def test_sound_alone_is_not_enough() -> None:
    with pytest.raises(ValueError, match=r"Fusion: expected sound and pictures, got one of them"):
        early()(talk((8,), (2,)).sound)
