import pytest
import torch

from rnnmm.batch import AudioVisual, LabelBatch, Padded


def test_stack_pads_on_the_right_with_zeros() -> None:
    x = Padded.stack([torch.ones(3, 2), torch.ones(1, 2)])
    assert x.lengths.tolist() == [3, 1]
    assert x.data[1].tolist() == [[1, 1], [0, 0], [0, 0]]
    assert [row.tolist() for row in x.rows()] == [[[1, 1]] * 3, [[1, 1]]]


def test_mask_is_true_where_a_step_is_valid() -> None:
    x = Padded(torch.zeros(2, 3), torch.tensor([3, 1]))
    assert x.mask.tolist() == [[True, True, True], [True, False, False]]


def test_zeroed_clears_whatever_stood_in_the_padding() -> None:
    x = Padded(torch.full((2, 2, 1), torch.nan), torch.tensor([0, 2]))
    assert not x.zeroed().data[0].any()
    assert x.zeroed().data[1].isnan().all()


def test_moving_keeps_lengths_int64_on_the_cpu() -> None:
    x = Padded(torch.zeros(2, 3), torch.tensor([3, 1])).to(torch.float16)
    assert x.data.dtype == torch.float16
    assert x.lengths.dtype == torch.int64


def test_repr_prints_shape_and_lengths() -> None:
    x = Padded(torch.zeros(2, 3), torch.tensor([3, 1]))
    assert repr(x) == "Padded((2, 3) float32 cpu, lengths [3, 1])"


@pytest.mark.parametrize(
    ("data", "lengths", "message"),
    [
        (torch.zeros(2), torch.tensor([1, 1]), r"expected data \(B, T, ...\)"),
        (torch.zeros(2, 3), torch.tensor([1]), r"lengths \(1,\)"),
        (torch.zeros(2, 3), torch.tensor([1, 1], dtype=torch.int32), "expected int64 lengths"),
    ],
)
def test_misfits_are_refused(data: torch.Tensor, lengths: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Padded(data, lengths)


def test_stacking_nothing_or_misfits_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one row"):
        Padded.stack([])
    with pytest.raises(ValueError, match="one trailing shape"):
        Padded.stack([torch.zeros(2, 3), torch.zeros(2, 4)])


def test_lightning_moves_a_batch_of_padded_tensors() -> None:
    from lightning.fabric.utilities import move_data_to_device

    batch = LabelBatch(
        torch.tensor([0]), Padded(torch.zeros(1, 2), torch.tensor([2])), torch.tensor([1])
    )
    moved = move_data_to_device(batch, torch.device("meta"))
    assert moved.inputs.data.device.type == "meta"
    assert moved.inputs.lengths.device.type == "cpu"


@pytest.fixture
def pair() -> AudioVisual:
    pictures = Padded(torch.ones(2, 2, 4, 4, 3), torch.tensor([0, 2]))
    return AudioVisual(torch.ones(2, 5), torch.tensor([5, 0]), pictures)


def test_sound_and_pictures_are_as_padded_the_sound(pair: AudioVisual) -> None:
    assert isinstance(pair, Padded)
    assert [len(row) for row in pair.rows()] == [5, 0]
    assert pair.sound.data is pair.data and type(pair.sound) is Padded
    assert [tensor.ndim for tensor in pair.tensors] == [2, 5]
    assert repr(pair) == (
        "AudioVisual(Padded((2, 5) float32 cpu, lengths [5, 0]), "
        "Padded((2, 2, 4, 4, 3) float32 cpu, lengths [0, 2]))"
    )


def test_moving_sound_and_pictures_moves_both(pair: AudioVisual) -> None:
    moved = pair.to(torch.float16)
    assert {tensor.dtype for tensor in moved.tensors} == {torch.float16}
    assert (moved.lengths.tolist(), moved.pictures.lengths.tolist()) == ([5, 0], [0, 2])
    assert type(pair.to("meta")) is AudioVisual
    zeroed = pair.zeroed()
    assert zeroed.pictures is pair.pictures and not zeroed.data[1].any() and zeroed.data[0].all()


def test_one_part_is_exchanged_beside_the_other(pair: AudioVisual) -> None:
    other = Padded(torch.zeros(2, 3), torch.tensor([3, 1]))
    assert pair.with_sound(other).lengths.tolist() == [3, 1]
    assert pair.with_sound(other).pictures is pair.pictures
    assert pair.with_pictures(other).pictures is other
    assert pair.with_pictures(other).data is pair.data


def test_sound_and_pictures_of_other_items_are_refused(pair: AudioVisual) -> None:
    match = "AudioVisual: expected sound and pictures of as many items, got 3 and 2"
    with pytest.raises(ValueError, match=match):
        AudioVisual(torch.ones(3, 5), torch.tensor([5, 0, 1]), pair.pictures)
