import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.features.pcm import float_pcm


def test_int16_is_scaled_and_its_padding_silent():
    x = Padded(torch.tensor([[-32768, 16384, 99]], dtype=torch.int16), torch.tensor([2]))
    assert float_pcm(x).data.tolist() == [[-1.0, 0.5, 0.0]]


def test_floats_are_taken_as_they_are():
    x = Padded(torch.tensor([[1.5, float("nan")]], dtype=torch.float64), torch.tensor([1]))
    y = float_pcm(x)
    assert y.data.dtype == torch.float32
    assert y.data.tolist() == [[1.5, 0.0]]


@pytest.mark.parametrize(
    "data", [torch.zeros(1, 4, 2), torch.zeros(1, 4, dtype=torch.int32)], ids=["axes", "type"]
)
def test_what_is_no_pcm_is_refused(data):
    with pytest.raises(ValueError, match=r"expected PCM \(B, N\) as int16 or float, got torch"):
        float_pcm(Padded(data, torch.tensor([4])))
