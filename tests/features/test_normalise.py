import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.features.normalise import NormaliseUtterance


@pytest.mark.parametrize("variance", [True, False])
def test_it_is_the_textbook_formula_on_each_utterance(variance):
    torch.manual_seed(0)
    rows = [torch.randn(n, 5) * 12 - 60 for n in (40, 7, 300)]
    found = NormaliseUtterance(variance)(Padded.stack(rows)).rows()
    for row, one in zip(rows, found, strict=True):
        exact = row.double() - row.double().mean(0)
        if variance:
            exact = exact / exact.square().mean(0).sqrt()
        torch.testing.assert_close(one.double(), exact, rtol=1e-5, atol=2e-6 if variance else 1e-5)


def test_what_does_not_vary_becomes_zero():
    constant = torch.full((9, 3), -99.9)
    assert not NormaliseUtterance()(Padded.stack([constant, torch.randn(1, 3)])).data.any()


def test_any_axes_may_follow_time():
    pictures = torch.randn(6, 2, 4, 3)
    found = NormaliseUtterance()(Padded.stack([pictures])).data[0]
    expected = (pictures - pictures.mean(0)) / pictures.std(0, correction=0)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
