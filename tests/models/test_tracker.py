import torch

from rnnmm.batch import Padded
from rnnmm.features.box import bounded, move_boxes
from rnnmm.models.tracker import Tracker
from rnnmm.nn.frame import PlainCnn


def make() -> Tracker:
    torch.manual_seed(0)
    model = Tracker(PlainCnn(3, (4, 8)), 16, grid=2, frame_dim=8, hidden_dim=8)
    torch.nn.init.normal_(model.head.weight)  # or nothing would move
    return model.eval()


def film(objects: int, steps: int) -> tuple[torch.Tensor, torch.Tensor]:
    frames = torch.randint(0, 256, (objects, steps, 24, 32, 3), dtype=torch.uint8)
    return frames, torch.rand(objects, 4) / 4 + 0.2


def test_steps_of_any_size_equal_the_whole() -> None:
    model, x = make(), torch.randn(2, 7, 6, 16, 16)
    whole = model(Padded(x, torch.full((2,), 7))).data
    for chunks in ((1,) * 7, (3, 4), (7,)):
        state, parts = model.initial_state(2), []
        for chunk in x.split(chunks, dim=1):
            y, state = model.step(chunk, state)
            parts.append(y)
        torch.testing.assert_close(torch.cat(parts, dim=1), whole, atol=1e-6, rtol=1e-5)


def test_it_follows_from_box_to_box() -> None:
    model = make()
    frames, first = film(2, 4)
    with torch.inference_mode():
        track = model.follow(frames, first)
        boxes, state = first, model.initial_state(2)
        for t in range(1, 4):
            moves, state = model.step(model.look(frames[:, t - 1], frames[:, t], boxes), state)
            boxes = bounded(move_boxes(boxes, moves[:, 0]))
            torch.testing.assert_close(track[:, t], boxes)
    assert torch.equal(track[:, 0], first)
    assert not torch.allclose(track[:, 3], first)


def test_objects_do_not_disturb_each_other() -> None:
    model = make()
    frames, first = film(3, 5)
    with torch.inference_mode():
        together = model.follow(frames, first)
        for row in range(3):
            alone = model.follow(frames[row : row + 1], first[row : row + 1])
            torch.testing.assert_close(alone[0], together[row], atol=1e-5, rtol=1e-5)


def test_before_training_nothing_moves_much() -> None:
    model = Tracker(PlainCnn(3, (4, 8)), 16, grid=2, frame_dim=8, hidden_dim=8).eval()
    frames, first = film(2, 3)
    with torch.inference_mode():
        torch.testing.assert_close(model.follow(frames, first)[:, -1], first, atol=0.01, rtol=0)
