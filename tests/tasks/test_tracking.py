import math

import numpy as np
import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.features.box import move_boxes, moves_between
from rnnmm.features.chain import Chain
from rnnmm.manifest import Segment
from rnnmm.models.tracker import Tracker
from rnnmm.nn.frame import PlainCnn
from rnnmm.tasks.optimisation import AdamW
from rnnmm.tasks.task import Prediction, Timeline
from rnnmm.tasks.tracking import Boxes, Shown, Track, Tracking
from rnnmm.text.boxes import Box, Sighting, write_sighting
from rnnmm.text.segments import write_segments

RATE = 10.0


def line(*boxes: tuple[float, ...] | None, rate: float = RATE) -> str:
    """A box a frame in a picture of 100 x 50; None: nobody said."""
    return write_segments(
        write_sighting(Sighting(t / rate, (t + 1) / rate, Box(*box), 100, 50))
        for t, box in enumerate(boxes)
        if box is not None
    )


LINE = line((10, 10, 20, 10), (12, 10, 20, 10), None, (16, 12, 20, 10))


def make(**target) -> Tracking:
    torch.manual_seed(0)
    boxes = Boxes(RATE, **target)
    model = Tracker(PlainCnn(3, (4, 8)), 16, grid=4, frame_dim=16, hidden_dim=16)
    answers = boxes.learn([(LINE,)], 3)
    return Tracking("track", "frames", boxes, Chain(), model, answers, AdamW())


def frames(*steps: int) -> Padded:
    return Padded.stack([torch.randint(0, 256, (n, 16, 32, 3), dtype=torch.uint8) for n in steps])


def test_references_are_the_boxes(memory_store) -> None:
    one = write_sighting(Sighting(0.0, 0.1, Box(1, 2, 3, 4), 100, 50))
    store = memory_store([{"segments": (Segment(0, 1, "running"), one)}, {"segments": ()}, {}])
    assert Boxes(RATE).references(store) == [("0-0.1 box 1 2 3 4 in 100x50",), (), ()]


def test_a_frame_has_the_box_of_its_middle() -> None:
    track = Track.read(LINE, 5, RATE)
    assert track.picture_px.tolist() == [100, 50]
    assert track.boxes[0].tolist() == [0.1, 0.2, 0.2, 0.2]
    assert np.isnan(track.boxes).all(axis=1).tolist() == [False, False, True, False, True]
    # Half as many frames: the middles of two lie where one box ends and the next begins.
    assert Track.read(LINE, 2, RATE / 2).boxes[:, 0] == pytest.approx([0.12, 0.16])
    for rate in (24.0, 29.97, 30.0):  # written in milliseconds, and still a box each
        every = Track.read(line(*[(t, 0, 9, 9) for t in range(100)], rate=rate), 100, rate)
        assert every.boxes[:, 0] == pytest.approx(np.arange(100) / 100)


def test_figures_by_hand() -> None:
    rows = np.array(
        [[0.1, 0.2, 0.2, 0.2], [0.12, 0.2, 0.2, 0.2], [0, 0, 1, 1], [0.1, 0.2, 0.2, 0.2]]
    )
    answer = Prediction(0, "", math.nan, timeline=Timeline(RATE, rows.astype(np.float32)))
    score = make().score([answer], [(LINE,)])
    kept = 14 * 8 / (2 * 200 - 14 * 8)  # the last: 6 pixels right, 2 down
    assert score.metrics["mean_iou"] == pytest.approx((1 + kept) / 2, abs=1e-6)
    assert score.floors["mean_iou"] == pytest.approx((18 / 22 + kept) / 2, abs=1e-6)
    assert score.metrics["precision_20px"] == score.floors["precision_20px"] == 1.0
    assert score.tallies["mean_iou"].denominators == [True]
    nobody = make().score([answer], [(line((10, 10, 20, 10)),)])
    assert math.isnan(nobody.metrics["success_auc"])


def test_what_cannot_be_followed() -> None:
    task = make()
    assert task.fault((LINE,), 4) is None
    assert task.fault((LINE,), 1) == "a single frame: there is nothing to follow"
    assert task.fault((line(None, (1, 2, 3, 4)),), 4) == "no box in the first frame"


