from functools import partial

import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.decode.attention import AttentionSearch
from rnnmm.models.attention import AttentionRecogniser
from rnnmm.nn.recurrent import Recurrent
from rnnmm.nn.speller import Speller


def small(**options) -> AttentionRecogniser:
    torch.manual_seed(0)
    decoder = partial(Speller, hidden_dim=32, attention_dim=32, **options)
    return AttentionRecogniser(Recurrent(8, 32, bidirectional=True), 6, decoder)


@pytest.mark.slow
def test_it_learns_to_spell(learn) -> None:
    model = small(sampling=0.1)
    assert learn(model, 70) < 0.1
    model.search = AttentionSearch(4, 1.0, 0.1)
    assert learn(model, 0) < 0.1


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_loss_is_per_symbol_with_the_end(smoothing: float, spelled) -> None:
    model, (x, targets) = small(label_smoothing=smoothing), spelled
    total = 0.0
    for logits, symbols in zip(model(x, targets).data.detach(), targets.rows()):
        after = torch.tensor([*symbols.tolist(), 0])
        log_probs = logits[: len(after)].log_softmax(dim=1)
        picked = log_probs[torch.arange(len(after)), after]
        total -= float(((1 - smoothing) * picked + smoothing * log_probs.mean(dim=1)).sum())
    expected = total / int((targets.lengths + 1).sum())
    assert model.loss(x, targets).item() == pytest.approx(expected, rel=1e-5)
    views = Padded(x.data.repeat(2, 1, 1), x.lengths.repeat(2))
    assert model.loss(views, targets).item() == pytest.approx(expected, rel=1e-5)


def test_no_answer_is_longer_than_its_steps(spelled) -> None:
    x, _ = spelled
    model = small()
    model.search = AttentionSearch(3)
    for row, steps in zip(model.decode(x), x.lengths.tolist()):
        assert 1 <= len(row) <= 3
        assert all(len(one.tokens) <= steps and 0 not in one.tokens for one in row)
