"""Several looks at an item in testing, two items in one in training."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from rnnmm.batch import Padded
from rnnmm.features.chain import Chain
from rnnmm.features.frames import Pixels
from rnnmm.features.mixup import draw_mixing
from rnnmm.features.sample import Dense, Sample
from rnnmm.features.view import make_views
from rnnmm.models.classifier import Classifier
from rnnmm.models.encoder import CnnRnn
from rnnmm.nn.frame import PlainCnn
from rnnmm.nn.recurrent import Recurrent
from rnnmm.tasks.classification import Class, Classification
from rnnmm.tasks.labelling import Labelling, Labels
from rnnmm.tasks.optimisation import AdamW

REFERENCES = [("a",), ("b",), ("c",), ("a",)]


def vectors(*lengths: int) -> Padded:
    torch.manual_seed(1)
    return Padded.stack([torch.randn(n, 4) for n in lengths])


def make(target: Class, features: Chain | None = None, model: nn.Module | None = None):
    torch.manual_seed(0)
    answers = target.learn(REFERENCES, 4)
    model = model or Classifier(Recurrent(4, 8), 3)
    kind = "features" if features is None else "frames"
    return Classification("action", kind, target, features or Chain(), model, answers, AdamW())


def test_one_look_gives_the_scores_of_the_model_bit_for_bit() -> None:
    task, x = make(Class("label")).eval(), vectors(9, 4, 6)
    expected = task.model(x).log_softmax(dim=1)
    found = task.log_probabilities(x, lambda scores: scores.log_softmax(dim=1))
    assert torch.equal(found, expected)
    best = [prediction.score for prediction in task.predict(torch.arange(3), x)]
    assert best == expected.max(dim=1).values.tolist()


def test_probabilities_of_clips_are_averaged_and_every_item_is_answered_once() -> None:
    task, x = make(Class("label", num_clips=3, clip_steps=4)).eval(), vectors(10, 4, 2)
    expected = []
    for row in x.rows():
        room = max(0, len(row) - 4)
        starts = [0, (room + 1) // 2, room]
        each = [task.model(Padded.stack([row[start : start + 4]])) for start in starts]
        expected.append(torch.cat(each).softmax(dim=1).mean(dim=0))
    found = task.log_probabilities(x, lambda scores: scores.log_softmax(dim=1)).exp()
    torch.testing.assert_close(found, torch.stack(expected))
    predictions = task.predict(torch.tensor([7, 3, 5]), x)
    assert [prediction.row for prediction in predictions] == [7, 3, 5]
    score = task.score(predictions, [("a",), ("b",), ("c",)])
    assert sum(map(sum, score.counts["confusion"])) == 3


def test_crops_and_sampled_frames_go_together_and_do_not_depend_on_the_batch() -> None:
    target = Class("label", num_clips=2, clip_steps=6, num_crops=3)
    features = Chain([Sample(Dense(3, 2)), Pixels()])
    model = Classifier(CnnRnn(PlainCnn(3, (4, 8)), 8, 8), 3)
    task = make(target, features, model).eval()
    rows = [torch.randint(0, 256, (n, 24, 32, 3), dtype=torch.uint8) for n in (12, 5, 1)]
    together = task.predict(torch.arange(3), Padded.stack(rows))
    for row, expected in zip(rows, together):
        (alone,) = task.predict(torch.tensor([expected.row]), Padded.stack([row]))
        assert alone.ranking == expected.ranking
        assert alone.score == pytest.approx(expected.score, abs=1e-6)
    with torch.inference_mode():
        seen = (features(view.of(Padded.stack(rows[:1]))) for view in make_views(2, 6, 3))
        mean = torch.cat([task.model(one) for one in seen]).softmax(dim=1).mean(dim=0)
    assert together[0].score == pytest.approx(float(mean.max().log()), abs=1e-6)


def test_mixed_items_are_asked_for_both_their_classes() -> None:
    task, x = make(Class("label", mixup=0.7)), vectors(6, 6, 6, 6)
    batch = task.make_batch(torch.arange(4), x, REFERENCES, epoch=0)
    task.seed_step(2, 5)
    found = task.training_step(batch, 5)
    task.seed_step(2, 5)
    mixing = draw_mixing(4, 0.7, task._generator)
    share = mixing.share[:, None, None]
    scores = task.model(x.with_data(share * x.data + (1 - share) * x.data[mixing.partner]))
    own, other = (
        functional.cross_entropy(scores, labels, reduction="none")
        for labels in (batch.labels, batch.labels[mixing.partner])
    )
    expected = (mixing.share * own + (1 - mixing.share) * other).mean()
    torch.testing.assert_close(found, expected)
    task.seed_step(2, 6)
    assert task.training_step(batch, 6) != found


def test_without_mixing_a_step_is_the_loss() -> None:
    task, x = make(Class("label")), vectors(6, 2, 3, 6)
    batch = task.make_batch(torch.arange(4), x, REFERENCES, epoch=0)
    task.seed_step(0, 0)
    before = task._generator.get_state()
    assert torch.equal(task.training_step(batch, 0), task.loss(x, batch))
    assert torch.equal(task._generator.get_state(), before)


def test_any_number_of_labels_can_be_mixed() -> None:
    target = Labels(mixup=1.0)
    references = [("a|b",), ("",), ("b",)]
    answers = target.learn(references, 4)
    model = Classifier(Recurrent(4, 8), 2)
    task = Labelling("labels", "features", target, Chain(), model, answers, AdamW())
    batch = task.make_batch(torch.arange(3), vectors(5, 5, 5), references, epoch=0)
    task.seed_step(0, 1)
    loss = task.training_step(batch, 1)
    task.seed_step(0, 1)
    mixing = draw_mixing(3, 1.0, task._generator)
    scores = model(mixing.frames(batch.inputs))
    expected = functional.binary_cross_entropy_with_logits(scores, mixing.targets(batch.labels))
    torch.testing.assert_close(loss, expected)
