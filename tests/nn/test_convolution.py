import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.nn.convolution import TimeConvolution, TimeFrequencyConvolution, strided_lengths


def slow_time(x: torch.Tensor, layer: torch.nn.Conv1d, stride: int) -> torch.Tensor:
    """``(T, F)``: each output a sum over the window around its input step; zeros outside."""
    half = layer.kernel_size[0] // 2
    outputs = []
    for centre in range(0, len(x), stride):
        total = layer.bias.clone()
        for offset in range(-half, half + 1):
            if 0 <= centre + offset < len(x):
                total += layer.weight[:, :, offset + half] @ x[centre + offset]
        outputs.append(total)
    return torch.stack(outputs)


@pytest.mark.parametrize("length", range(1, 9))
def test_strided_lengths_count_the_windows(length: int) -> None:
    for stride in (1, 2, 3):
        expected = len(range(0, length, stride))
        assert strided_lengths(torch.tensor([length]), stride).tolist() == [expected]


@torch.no_grad()
def test_time_convolution_equals_a_slow_one() -> None:
    torch.manual_seed(0)
    module = TimeConvolution(3, (4, 5), (2, 1), kernel_size=3).eval()
    rows = [torch.randn(steps, 3) for steps in (7, 1, 4)]
    got = module(Padded.stack(rows))
    scale = (1 + module.norms[0].norm.eps) ** -0.5  # a fresh norm in evaluation
    for row, y in zip(rows, got.rows()):
        for layer, stride in zip(module.convolutions, module.strides):
            row = torch.relu(slow_time(row, layer, stride) * scale)
        torch.testing.assert_close(y, row, atol=1e-6, rtol=1e-5)
    assert got.lengths.tolist() == [4, 1, 2]


@torch.no_grad()
def test_time_frequency_convolution_keeps_channels_before_bins() -> None:
    torch.manual_seed(0)
    module = TimeFrequencyConvolution(6, (2,), (2,), (3,)).eval()
    x = torch.randn(5, 6)
    (got,) = module(Padded.stack([x])).rows()
    layer = module.convolutions[0]
    padded = torch.nn.functional.pad(x, (1, 1, 1, 1))
    for step in range(3):
        frame = torch.zeros(2, 2)
        for channel in range(2):
            for bin in range(2):
                window = padded[2 * step : 2 * step + 3, 3 * bin : 3 * bin + 3]
                frame[channel, bin] = (layer.weight[channel, 0] * window).sum()
                frame[channel, bin] += layer.bias[channel]
        expected = torch.relu(torch.nn.functional.layer_norm(frame, (2, 2))).flatten()
        torch.testing.assert_close(got[step], expected)
    assert got.shape == (3, module.output_dim) == (3, 4)


@pytest.mark.parametrize("module", [TimeConvolution, TimeFrequencyConvolution])
def test_channels_and_strides_come_in_equal_numbers(module) -> None:
    with pytest.raises(ValueError, match="one value of strides for each of the 1 channels, got 2"):
        module(8, channels=[4], strides=[2, 2])


@pytest.mark.parametrize("count", [1, 2, 3])
def test_any_number_of_layers_halves_the_frequencies_each(count: int) -> None:
    front = TimeFrequencyConvolution(40, channels=(4,) * count, strides=(1,) * count)
    y = front(Padded(torch.randn(2, 9, 40), torch.tensor([9, 5])))
    assert y.data.shape == (2, 9, front.output_dim) == (2, 9, 4 * 40 // 2**count)


def test_frequency_strides_come_in_equal_numbers() -> None:
    with pytest.raises(ValueError, match="one value of frequency_strides"):
        TimeFrequencyConvolution(8, [4], [2], [2, 2])
