import pytest
import torch
from torch import Tensor, nn

from rnnmm.features.frames import Pixels
from rnnmm.models.picture import PictureEmbedder
from rnnmm.nn.frame import PlainCnn


class Quarters(nn.Module):
    """The picture itself as its map."""

    output_dim = 3

    def forward(self, frames: Tensor) -> Tensor:
        return frames


def bytes_of(num_frames: int, size: int = 16) -> Tensor:
    return torch.randint(0, 256, (num_frames, size, size, 3), dtype=torch.uint8)


def test_a_frame_is_the_mean_of_its_cells_in_reading_order() -> None:
    embedder = PictureEmbedder(Quarters(), 2, Pixels((0.0,) * 3, (1.0,) * 3))
    frame = torch.zeros(1, 4, 4, 3, dtype=torch.uint8)
    frame[0, :2, 2:, 0] = 255  # the upper right is red
    assert embedder(frame).tolist() == [[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]]
    assert embedder.output_dim == 12


def test_a_clip_gives_the_same_bytes_whatever_comes_after_its_chunks() -> None:
    torch.manual_seed(0)
    embedder, clip = PictureEmbedder(PlainCnn(3, (4, 8))), bytes_of(70)
    whole = embedder(clip)
    assert whole.shape == (70, 8)
    assert torch.equal(whole[:64], embedder(clip[:64]))
    assert torch.equal(whole, embedder(clip))


def test_it_is_never_trained() -> None:
    embedder = PictureEmbedder(PlainCnn(3, (4, 8))).train()
    assert not any(module.training for module in embedder.modules())
    assert not any(parameter.requires_grad for parameter in embedder.parameters())


def test_frames_of_other_channels_are_refused() -> None:
    with pytest.raises(ValueError, match="Pixels: expected frames"):
        PictureEmbedder(PlainCnn(3, (4, 8)))(bytes_of(2)[..., :1])
