import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.bench.crdnn import Crdnn, Sizes
from rnnmm.tasks.task import count_parameters

SMALL = Sizes(num_mels=8, channels=(3, 5), num_layers=2, hidden_dim=4, num_linear=1, linear_dim=6)


def test_padding_changes_no_answer() -> None:
    torch.manual_seed(0)
    encoder = Crdnn(SMALL).eval()
    rows = [torch.randn(length, SMALL.num_mels) for length in (9, 30, 17)]
    with torch.inference_mode():
        batch = Padded.stack(rows)
        batch.data[0, 9:] = torch.nan
        together = encoder(batch)
        assert together.lengths.tolist() == [4, 15, 8]
        for row, wanted in zip(rows, together.rows()):
            alone = encoder(Padded.stack([row])).data[0]
            torch.testing.assert_close(wanted, alone, rtol=0, atol=1e-6)


def test_every_parameter_learns() -> None:
    encoder = Crdnn(SMALL)
    y = encoder(Padded.stack([torch.randn(12, SMALL.num_mels), torch.randn(7, SMALL.num_mels)]))
    y.data.square().sum().backward()
    assert all(parameter.grad is not None for parameter in encoder.parameters())


def test_frames_are_never_copied_to_another_layout() -> None:
    block = Crdnn(SMALL).blocks[0]
    y = block(Padded.stack([torch.randn(6, SMALL.num_mels, 1)] * 2))
    assert y.data.shape == (2, 6, 4, 3) and y.data.is_contiguous()


def test_it_is_as_large_as_speechbrains() -> None:
    pytest.importorskip("speechbrain.lobes.models.CRDNN")
    from rnnmm.bench.train_peer import make_crdnn
    from rnnmm.models.ctc import CtcModel

    for sizes in (SMALL, Sizes()):
        ours = CtcModel(Crdnn(sizes), sizes.num_outputs)
        assert count_parameters(ours) == count_parameters(make_crdnn(sizes))
