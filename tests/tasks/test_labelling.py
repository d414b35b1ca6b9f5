import numpy as np
import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.features.chain import Chain
from rnnmm.models.classifier import Classifier
from rnnmm.nn.recurrent import Recurrent
from rnnmm.tasks.labelling import Labelling, Labels
from rnnmm.tasks.optimisation import AdamW
from rnnmm.tasks.task import Prediction

TRAINING = [("eat|sit",), ("sit",), ("read|sit",), ("",)]


@pytest.fixture
def task() -> Labelling:
    target = Labels()
    answers = target.learn(TRAINING, 4)
    model = Classifier(Recurrent(4, 4), len(answers.vocabulary))
    return Labelling("labels", "features", target, Chain(), model, answers, AdamW()).eval()


def predicted(task: Labelling, *chances: list[float]) -> list[Prediction]:
    return [task._prediction(row, np.array(one, np.float32)) for row, one in enumerate(chances)]


def test_references_are_labels_in_order_each_once(memory_store) -> None:
    labels = ["sit| eat", "sit", "", None, "b||a|b"]
    store = memory_store([{"label": one} for one in labels])
    assert Labels().references(store) == [("eat|sit",), ("sit",), ("",), (), ("a|b",)]
    assert Labels(separator=",").references(memory_store([{"label": "b,a|c"}])) == [("a|c,b",)]


def test_the_constant_answer_is_that_of_the_best_f1(task) -> None:
    assert task.labels == ("eat", "read", "sit")
    # 4 items: sit alone 2 * 3 / (4 + 5), sit and eat 2 * 4 / (8 + 5), all 2 * 5 / (12 + 5).
    assert task.answers.constants == ("sit",)
    assert Labels().learn([("a|b",), ("a|b",)], 4).constants == ("a|b",)
    with pytest.raises(ValueError, match=r"labels: expected at least one .* several as A\|B"):
        Labels().learn([("",)], 4)


def test_targets_are_ones_where_an_item_carries_a_label(task) -> None:
    x = Padded.stack([torch.randn(3, 4)] * 4)
    batch = task.make_batch(torch.arange(4), x, TRAINING, epoch=0)
    assert batch.labels.tolist() == [[1, 0, 1], [0, 0, 1], [0, 1, 1], [0, 0, 0]]
    chances = task.model(x).sigmoid()
    expected = -(batch.labels * chances.log() + (1 - batch.labels) * (1 - chances).log()).mean()
    torch.testing.assert_close(task.loss(x, batch), expected)


def test_figures_by_hand(task) -> None:
    predictions = predicted(task, [0.9, 0.1, 0.8], [0.7, 0.2, 0.6], [0.2, 0.6, 0.1])
    assert [one.hypothesis for one in predictions] == ["eat|sit", "eat|sit", "read"]
    assert predictions[0].ranking == ("eat", "sit", "read")
    assert predictions[0].score == pytest.approx(np.log([0.9, 0.9, 0.8]).mean())
    score = task.score(predictions, [("eat|sit",), ("sit",), ("sit|sleep",)])
    # eat: found first. sit: first, second and third of three. sleep: cannot be answered.
    assert score.counts["average_precision"] == {
        "eat": 1.0, "read": pytest.approx(np.nan, nan_ok=True), "sit": 1.0,
        "sleep": pytest.approx(1 / 3),
    }  # fmt: skip
    assert score.counts["items_with"] == {"eat": 1, "read": 0, "sit": 3, "sleep": 1}
    assert score.metrics["map"] == pytest.approx((1 + 1 + 1 / 3) / 3)
    assert score.metrics["label_f1"] == pytest.approx(2 * 3 / (2 * 3 + 2 + 2))
    assert score.metrics["exact_match"] == pytest.approx(1 / 3)
    assert score.floors == {
        "map": pytest.approx((1 / 3 + 1 + 1 / 3) / 3),  # how often there is something to find
        "label_f1": pytest.approx(2 * 3 / (2 * 3 + 0 + 2)),
        "exact_match": pytest.approx(1 / 3),
    }
    assert score.redraws["map"].figure(np.ones(3, int)) == pytest.approx(score.metrics["map"])


def test_answers_come_with_the_probabilities_of_the_likeliest(task) -> None:
    (prediction,) = predicted(task, [0.25, 0.5, 0.125])
    assert prediction.hypothesis == "read"
    assert task.detail(prediction, ()) == {"labels": {"read": 0.5, "eat": 0.25, "sit": 0.125}}
    (nothing,) = predicted(task, [0.2, 0.1, 0.3])
    assert nothing.hypothesis == ""


def test_a_label_that_training_does_not_know_is_out_of_reach(task) -> None:
    assert task.fault(("eat|sit",), 5) is None
    assert task.fault(("",), 5) is None
    assert task.fault(("eat|fly|ski",), 5) == "labels unseen in training: fly, ski"
