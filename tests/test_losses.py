import itertools
import math

import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.losses import (
    bag_loss,
    class_loss,
    consistency_loss,
    coverage_loss,
    ctc_loss,
    ctc_steps,
    policy_loss,
    tag_loss,
    token_loss,
    uniformity_loss,
)


def collapse(path: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(s for i, s in enumerate(path) if s and (i == 0 or s != path[i - 1]))


def brute_force(log_probs: torch.Tensor, target: tuple[int, ...]) -> float:
    """The sum over every path that collapses to the target."""
    steps, symbols = log_probs.shape
    total = sum(
        math.exp(sum(float(log_probs[t, s]) for t, s in enumerate(path)))
        for path in itertools.product(range(symbols), repeat=steps)
        if collapse(path) == target
    )
    return -math.log(total)


def test_ctc_equals_the_sum_over_all_paths() -> None:
    torch.manual_seed(0)
    scores = Padded(torch.randn(2, 5, 3).log_softmax(-1), torch.tensor([5, 4]))
    targets = Padded(torch.tensor([[1, 2], [1, 1]]), torch.tensor([2, 2]))
    expected = brute_force(scores.data[0], (1, 2)) + brute_force(scores.data[1, :4], (1, 1))
    assert float(ctc_loss(scores, targets)) == pytest.approx(expected / 4, rel=1e-5)


def test_a_row_without_an_alignment_does_not_count() -> None:
    torch.manual_seed(0)
    scores = Padded(torch.randn(2, 5, 3).log_softmax(-1), torch.tensor([5, 3]))
    targets = Padded(torch.tensor([[1, 2, 0, 0], [1, 1, 1, 1]]), torch.tensor([2, 4]))
    alone = ctc_loss(
        Padded(scores.data[:1], scores.lengths[:1]), Padded(targets.data[:1], targets.lengths[:1])
    )
    assert float(ctc_loss(scores, targets)) == pytest.approx(float(alone))


def test_ctc_steps_is_the_shortest_input_with_a_finite_loss() -> None:
    targets = Padded(torch.tensor([[1, 1, 2, 2], [1, 2, 1, 0]]), torch.tensor([4, 3]))
    assert ctc_steps(targets).tolist() == [6, 3]
    for row, needed in zip(targets.rows(), (6, 3)):
        one = Padded(row[None], torch.tensor([len(row)]))
        for steps in (needed - 1, needed):
            scores = Padded(torch.zeros(1, steps, 3).log_softmax(-1), torch.tensor([steps]))
            # torch's infinity is turned into zero, so that the other rows still count.
            assert bool(ctc_loss(scores, one) > 0) == (steps == needed)


def test_smoothed_ctc_draws_every_valid_step_to_the_uniform_distribution() -> None:
    torch.manual_seed(0)
    data = torch.randn(2, 5, 3).log_softmax(-1)
    data[1, 4] = torch.nan  # padding
    scores = Padded(data, torch.tensor([5, 4]))
    targets = Padded(torch.tensor([[1, 2], [1, 1]]), torch.tensor([2, 2]))
    steps = [*data[0], *data[1, :4]]
    apart = sum(float(p) for step in steps for p in (math.log(1 / 3) - step) / 3) / len(steps)
    assert float(uniformity_loss(scores)) == pytest.approx(apart, rel=1e-5)
    plain = Padded(data.nan_to_num(0.0), scores.lengths)
    expected = brute_force(data[0], (1, 2)) + brute_force(data[1, :4], (1, 1))
    found = float(ctc_loss(plain, targets, label_smoothing=0.2))
    assert found == pytest.approx(0.8 * expected / 4 + 0.2 * apart, rel=1e-5)
    bare = ctc_loss(plain, targets)
    assert torch.equal(ctc_loss(plain, targets, label_smoothing=0.0), bare)


def test_a_uniform_answer_costs_no_smoothing_and_padding_has_no_gradient() -> None:
    scores = Padded(torch.zeros(2, 4, 5).log_softmax(-1), torch.tensor([4, 2]))
    assert float(uniformity_loss(scores)) == pytest.approx(0.0, abs=1e-6)
    sure = torch.randn(2, 4, 5, requires_grad=True)
    uniformity_loss(Padded(sure.log_softmax(-1), torch.tensor([4, 2]))).backward()
    # The slope of KL(uniform | softmax(x)) is softmax(x) - 1 / K.
    slope = (sure.detach().softmax(-1) - 1 / 5) / 6
    slope[1, 2:] = 0.0
    torch.testing.assert_close(sure.grad, slope)


def test_token_loss_is_the_mean_over_valid_tokens_alone() -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, 3, 5, requires_grad=True)
    targets = Padded(torch.randint(5, (2, 3)), torch.tensor([3, 1]))
    loss = token_loss(targets.with_data(logits), targets)
    picked = logits.log_softmax(-1).gather(2, targets.data[..., None]).squeeze(-1)
    expected = -(picked[0].sum() + picked[1, 0]) / 4
    torch.testing.assert_close(loss, expected)
    loss.backward()
    assert not logits.grad[1, 1:].any()


