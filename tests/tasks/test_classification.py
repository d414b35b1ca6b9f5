import pytest
import torch

from rnnmm.batch import LabelBatch, Padded
from rnnmm.features.chain import Chain
from rnnmm.models.classifier import Classifier
from rnnmm.nn.recurrent import Recurrent
from rnnmm.tasks.classification import Class, Classification
from rnnmm.tasks.optimisation import AdamW
from rnnmm.tasks.task import Prediction


@pytest.fixture
def task() -> Classification:
    target = Class("label")
    references = [(name,) for name in "bbbaaccdefg"]
    answers = target.learn(references, 4)
    model = Classifier(Recurrent(4, 4), len(answers.vocabulary))
    return Classification("action", "features", target, Chain(), model, answers, AdamW())


def predicted(*rankings: str) -> list[Prediction]:
    return [Prediction(row, r[0], -1.0, tuple(r)) for row, r in enumerate(rankings)]


def test_references_come_from_the_column(memory_store) -> None:
    store = memory_store([{"label": "run", "speaker": "ann"}, {"label": None, "speaker": "bob"}])
    assert Class("label").references(store) == [("run",), ()]
    assert Class("speaker").references(store) == [("ann",), ("bob",)]


def test_the_constant_answers_are_the_commonest_five_in_order(task) -> None:
    assert task.answers.vocabulary.symbols == tuple("abcdefg")
    assert task.answers.constants == ("b", "a", "c", "d", "e")


def test_figures_by_hand(task) -> None:
    references = [("a",), ("a",), ("a",), ("b",)]
    score = task.score(predicted("abcde", "bacde", "bcdef", "bacde"), references)
    assert score.metrics == {
        "accuracy": 0.5,
        "top1": 0.5,
        "top5": 0.75,
        "mean_class_accuracy": pytest.approx((1 / 3 + 1) / 2),
    }
    # Always "b", and "b a c d e" as the five best.
    assert score.floors == {"accuracy": 0.25, "top1": 0.25, "top5": 1.0,
                            "mean_class_accuracy": 0.5}  # fmt: skip
    assert score.counts["right"] == 2
    ones = [1, 1, 1, 1]
    assert score.tallies == {"accuracy": ([1, 0, 0, 1], ones), "top1": ([1, 0, 0, 1], ones),
                             "top5": ([1, 1, 0, 1], ones)}  # fmt: skip
    assert score.counts["classes"] == list("abcdefg")
    assert score.counts["confusion"][0][:3] == [1, 2, 0]
    assert score.counts["confusion"][1][:3] == [0, 1, 0]


def test_a_class_unseen_in_training_counts_as_wrong(task) -> None:
    score = task.score(predicted("abcde", "abcde"), [("a",), ("zed",)])
    assert score.metrics["top1"] == score.metrics["top5"] == 0.5
    assert score.counts["classes"][-1] == "zed"
    assert sum(map(sum, score.counts["confusion"])) == 2


def test_few_classes_have_a_short_ranking(memory_store) -> None:
    target = Class("label")
    answers = target.learn([("run",), ("hop",)], 4)
    task = Classification("action", "features", target, Chain(),
                          Classifier(Recurrent(4, 4), 2), answers, AdamW()).eval()  # fmt: skip
    (prediction,) = task.predict(torch.tensor([7]), Padded.stack([torch.randn(3, 4)]))
    assert prediction.row == 7
    assert sorted(prediction.ranking) == ["hop", "run"]
    assert prediction.hypothesis == prediction.ranking[0]
    assert -0.7 < prediction.score < 0
    assert task.detail(prediction, ()) == {"ranking": list(prediction.ranking)}


def test_clips_played_backwards_are_trained_on_under_their_other_class(memory_store) -> None:
    target = Class("label", backwards=[["run", "hop"]])
    answers = target.learn([("run",), ("hop",)], 1)
    model = Classifier(Recurrent(1, 2), 2)
    task = Classification("action", "features", target, Chain(), model, answers, AdamW())
    seen: list[tuple[list[float], int]] = []

    def look(frames: Padded, batch: LabelBatch) -> torch.Tensor:
        seen.extend(zip((row[:, 0].tolist() for row in frames.rows()), batch.labels.tolist()))
        return torch.zeros(())

    task.loss = look  # type: ignore[method-assign]
    clip = torch.tensor([[1.0], [2.0], [3.0]])
    run, hop = (answers.vocabulary.index(name) for name in ("run", "hop"))
    batch = LabelBatch(torch.arange(20), Padded.stack([clip] * 20), torch.full((20,), run))
    task.seed_step(0, 0)
    task.training_step(batch, 0)
    assert {(tuple(frames), label) for frames, label in seen} == {
        ((1.0, 2.0, 3.0), run),
        ((3.0, 2.0, 1.0), hop),
    }


def test_one_class_alone_is_nothing_to_learn() -> None:
    with pytest.raises(ValueError, match=r"label: expected two classes or more .* got run; noth"):
        Class("label").learn([("run",), ("run",)], 1)


def test_a_wrong_name_of_a_class_is_said_before_training() -> None:
    target = Class("label", backwards=[["run", "hopp"]])
    with pytest.raises(ValueError, match=r"expected pairs of classes .* got \['run', 'hopp'\]"):
        target.learn([("run",), ("hop",)], 1)
