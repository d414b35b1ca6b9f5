import numpy as np
import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.decode.segments import SegmentRule
from rnnmm.losses import tag_loss
from rnnmm.models.cells import CnnCells
from rnnmm.models.encoder import CnnRnn, Crnn
from rnnmm.models.tagger import Tagger, probabilities
from rnnmm.nn.frame import PlainCnn, PooledCnn
from rnnmm.nn.recurrent import Recurrent


@pytest.mark.parametrize("strides", [(1, 1), (2, 1), (2, 2), (3, 2)])
def test_there_is_a_score_for_every_frame_whatever_the_stride(strides: tuple[int, int]) -> None:
    encoder = Crnn(12, channels=(4, 4), strides=strides, hidden_dim=8)
    model = Tagger(encoder, 3).eval()
    assert model.stride == strides[0] * strides[1]
    for steps in range(1, 15):
        scores = model(Padded.stack([torch.randn(steps, 12)]))
        assert scores.data.shape == (1, steps, 3) and scores.lengths.tolist() == [steps]


def test_frames_of_one_step_are_scored_apart() -> None:
    model = Tagger(Crnn(12, channels=(4, 4), hidden_dim=8), 1).eval()
    scores = model(Padded.stack([torch.randn(8, 12)])).data[0, :, 0]
    assert len(set(scores.tolist())) == 8


def test_from_left_to_right_a_frame_looks_no_further_than_its_step() -> None:
    torch.manual_seed(0)
    model = Tagger(Crnn(12, channels=(4, 4), hidden_dim=8, bidirectional=False), 2).eval()
    x = torch.randn(1, 40, 12)
    usual = model(Padded(x, torch.tensor([40]))).data
    for step in range(1, 10):
        other = x.clone()
        other[:, 4 * step :] = torch.randn(1, 40 - 4 * step, 12)
        changed = model(Padded(other, torch.tensor([40]))).data
        torch.testing.assert_close(changed[:, : 4 * step], usual[:, : 4 * step])
        assert not torch.allclose(changed[:, 4 * step :], usual[:, 4 * step :])


def test_pictures_are_looked_at_one_by_one() -> None:
    torch.manual_seed(0)
    model = Tagger(CnnRnn(PlainCnn(3, (4, 8)), 8, 8), 2).eval()
    x = torch.randn(1, 6, 3, 32, 32)
    usual = model(Padded(x, torch.tensor([6]))).data
    part = model(Padded(x[:, :4], torch.tensor([4]))).data
    torch.testing.assert_close(part, usual[:, :4])


def test_it_learns_when_a_band_is_loud() -> None:
    torch.manual_seed(0)
    model = Tagger(Crnn(6, channels=(4, 4), hidden_dim=16, bidirectional=False), 2)
    optimiser = torch.optim.Adam(model.parameters(), 2e-2)
    for step in range(81):
        x = torch.randn(8, 30, 6)
        tags = torch.zeros(8, 30, 2)
        for row in range(8):
            first, second = torch.randint(3, 15, (2,)).tolist()
            tags[row, first : first + 11, 0] = tags[row, second : second + 6, 1] = 1
        x[..., :2] += 3 * tags
        lengths = torch.full((8,), 30)
        if step == 80:
            break
        optimiser.zero_grad()
        tag_loss(model(Padded(x, lengths)), Padded(tags, lengths)).backward()
        optimiser.step()
    found = np.stack(probabilities(model.eval()(Padded(x, lengths)))) >= 0.5
    assert (found == tags.numpy().astype(bool)).mean() > 0.85


def test_probabilities_are_of_valid_frames() -> None:
    scores = Padded.stack([torch.zeros(3, 2), torch.full((1, 2), 100.0)])
    rows = probabilities(scores)
    assert rows[0].tolist() == [[0.5, 0.5]] * 3 and rows[1].tolist() == [[1.0, 1.0]]
    assert rows[0].dtype == np.float32


def test_the_rule_is_the_plain_one_unless_given() -> None:
    encoder = Crnn(12, channels=(4, 4), hidden_dim=8)
    assert Tagger(encoder, 1).rule == SegmentRule()
    assert Tagger(encoder, 1, rule=SegmentRule(median_s=1)).rule.median_s == 1


def test_an_encoder_on_no_known_grid_is_refused() -> None:
    for encoder in (Recurrent(4, 4), CnnCells(PooledCnn(3, (4, 8)), 8, 2)):
        if not hasattr(encoder, "output_lengths"):
            with pytest.raises(ValueError, match=r"tells its output_lengths, such as .*, got "):
                Tagger(encoder, 2)
    assert Tagger(Crnn(12, channels=(4, 4), strides=(9, 8), hidden_dim=8), 2).stride == 72
