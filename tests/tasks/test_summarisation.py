import math

import numpy as np
import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.decode.segments import Found
from rnnmm.decode.shots import ShotRule
from rnnmm.features.augment import TimeStretch
from rnnmm.features.chain import Chain
from rnnmm.manifest import Segment
from rnnmm.models.encoder import Rnn
from rnnmm.models.summariser import ImportanceSummariser
from rnnmm.tasks.optimisation import AdamW
from rnnmm.tasks.summarisation import Summaries, Summarisation, Watched
from rnnmm.tasks.task import Prediction, Timeline
from rnnmm.text.segments import write_segments
from rnnmm.text.summaries import chosen, important, shot

TARGET = Summaries(1.0, share=0.3, shots=ShotRule(2.0, 5.0))
# Ten frames at one a second: Ann and Bob agree on the second stretch alone.
SAID = [
    chosen(0, 2, "ann"), chosen(4, 6, "ann"), chosen(4, 6, "bob"),
    *(shot(start, start + 2) for start in (0, 2, 4, 6, 8)),
]  # fmt: skip
LINE = write_segments(SAID)


def make(target: Summaries = TARGET, **more) -> Summarisation:
    torch.manual_seed(0)
    answers, model = target.learn([(LINE,)], 4), ImportanceSummariser(Rnn(4, 8, 8))
    return Summarisation("summarise", "features", target, Chain(), model, answers, AdamW(), **more)


def answered(importance: list[float], shots: list[tuple[int, int]]) -> Prediction:
    segments = tuple(Found(*run, "left out", 0.0) for run in shots)
    scores = np.array(importance, np.float32)[:, None]
    return Prediction(0, "", 0.0, timeline=Timeline(1.0, scores, segments))


def test_a_video_without_an_opinion_cannot_be_learned_from(memory_store) -> None:
    walking = Segment(0, 1, "walking")
    store = memory_store([{"segments": tuple(SAID)}, {"segments": (walking, shot(0, 1))}, {}])
    assert TARGET.references(store) == [(LINE,), (), ()]


def test_importance_is_what_part_of_the_people_chose_unless_it_is_told() -> None:
    watched = Watched.read(LINE, 10, TARGET)
    assert watched.users.sum(axis=1).tolist() == [4, 2]
    assert watched.importance.tolist() == [0.5, 0.5, 0, 0, 1, 1, 0, 0, 0, 0]
    told = write_segments([*SAID, important(6, 9, 0.25)])
    assert Watched.read(told, 10, TARGET).importance[6:].tolist() == [0.25, 0.25, 0.25, 0]


def test_a_finer_grid_is_averaged_over_the_frames_of_a_vector() -> None:
    fine = Summaries(1.0, grid_rate=4.0, share=0.3)
    watched = Watched.read(write_segments([chosen(0.5, 1.25, "ann"), shot(0, 2.5)]), 3, fine)
    assert len(watched.importance) == 10 and watched.importance.sum() == 3
    assert watched.by_step(3, fine.stride).tolist() == [0.5, 0.25, 0.0]
    assert Watched.read("", 3, fine).importance.tolist() == [0.0] * 12  # no shots tell the end


def test_key_frames_are_the_best_of_the_best_shots() -> None:
    told = write_segments([*SAID, important(5, 6, 0.9), important(4, 5, 0.8)])
    watched = Watched.read(told, 10, TARGET)
    assert watched.key_steps(TARGET, 10).nonzero()[0].tolist() == [5]
    alone = write_segments(one for one in SAID if one.label != "shot")
    keys = Watched.read(alone, 10, TARGET).key_steps(TARGET, 10)
    assert keys.nonzero()[0].tolist() == [4]  # of stretches of two seconds


def test_targets_stand_beside_their_frames() -> None:
    task = make()
    x = Padded.stack([torch.randn(10, 4), torch.randn(6, 4)])
    batch = task.make_batch(torch.arange(2), x, [(LINE,), (LINE,)], 0)
    assert batch.tags.lengths.tolist() == [10, 6]
    assert batch.tags.data[0, :, 0].tolist() == [0.5, 0.5, 0, 0, 1, 1, 0, 0, 0, 0]
    expected = task.model.loss(task.model(x), batch.tags)
    torch.testing.assert_close(task.loss(x, batch), expected)


def test_an_augmentation_that_changes_the_time_is_refused() -> None:
    task = make(feature_augment=[TimeStretch(1.5, 1.5)])
    batch = task.make_batch(torch.arange(1), Padded.stack([torch.randn(9, 4)]), [(LINE,)], 0)
    with pytest.raises(ValueError, match=r"summarise: expected \[9\] frames .*, got \[6\]; leave"):
        task.loss(task.augmented_frames(batch.inputs), batch)


def test_figures_by_hand_with_the_shots_that_people_saw() -> None:
    own = [(0, 5), (5, 10)]  # not used: the annotation has shots
    good = answered([0.1, 0.1, 0, 0, 0.9, 0.9, 0, 0, 0, 0], own)
    score = make().score([good], [(LINE,)])
    # Shown is 4 to 6 alone: 3 frames of room hold one shot. Ann 2 * 2 / 6, Bob 1.
    assert score.metrics["f1"] == pytest.approx((2 / 3 + 1) / 2)
    assert score.metrics["kendall_tau"] == pytest.approx(1.0)
    best = Summaries(1.0, share=0.3, over_users="max")
    assert make(best).score([good], [(LINE,)]).metrics["f1"] == 1.0
    assert score.counts["human"]["f1"] == pytest.approx(2 / 3)
    assert 0.1 < score.floors["f1"] < 0.5  # two of five shots have something in them
    assert score.floors["kendall_tau"] == score.floors["spearman_rho"] == 0.0
    assert score.tallies["f1"] == ([score.metrics["f1"]], [True])


def test_without_such_shots_its_own_count() -> None:
    alone = write_segments(one for one in SAID if one.label != "shot")
    importance = [0.1, 0.1, 0, 0, 0.9, 0.9, 0, 0, 0, 0]
    seen = answered(importance, [(0, 4), (4, 7), (7, 10)])
    assert make().score([seen], [(alone,)]).metrics["f1"] == pytest.approx((4 / 7 + 4 / 5) / 2)
    flat = answered([0.5] * 10, [(0, 10)])
    score = make().score([flat], [(alone,)])
    assert score.metrics["f1"] == 0.0  # nothing fits
    assert math.isnan(score.metrics["kendall_tau"])
    assert score.tallies["kendall_tau"] == ([0.0], [False])


def test_a_storyboard_is_whole_shots_within_the_share() -> None:
    task = make(Summaries(2.0, share=0.5)).eval()
    scenes = torch.eye(4).repeat_interleave(5, dim=0) + 0.01 * torch.randn(20, 4)
    (told,) = task.predict(torch.tensor([7]), Padded.stack([scenes]))
    detail = task.detail(told, ())
    assert told.row == 7 and len(detail["importance"]) == 20 and detail["frame_rate"] == 2.0
    edges = {(0.0, 2.5), (2.5, 5.0), (5.0, 7.5), (7.5, 10.0)}
    shown = [(one["start_s"], one["end_s"]) for one in detail["shots"]]
    assert len(shown) == 2 and set(shown) < edges
    assert told.hypothesis == write_segments(Segment(*run, "shown") for run in shown)
    worth = [one["importance"] for one in detail["shots"]]
    assert math.exp(told.score) == pytest.approx(sum(worth) / 2, abs=1e-3)
