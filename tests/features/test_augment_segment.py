import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.features.augment_segment import Segment


def test_a_stretch_of_each_in_its_own_order_and_type() -> None:
    lengths = [900, 350, 120, 1]
    x = Padded.stack([torch.arange(1, n + 1, dtype=torch.int16) for n in lengths])
    generator = torch.Generator().manual_seed(0)
    seen = set()
    for _ in range(60):
        y = Segment(100, 2.0, 4.0)(x, generator)
        assert y.data.dtype == torch.int16
        for row, before in zip(y.rows(), lengths):
            assert min(before, 200) <= len(row) <= min(before, 400)
            assert torch.equal(row, torch.arange(row[0], row[0] + len(row), dtype=torch.int16))
            assert row[-1] <= before
        seen.add((int(y.data[0, 0]), int(y.lengths[0])))
    assert len(seen) > 50, "place and length are drawn"


def test_the_same_seed_gives_the_same_stretches() -> None:
    x = Padded.stack([torch.randn(900), torch.randn(700)])
    one, two = (Segment(100)(x, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(one.data, two.data)


def test_a_range_the_wrong_way_round_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Segment: expected 0\.01 <= low <= high <= 3600, got 3"):
        Segment(100, 3.0, 2.0)
