import math

import numpy as np
import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.decode.segments import Found, SegmentRule
from rnnmm.features.augment import TimeStretch
from rnnmm.features.chain import Chain
from rnnmm.features.mel import LogMel
from rnnmm.manifest import Segment
from rnnmm.models.encoder import Crnn
from rnnmm.models.tagger import Tagger
from rnnmm.tasks.optimisation import AdamW
from rnnmm.tasks.tagging import Segments, Tagging
from rnnmm.tasks.task import Prediction, Timeline

REFERENCES = [("0-1 sit; 0.5-2 read",), ("0-3 sit",)]


def make(target: Segments, references=REFERENCES, inputs="features", features=None, **more):
    features = features or Chain()
    answers = target.learn(references, 4)
    encoder = Crnn(features.output_dim(4), channels=(4, 4), hidden_dim=8)
    model = Tagger(encoder, len(answers.vocabulary), rule=SegmentRule(min_duration_s=0.2))
    return Tagging("tagging", inputs, target, features, model, answers, AdamW(), **more)


def answered(num_frames: int, *segments: Found, baseline=None) -> Prediction:
    scores = np.zeros((num_frames, 2), np.float32)
    return Prediction(0, "", 0.0, timeline=Timeline(10.0, scores, segments, baseline))


def test_references_are_written_in_one_line(memory_store) -> None:
    bin_blue = (Segment(1.0, 1.2, "bin"), Segment(1.2, 1.5, "blue"), Segment(2.0, 3.0, "now"))
    store = memory_store([{"segments": bin_blue}, {"segments": ()}, {}])
    assert Segments(10.0).references(store) == [("1-1.2 bin; 1.2-1.5 blue; 2-3 now",), ("",), ()]
    assert Segments(10.0, any_as="speech").references(store) == [
        ("1-1.5 speech; 2-3 speech",), ("",), (),
    ]  # fmt: skip
    assert Segments(10.0, ["now", "bin"]).references(store)[0] == ("1-1.2 bin; 2-3 now",)
    assert Segments(10.0, ["bin"], "it").references(store)[0] == ("1-1.2 it",)


def test_the_labels_are_those_that_occur() -> None:
    answers = Segments(10.0).learn(REFERENCES, 4)
    assert answers.vocabulary.symbols == ("read", "sit") and answers.constants == ("",)
    with pytest.raises(ValueError, match="expected at least one in the training split, got none"):
        Segments(10.0).learn([("",), ()], 4)


def test_targets_are_on_the_grid_of_the_features() -> None:
    task = make(Segments(2.0))
    inputs = Padded.stack([torch.randn(4, 4), torch.randn(6, 4)])
    tags = task.make_batch(torch.arange(2), inputs, REFERENCES, 0).tags
    assert tags.lengths.tolist() == [4, 6]
    assert tags.rows()[0].T.tolist() == [[0, 1, 1, 1], [1, 1, 0, 0]]  # read, sit
    assert tags.rows()[1].T.tolist() == [[0] * 6, [1] * 6]
    sound = make(Segments(8000.0), inputs="audio", features=Chain([LogMel(8000, 20)]))
    pcm = Padded.stack([torch.zeros(16000, dtype=torch.int16)])
    tags = sound.make_batch(torch.arange(1), pcm, REFERENCES[:1], 0).tags
    assert sound.frame_rate == 100 and tags.lengths.tolist() == [201]
    assert tags.data[0].sum(dim=0).tolist() == [150, 100]


def test_an_augmentation_that_changes_the_time_is_refused() -> None:
    task = make(Segments(2.0), feature_augment=[TimeStretch(1.5, 1.5)])
    batch = task.make_batch(
        torch.arange(2), Padded.stack([torch.randn(4, 4), torch.randn(6, 4)]), REFERENCES, 0
    )
    with pytest.raises(ValueError, match=r"labels for, \[4, 6\], got .*such as TimeStretch"):
        task.loss(task.augmented_frames(batch.inputs), batch)


