import math

import pytest
import torch
from torch.nn import functional

from rnnmm.nn.margin import MarginHead, SoftmaxHead, angular_margin_loss


def test_without_a_margin_it_is_the_cross_entropy_of_scaled_cosines() -> None:
    torch.manual_seed(0)
    cosines, labels = torch.rand(5, 4) * 2 - 1, torch.tensor([0, 3, 1, 1, 2])
    expected = functional.cross_entropy(7 * cosines, labels)
    torch.testing.assert_close(angular_margin_loss(cosines, labels, 0.0, 7.0), expected)


def test_the_margin_is_added_to_the_angle_of_the_right_class_alone() -> None:
    angles = torch.tensor([[0.3, 1.2], [2.0, 0.7]], dtype=torch.float64)
    labels = torch.tensor([0, 1])
    grown = angles + torch.tensor([[0.2, 0.0], [0.0, 0.2]])
    expected = functional.cross_entropy(10 * grown.cos().float(), labels)
    loss = angular_margin_loss(angles.cos(), labels, 0.2, 10.0)
    torch.testing.assert_close(loss, expected, atol=1e-5, rtol=1e-5)


def test_a_worse_angle_always_costs_more() -> None:
    angles = torch.linspace(0, math.pi, 400, dtype=torch.float64)
    label = torch.tensor([0])
    losses = [
        float(angular_margin_loss(torch.tensor([[float(a.cos()), 0.0]]), label, 0.5, 5.0))
        for a in angles
    ]
    assert losses == sorted(losses)


@pytest.mark.parametrize("cosine", [1.0, -1.0])
def test_the_gradient_is_finite_at_both_ends(cosine: float) -> None:
    cosines = torch.tensor([[cosine, 0.1]], requires_grad=True)
    angular_margin_loss(cosines, torch.tensor([0]), 0.2, 30.0).backward()
    assert cosines.grad.isfinite().all()
    assert cosines.grad[0, 0] < 0 or cosine == 1.0


def test_the_margin_grows_with_the_training() -> None:
    head = MarginHead(4, 3, margin=0.4, ramp_start=0.2, ramp_end=0.6)
    margins = [head.margin_at(progress) for progress in (0, 0.2, 0.3, 0.4, 0.6, 1)]
    assert margins == pytest.approx([0, 0, 0.1, 0.2, 0.4, 0.4])
    at_once = MarginHead(4, 3, margin=0.4, ramp_start=0.0, ramp_end=0.0)
    assert at_once.margin_at(0.0) == 0.4
    sudden = MarginHead(4, 3, margin=0.4, ramp_start=0.5, ramp_end=0.5)
    assert [sudden.margin_at(progress) for progress in (0.2, 0.5)] == [0.0, 0.4]


def test_a_late_step_costs_more_than_an_early_one() -> None:
    torch.manual_seed(0)
    head = MarginHead(8, 5)
    embeddings, labels = torch.randn(6, 8), torch.randint(5, (6,))
    early, late = (head.loss(embeddings, labels, at).item() for at in (0.0, 1.0))
    assert early == pytest.approx(functional.cross_entropy(head(embeddings), labels).item())
    assert late > early + 1


def test_the_nearest_of_several_centres_counts() -> None:
    torch.manual_seed(0)
    head = MarginHead(8, 5, sub_centres=3, scale=1.0)
    embeddings = torch.randn(4, 8)
    by_hand = torch.stack([
        torch.stack([functional.cosine_similarity(e, c, dim=0) for c in head.centres[k]]).amax()
        for e in embeddings for k in range(5)
    ]).reshape(4, 5)  # fmt: skip
    torch.testing.assert_close(head(embeddings), by_hand)


def test_a_ramp_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ValueError, match=r"ramp_start <= ramp_end, got 0\.5 and 0\.4"):
        MarginHead(4, 3, ramp_start=0.5, ramp_end=0.4)


def test_softmax_costs_the_same_at_any_time() -> None:
    torch.manual_seed(0)
    head = SoftmaxHead(8, 5)
    embeddings, labels = torch.randn(6, 8), torch.randint(5, (6,))
    expected = functional.cross_entropy(
        embeddings @ head.linear.weight.T + head.linear.bias, labels
    )
    for progress in (0.0, 1.0):
        torch.testing.assert_close(head.loss(embeddings, labels, progress), expected)
