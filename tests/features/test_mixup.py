import pytest
import torch

from rnnmm.batch import AudioVisual, Padded
from rnnmm.features.mixup import Mixing, draw_mixing, one_hot


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_items_of_one_length_are_weighted_sums() -> None:
    torch.manual_seed(0)
    x = Padded.stack([torch.randn(4, 3) for _ in range(3)])
    mixing = Mixing(torch.tensor([2, 0, 1]), torch.tensor([0.25, 1.0, 0.5]))
    found = mixing.frames(x).data
    expected = [
        0.25 * x.data[0] + 0.75 * x.data[2],
        x.data[1],
        0.5 * x.data[2] + 0.5 * x.data[1],
    ]
    torch.testing.assert_close(found, torch.stack(expected))
    labels = torch.tensor([1, 0, 3])
    assert mixing.targets(one_hot(labels, 4)).tolist() == [
        [0, 0.25, 0, 0.75], [1, 0, 0, 0], [0.5, 0, 0, 0.5]
    ]  # fmt: skip


def test_a_partner_of_another_length_is_seen_from_start_to_end() -> None:
    rows = [torch.arange(6.0)[:, None], torch.arange(3.0)[:, None]]
    x = Padded.stack(rows)
    x.data[1, 3:] = torch.nan
    mixed = Mixing(torch.tensor([1, 0]), torch.zeros(2)).frames(x)
    assert mixed.rows()[0].flatten().tolist() == [0, 0, 1, 1, 2, 2]
    assert mixed.rows()[1].flatten().tolist() == [1, 3, 5]
    assert not mixed.data[1, 3:].any()


def test_the_draw_is_a_function_of_its_generator_and_has_the_moments_of_beta() -> None:
    one, same, other = (draw_mixing(64, 0.4, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(one.partner, same.partner) and torch.equal(one.share, same.share)
    assert not torch.equal(one.share, other.share)
    assert sorted(one.partner.tolist()) == list(range(64))
    shares = draw_mixing(20_000, 0.4, generator()).share
    assert shares.mean() == pytest.approx(0.5, abs=0.01)
    assert shares.var() == pytest.approx(1 / (4 * (2 * 0.4 + 1)), abs=0.003)
    chance = generator(1)
    again = [draw_mixing(8, 0.4, chance).share.tolist() for _ in range(2)]
    assert again[0] != again[1]


def test_sound_beside_pictures_is_refused() -> None:
    x = Padded.stack([torch.randn(4)])
    both = AudioVisual(x.data, x.lengths, x)
    with pytest.raises(ValueError, match="mixup: expected sound or pictures alone, got both"):
        draw_mixing(1, 1.0, generator()).frames(both)
