import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.features.augment_erase import RandomErasing


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def clips(count: int = 40) -> Padded:
    torch.manual_seed(0)
    return Padded.stack([
        torch.randint(0, 256, (3, 20, 30, 3), dtype=torch.uint8) for _ in range(count)
    ])  # fmt: skip


def erased(before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
    """``(T, H, W)``: which pixels have changed."""
    return (before != after).any(dim=-1)


def test_one_rectangle_of_one_colour_is_hidden_in_all_frames_of_a_clip() -> None:
    x = clips()
    y = RandomErasing(1.0, 0.05, 0.3)(x, generator())
    colours = set()
    for before, after in zip(x.rows(), y.rows()):
        hidden = erased(before, after).any(dim=0)
        rows, columns = hidden.any(dim=1).nonzero(), hidden.any(dim=0).nonzero()
        part = after[:, rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert len(part.flatten(0, 2).unique(dim=0)) == 1
        area = part.shape[1] * part.shape[2] / 600
        assert 0.02 <= area <= 0.34  # long ones are cut by the picture
        colours.add(tuple(part[0, 0, 0].tolist()))
        outside = after.clone()
        outside[:, rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = before[
            :, rows.min() : rows.max() + 1, columns.min() : columns.max() + 1
        ]
        assert torch.equal(outside, before)
    assert len(colours) > 30


def test_so_many_clips_stay_whole() -> None:
    x = clips(200)
    for probability, least, most in ((0.0, 0, 0), (0.3, 40, 80), (1.0, 200, 200)):
        y = RandomErasing(probability)(x, generator())
        count = sum(bool(erased(one, other).any()) for one, other in zip(x.rows(), y.rows()))
        assert least <= count <= most


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RandomErasing(2), "RandomErasing: expected 0 <= probability <= 1, got 2"),
        (lambda: RandomErasing(0.5, 0.4, 0.3), "RandomErasing: expected 0.005 <= low <= high"),
    ],
)
def test_arguments_are_checked(make, message) -> None:
    with pytest.raises(ValueError, match=message):
        make()
