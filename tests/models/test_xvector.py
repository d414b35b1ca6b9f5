import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.models.xvector import Tdnn
from rnnmm.tasks.task import count_parameters


def test_the_paper_s_size_and_context() -> None:
    encoder = Tdnn(24).eval()
    # Table 1 of the paper: frame1..frame5, its layer 1 of 5 x 24 inputs.
    weights = [5 * 24 * 512, 3 * 512 * 512, 3 * 512 * 512, 512 * 512, 512 * 1500]
    biases_and_norms = 3 * (4 * 512 + 1500)
    assert count_parameters(encoder) == sum(weights) + biases_and_norms
    x = torch.randn(1, 41, 24, requires_grad=True)
    encoder(Padded(x, torch.tensor([41]))).data[0, 20].sum().backward()
    seen = x.grad[0].abs().sum(1).nonzero().flatten().tolist()
    assert (seen[0], seen[-1]) == (20 - 7, 20 + 7), "15 frames"


def test_lists_of_unequal_length_are_refused() -> None:
    message = "as many kernel_sizes and dilations as channels, got 3, 2 and 2"
    with pytest.raises(ValueError, match=message):
        Tdnn(4, channels=(8, 8), kernel_sizes=(5, 3, 3), dilations=(1, 2))