def test_a_label_unseen_in_training_is_a_fault_and_counts_as_missed() -> None:
    task = make(Segments(10.0))
    assert task.fault(("0-1 sit",), 10) is None
    assert task.fault(("0-1 sit; 1-2 fly; 2-3 eat",), 30) == (
        "labels unseen in training: eat, fly"
    )
    score = task.score([answered(10, Found(0.0, 1.0, "sit", 0.9))], [("0-1 sit; 0-1 fly",)])
    assert score.metrics["frame_recall"] == 0.5 and score.metrics["map_iou_50"] == 0.5
    assert score.counts["labels"] == ["fly", "read", "sit"]


def test_figures_and_floors_by_hand() -> None:
    task = make(Segments(10.0))
    predictions = [
        answered(20, Found(0.0, 0.8, "sit", 0.9), Found(1.5, 2.0, "sit", 0.8)),
        answered(10),
    ]
    references = [("0-1 sit",), ("0.5-9 read",)]  # of which 0.5 s are there
    score = task.score(predictions, references)
    assert score.counts["frames"] == {"hits": 8, "false": 5, "missed": 7}
    assert score.metrics == {
        "frame_f1": 16 / 28, "frame_precision": 8 / 13, "frame_recall": 8 / 15,
        "map_iou_30": 0.5, "map_iou_50": 0.5, "map_iou_70": 0.5,
    }  # fmt: skip
    # Always "sit": 10 of 30 frames are right, and 10 of 15 are found.
    assert score.floors == {
        "frame_f1": 20 / 45, "frame_precision": 1 / 3, "frame_recall": 2 / 3,
        "map_iou_30": 0.25, "map_iou_50": 0.25, "map_iou_70": 0.0,
    }  # fmt: skip
    assert score.counts["segments"] == 2 and score.counts["segments_found"] == 2
    assert score.tallies["frame_recall"] == ([8, 0], [10, 5])


def test_a_single_label_has_a_detection_error_rate_and_the_floor_of_silence() -> None:
    task = make(Segments(10.0), [("0-1 speech",)])
    found = Found(0.5, 2.0, "speech", 0.9)
    baseline = (Segment(0.0, 1.0, "speech"),)
    score = task.score([answered(40, found, baseline=baseline)], [("0-1 speech",)])
    rates = ("detection_error_rate", "miss_rate", "false_alarm_rate")
    assert [score.metrics[name] for name in rates] == [1.5, 0.5, 1.0]
    assert [score.floors[name] for name in rates] == [1.0, 1.0, 0.0]
    assert score.floors["frame_recall"] == 1.0
    assert score.counts["energy"]["detection_error_rate"] == 0.0
    often = task.score([answered(11, found)], [("0-1 speech",)])
    assert often.floors["detection_error_rate"] == pytest.approx(0.1)
    assert "energy" not in often.counts


def test_nothing_anywhere_has_no_figure() -> None:
    score = make(Segments(10.0)).score([answered(10)], [("",)])
    assert math.isnan(score.metrics["frame_f1"]) and math.isnan(score.metrics["map_iou_50"])


def test_an_answer_ends_where_its_item_does_and_says_how_sure_it_is() -> None:
    features = Chain([LogMel(8000, 20)])
    task = make(Segments(8000.0), [("0-1 speech",)], "audio", features).eval()
    torch.nn.init.zeros_(task.model.head.weight)
    torch.nn.init.constant_(task.model.head.bias, 2.0)
    pcm = Padded.stack([torch.randint(-9000, 9000, (n,), dtype=torch.int16) for n in (8040, 400)])
    long, short = task.predict(torch.tensor([5, 6]), pcm)
    assert (long.row, long.hypothesis) == (5, "0-1.005 speech")
    assert long.score == pytest.approx(math.log(1 / (1 + math.exp(-2))))
    assert short.hypothesis == "", "shorter than the rule asks for"
    assert long.timeline.scores.shape == (101, 1) and long.timeline.baseline[0].label == "speech"
    assert task.detail(long, ()) == {
        "segments": [{"start_s": 0.0, "end_s": 1.005, "label": "speech", "score": 0.880797}]
    }  # fmt: skip


def test_energy_is_no_baseline_for_several_labels_or_for_pictures() -> None:
    task = make(Segments(10.0)).eval()
    (prediction,) = task.predict(torch.tensor([0]), Padded.stack([torch.randn(9, 4)]))
    assert prediction.timeline.baseline is None