def test_the_first_box_comes_with_the_inputs_or_from_the_config() -> None:
    x = frames(3, 3)
    shown = make().pose(x, [(LINE,), ()])
    assert isinstance(shown, Shown) and shown.first[0].tolist() == pytest.approx(
        [0.1, 0.2, 0.2, 0.2]
    )
    assert shown.first[1].isnan().all()
    told = make(box=(0.4, 0.3, 0.1, 0.2)).eval().predict(torch.arange(2), shown)
    assert told[0].timeline.scores[0] == pytest.approx([0.1, 0.2, 0.2, 0.2])
    assert told[1].timeline.scores[0] == pytest.approx([0.4, 0.3, 0.1, 0.2])
    for inputs, target in ((shown, {}), (x, {}), (x, {"box": (0.1, 0.1, 0.0, 0.1)})):
        with pytest.raises(
            ValueError, match=r"track: expected to know where the object is .* give"
        ):
            make(**target).predict(torch.arange(2), inputs)


def test_answers_are_a_box_a_frame_and_do_not_depend_on_the_batch() -> None:
    task = make(box=(0.4, 0.3, 0.1, 0.2)).eval()
    torch.nn.init.normal_(task.model.head.weight, std=0.1)
    x = frames(5, 3)
    both = task.predict(torch.tensor([4, 9]), x)
    detail = task.detail(both[1], ())
    assert both[1].row == 9 and detail["frame_rate"] == RATE and len(detail["boxes"]) == 3
    assert detail["boxes"][0] == [0.4, 0.3, 0.1, 0.2] and both[0].hypothesis.startswith(
        "last seen"
    )
    (alone,) = task.predict(torch.tensor([9]), Padded.stack([x.rows()[1]]))
    np.testing.assert_allclose(alone.timeline.scores, both[1].timeline.scores, atol=1e-5)


def test_the_loss_is_that_of_the_moves_and_unknown_frames_teach_nothing() -> None:
    task = make(own=0.0, jitter=0.0).eval()
    x = frames(4, 3)
    batch = task.make_batch(torch.arange(2), x, [(LINE,), (line(*[(10, 10, 20, 10)] * 3),)], 0)
    truth = batch.tags.data
    # Nothing is answered to move yet: the loss is what moved, in sizes, of the known frames.
    torch.nn.init.zeros_(task.model.head.weight)
    still = truth[0, 1:2].clone()  # the box that is followed on while nobody knows
    moved = [moves_between(truth[0, 0:1], truth[0, 1:2]), moves_between(still, truth[0, 3:4])]
    expected = sum(float(one.abs().sum()) for one in moved) / (2 + 2)
    assert task.loss(x, batch).item() == pytest.approx(expected, abs=1e-5)


def test_a_box_far_from_its_object_is_put_back() -> None:
    task = make()
    box = torch.tensor([[0.2, 0.2, 0.2, 0.2]])
    near, far = (move_boxes(box, torch.tensor([[by, 0.0, 0.0, 0.0]])) for by in (0.45, 0.55))
    assert task._is_seen(box, near).item() and not task._is_seen(box, far).item()


def test_a_moving_square_is_learned_and_followed() -> None:
    torch.manual_seed(0)
    steps, rows, said = 6, [], []
    for start, speed in ((4, 3), (20, -3), (6, 2), (18, -2)):
        film = torch.zeros(steps, 32, 32, 3, dtype=torch.uint8)
        places = [start + speed * t for t in range(steps)]
        for t, x in enumerate(places):
            film[t, 12:20, x : x + 8] = 255
        rows.append(film)
        said.append(line(*[(x * 100 / 32, 12 * 50 / 32, 25, 12.5) for x in places]))
    task, x = make(own=0.5, jitter=0.1), Padded.stack(rows)
    references = [(one,) for one in said]
    batch = task.make_batch(torch.arange(4), x, references, 0)
    optimiser = torch.optim.Adam(task.parameters(), 1e-2)
    for _ in range(50):
        optimiser.zero_grad()
        task.loss(x, batch).backward()
        optimiser.step()
    task.eval()
    score = task.score(task.predict(torch.arange(4), task.pose(x, references)), references)
    assert score.metrics["mean_iou"] > 0.7 > 0.6 > score.floors["mean_iou"]