def test_label_smoothing_costs_certainty() -> None:
    sure = torch.tensor([[20.0, 0.0, 0.0]])
    assert float(class_loss(sure, torch.tensor([0]))) == pytest.approx(0, abs=1e-6)
    assert float(class_loss(sure, torch.tensor([0]), label_smoothing=0.1)) > 1


def test_bag_loss_asks_for_each_word_in_the_measure_it_occurs() -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, 4, requires_grad=True)
    tokens = torch.tensor([[0, 2, 2], [2, 3, 3], [1, 0, 0], [1, 1, 1]])
    targets = Padded(tokens, torch.tensor([3, 1, 1, 3]))  # two captions for each of two rows
    wanted = torch.tensor([[0.5, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 0.0]])
    chance = logits.sigmoid()
    expected = -(wanted * chance.log() + (1 - wanted) * (1 - chance).log()).sum() / 2
    torch.testing.assert_close(bag_loss(logits, targets), expected)


def test_consistency_is_the_mean_divergence_between_the_views() -> None:
    torch.manual_seed(0)
    data = torch.randn(4, 3, 5).log_softmax(dim=-1)
    data[1, 2:] = data[3, 2:] = torch.nan  # padding
    log_probs = Padded(data, torch.tensor([3, 2, 3, 2]))
    targets = Padded(torch.ones(4, 2, dtype=torch.int64), torch.tensor([2, 1, 2, 1]))
    total = 0.0
    for one, other, length in [(0, 2, 3), (2, 0, 3), (1, 3, 2), (3, 1, 2)]:
        p, q = data[one, :length].exp(), data[other, :length]
        total += float((p * (p.log() - q)).sum())
    found = consistency_loss(log_probs, targets, views=2)
    assert float(found) == pytest.approx(total / 6)


def test_consistency_draws_each_view_to_the_others_alone() -> None:
    data = torch.randn(2, 3, 5).requires_grad_()
    lengths = torch.tensor([3, 3])
    targets = Padded(torch.ones(2, 1, dtype=torch.int64), torch.tensor([1, 1]))
    consistency_loss(Padded(data.log_softmax(dim=-1), lengths), targets, views=2).backward()
    first, second = data.detach().softmax(dim=-1)
    # The slope of KL(still || softmax(x)) is softmax(x) - still.
    torch.testing.assert_close(data.grad, torch.stack([first - second, second - first]) / 2)


def test_a_policy_gradient_raises_what_was_better_and_minds_no_padding() -> None:
    torch.manual_seed(0)
    scores = torch.randn(2, 3, requires_grad=True)
    log_probs = Padded(scores, torch.tensor([3, 2]))
    advantages = torch.tensor([2.0, -1.0], dtype=torch.float64, requires_grad=True)
    loss = policy_loss(log_probs, advantages)
    loss.backward()
    expected = -(2 * scores[0].sum() - scores[1, :2].sum()) / 5
    assert float(loss.detach()) == pytest.approx(float(expected.detach()))
    assert scores.grad.tolist() == [pytest.approx([-0.4] * 3), pytest.approx([0.2, 0.2, 0.0])]
    assert advantages.grad is None


def test_a_caption_that_has_looked_everywhere_once_costs_nothing() -> None:
    mask = torch.tensor([[True, True], [True, False]])
    everywhere = torch.tensor([[[0.25, 0.75], [0.75, 0.25]], [[1.0, 0.0], [9.0, 0.0]]])
    weights = Padded(everywhere, torch.tensor([2, 1]))  # what stands in the padding is not seen
    assert float(coverage_loss(weights, mask)) == 0.0
    once = Padded(everywhere[:, :1], torch.tensor([1, 1]))
    assert float(coverage_loss(once, mask)) == pytest.approx((0.75**2 + 0.25**2) / 2)


def test_tag_loss_is_the_mean_over_valid_steps_and_labels() -> None:
    logits = Padded(torch.randn(2, 3, 2, requires_grad=True), torch.tensor([3, 1]))
    tags = Padded(torch.tensor([[[1.0, 0], [0, 0], [1, 1]], [[0, 1], [1, 1], [1, 1]]]),
                  torch.tensor([3, 1]))  # fmt: skip
    nats = [
        -math.log(1 / (1 + math.exp(-score if tag else score)))
        for row, truth in zip(logits.rows(), tags.rows())
        for score, tag in zip(row.flatten().tolist(), truth.flatten().tolist())
    ]
    loss = tag_loss(logits, tags)
    assert loss.item() == pytest.approx(sum(nats) / 8, rel=1e-5)
    loss.backward()
    assert not logits.data.grad[1, 1:].any()
