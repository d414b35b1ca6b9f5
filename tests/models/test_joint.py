import itertools
from functools import partial

import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.decode.attention import AttentionSearch
from rnnmm.decode.ngram import TokenFusion
from rnnmm.losses import ctc_loss
from rnnmm.models.joint import JointCtcAttention
from rnnmm.nn.recurrent import Recurrent
from rnnmm.nn.speller import Speller
from rnnmm.text.vocabulary import Vocabulary


def small(weight: float = 0.3) -> JointCtcAttention:
    torch.manual_seed(0)
    encoder = Recurrent(8, 32, bidirectional=True)
    decoder = partial(Speller, hidden_dim=32, attention_dim=32)
    return JointCtcAttention(encoder, 6, decoder, weight)


@pytest.mark.slow
def test_it_learns_to_spell(learn) -> None:
    model = small()
    assert learn(model, 50) < 0.1
    model.search = AttentionSearch(4)
    assert learn(model, 0) < 0.1


def test_the_loss_is_the_weighted_mean_of_both(spelled) -> None:
    x, targets = spelled
    ctc, spelling, both = (small(weight).loss(x, targets).item() for weight in (1.0, 0.0, 0.25))
    assert both == pytest.approx(0.25 * ctc + 0.75 * spelling, rel=1e-5)
    model = small()
    assert ctc == pytest.approx(ctc_loss(model(x, targets)[0], targets).item())
    assert spelling == pytest.approx(model.decoder.loss(model.encoder(x), targets).item())


def ctc_score(log_probs: torch.Tensor, symbols: tuple[int, ...]) -> float:
    scores = Padded(log_probs[None], torch.tensor([len(log_probs)]))
    targets = Padded(torch.tensor([symbols]).reshape(1, -1), torch.tensor([len(symbols)]))
    if not symbols:
        return float(log_probs[:, 0].sum())
    return -float(ctc_loss(scores, targets)) * len(symbols)


@torch.no_grad()
@pytest.mark.parametrize("weight", [0.0, 0.4, 1.0])
def test_a_search_of_full_width_finds_the_best_weighted_mean(weight: float) -> None:
    torch.manual_seed(2)
    search = AttentionSearch(100)
    model = JointCtcAttention(Recurrent(4, 8), 3, ctc_search_weight=weight, search=search).eval()
    x = Padded.stack([torch.randn(3, 4), torch.randn(1, 4)])
    for row, found in zip(x.rows(), model.decode(x)):
        alone, expected = Padded.stack([row]), {}
        for count in range(len(row) + 1):
            for symbols in itertools.product((1, 2), repeat=count):
                targets = Padded(torch.tensor([symbols]).reshape(1, -1).long(),
                                 torch.tensor([count]))  # fmt: skip
                (log_probs,), (logits,) = (heads.rows() for heads in model(alone, targets))
                after = torch.tensor([*symbols, 0])
                spelling = logits.log_softmax(dim=1)[torch.arange(count + 1), after].sum()
                repeats = sum(one == two for one, two in itertools.pairwise(symbols))
                ctc = ctc_score(log_probs, symbols) if count + repeats <= len(row) else -torch.inf
                heard = weight * ctc if weight else 0.0
                expected[symbols] = (1 - weight) * float(spelling) + heard
        possible = [symbols for symbols, score in expected.items() if score > -torch.inf]
        ranked = sorted(possible, key=lambda symbols: -expected[symbols])
        assert [one.tokens for one in found] == ranked
        for one in found:
            assert one.score == pytest.approx(expected[one.tokens], abs=1e-4)


@torch.no_grad()
def test_who_has_a_say_changes_the_order_and_no_score() -> None:
    torch.manual_seed(2)
    vocabulary = Vocabulary.fit(["ab"], "char", ("<blank>",))
    scorers = TokenFusion(order=2, weight=3.0).learn(["ab", "abab"], vocabulary)
    model = JointCtcAttention(Recurrent(4, 8), 3, search=AttentionSearch(100)).eval()
    x = Padded.stack([torch.randn(4, 4)])
    (plain,) = model.decode(x)
    model.search = AttentionSearch(100, scorers=scorers)
    (heard,) = model.decode(x)
    own = {one.tokens: one.score for one in plain}
    assert {one.tokens: one.score for one in heard} == pytest.approx(own)
    assert [one.tokens for one in heard] != [one.tokens for one in plain]
    assert heard[0].tokens in (tuple(vocabulary.encode("ab")), tuple(vocabulary.encode("abab")))


def test_frames_must_suffice_only_where_ctc_is_learned() -> None:
    targets = Padded.stack([torch.tensor([1, 1, 2])])
    for weight, fault in ((0.3, "too short for its transcript: 3 steps, CTC needs 4"), (0, None)):
        encoder = Recurrent(8, 4)
        encoder.output_lengths = lambda lengths: lengths
        model = JointCtcAttention(encoder, 6, ctc_weight=weight)
        assert model.fault(3, targets) == fault
        assert model.fault(4, targets) is None
