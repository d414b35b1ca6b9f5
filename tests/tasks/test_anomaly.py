import math

import numpy as np
import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.features.augment import TimeStretch
from rnnmm.features.chain import Chain
from rnnmm.manifest import Segment
from rnnmm.models.predictor import Predictor
from rnnmm.tasks.anomaly import Anomalies, AnomalyDetection
from rnnmm.tasks.optimisation import AdamW
from rnnmm.tasks.task import Prediction, Timeline


def make(target: Anomalies | None = None, **more) -> AnomalyDetection:
    target = target or Anomalies(10.0, ["fall"])
    answers, model = target.learn([("",)], 3), Predictor(3, hidden_dim=8)
    return AnomalyDetection(
        "anomaly", "features", target, Chain(), model, answers, AdamW(), **more
    )


def answered(*errors: float) -> Prediction:
    scores = np.array([errors, 2 * np.ones(len(errors))], np.float32).T  # of mere change 2 each
    return Prediction(0, "", 0.0, timeline=Timeline(10.0, scores))


def test_references_are_the_anomalies(memory_store) -> None:
    fall, walk = Segment(1.0, 2.0, "fall"), Segment(0.0, 2.0, "walk")
    store = memory_store([{"segments": (walk, fall)}, {"segments": (walk,)}, {}])
    assert Anomalies(10.0, ["fall"]).references(store) == [("1-2 anomaly",), ("",), ("",)]


def test_frames_within_an_anomaly_and_the_first_are_not_learned_from() -> None:
    torch.manual_seed(0)
    task = make().eval()
    x = Padded.stack([torch.randn(6, 3), torch.randn(4, 3)])
    batch = task.make_batch(torch.arange(2), x, [("0.3-0.5 anomaly",), ("",)], 0)
    errors = task.model.errors(x).data[..., 0]
    told = [errors[0, 1], errors[0, 2], errors[0, 5], *errors[1, 1:4]]
    torch.testing.assert_close(task.loss(x, batch), torch.stack(told).mean())
    nothing = task.make_batch(torch.arange(1), Padded.stack([x.data[0]]), [("0-1 anomaly",)], 0)
    assert task.loss(nothing.inputs, nothing) == 0


def test_an_augmentation_that_changes_the_time_is_refused() -> None:
    task = make(feature_augment=[TimeStretch(1.5, 1.5)])
    batch = task.make_batch(torch.arange(1), Padded.stack([torch.randn(9, 3)]), [("",)], 0)
    with pytest.raises(ValueError, match=r"anomaly: expected \[9\] frames .*, got \[6\]; leave"):
        task.loss(task.augmented_frames(batch.inputs), batch)


def test_figures_by_hand() -> None:
    references = [("0.2-0.4 anomaly",), ("",)]
    score = make().score([answered(0, 1, 5, 3), answered(0, 4, 1)], references)
    assert score.metrics == {
        "prediction_error": 1.0,  # of 1, 4 and 1, where mere change makes 6
        "frame_auc": pytest.approx((3 + 2) / 6),  # 5 above all of them, 3 above two
        "clip_auc": 1.0,
    }
    assert score.floors == {"prediction_error": 1.0, "frame_auc": 0.5, "clip_auc": 0.5}
    assert score.counts["change"] == {"frame_auc": 0.5, "clip_auc": 0.5}
    assert score.counts["odd_frames"] == 2 and score.counts["odd_clips"] == 1
    assert score.tallies["prediction_error"] == ([1.0, 5.0], [2.0, 4.0])


def test_normal_clips_alone_have_an_error_and_no_area() -> None:
    score = make().score([answered(0, 1, 3)], [("",)])
    assert score.metrics["prediction_error"] == 1.0 and math.isnan(score.metrics["frame_auc"])
    odd = make().score([answered(0, 1, 3)], [("0-1 anomaly",)])
    assert math.isnan(odd.metrics["prediction_error"])


def test_the_threshold_lets_most_normal_training_frames_pass() -> None:
    task = make(Anomalies(10.0, ["fall"], quantile=0.5))
    train = [answered(0, 1, 2, 99), answered(0, 3)], [("0.3-0.4 anomaly",), ("",)]
    task.settle({"train": train}.__getitem__)
    assert float(task.model.threshold) == 2.0
    assert "threshold" in task.model.state_dict()


def test_segments_are_where_the_error_is_above_the_threshold() -> None:
    task = make().eval()
    task.model.threshold.fill_(0.5)
    x = torch.zeros(12, 3)
    x[6:] = 3.0
    (found,) = task.predict(torch.tensor([4]), Padded.stack([x]))
    assert found.row == 4 and found.hypothesis.startswith("0.6-0.7 anomaly")
    assert found.score > math.log(0.5)
    detail = task.detail(found, ())
    assert detail["frame_rate"] == 10.0 and len(detail["errors"]) == 12
    assert max(range(12), key=detail["errors"].__getitem__) == 6
    assert detail["segments"][0]["label"] == "anomaly"


def test_a_single_frame_is_a_fault() -> None:
    assert make().fault(("",), 2) is None
    assert make().fault(("",), 1) == "a single frame: nothing can be foretold"
