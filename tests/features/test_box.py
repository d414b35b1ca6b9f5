import numpy as np
import pytest
import torch

from rnnmm.features.box import bounded, crop_around, move_boxes, moves_between


def test_a_window_is_the_part_of_the_picture_around_the_box() -> None:
    frame = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (1, 16, 24, 3), np.uint8))
    box = torch.tensor([[10 / 24, 5 / 16, 4 / 24, 4 / 16]])  # pixels 10..14 by 5..9
    window = crop_around(frame, box, 8)  # twice as large: pixels 8..16 by 3..11
    expected = frame[0, 3:11, 8:16].permute(2, 0, 1).float() / 127.5 - 1
    torch.testing.assert_close(window[0], expected, atol=1e-5, rtol=0)


def test_outside_the_frame_there_is_grey() -> None:
    frame = torch.full((1, 8, 8, 3), 255, dtype=torch.uint8)
    window = crop_around(frame, torch.tensor([[0.0, 0.0, 0.5, 0.5]]), 8)[0]
    assert not window[:, :2].any() and not window[:, :, :2].any()
    assert (window[:, 2:, 2:] == 1).all()


def test_moves_lead_from_one_box_to_another() -> None:
    torch.manual_seed(0)
    boxes, later = torch.rand(20, 4) + 0.1, torch.rand(20, 4) + 0.1
    torch.testing.assert_close(move_boxes(boxes, moves_between(boxes, later)), later)
    by_hand = move_boxes(
        torch.tensor([[0.2, 0.2, 0.2, 0.1]]), torch.tensor([[0.5, 1.0, 0.0, 0.0]])
    )
    assert by_hand[0].tolist() == pytest.approx([0.3, 0.3, 0.2, 0.1])


def test_boxes_stay_in_the_picture_and_of_some_size() -> None:
    wild = torch.tensor([[-3.0, 0.5, 0.2, 0.2], [0.4, 0.4, 1e-9, 7.0], [0.1, 0.2, 0.3, 0.4]])
    tame = bounded(wild)
    assert tame[0].tolist() == pytest.approx([-0.1, 0.5, 0.2, 0.2])
    assert tame[1, 2:].tolist() == pytest.approx([0.01, 1.0])
    torch.testing.assert_close(tame[2], wild[2])
