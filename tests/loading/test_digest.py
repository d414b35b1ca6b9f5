import numpy as np
import torch

from rnnmm.batch import AudioVisual, Padded
from rnnmm.loading.digest import digest_array, digest_epoch, digest_items, merge_shares

ITEMS = [torch.arange(n, dtype=torch.int16) for n in (3, 5, 0)]
ROWS = torch.tensor([7, 2, 9])


def test_padding_takes_no_part() -> None:
    batch = Padded.stack(ITEMS)
    wider = torch.full((3, 9), 77, dtype=torch.int16)
    wider[:, :5] = batch.data.where(batch.mask, 77)
    digests = digest_items(ROWS, batch)
    assert digests == digest_items(ROWS, Padded(wider, batch.lengths))
    alone = [digest_items(row[None], Padded.stack([item]))[0] for row, item in zip(ROWS, ITEMS)]
    assert digests == alone


def test_whatever_a_model_could_notice_takes_part() -> None:
    def one(row: int = 0, values: tuple[int, ...] = (1, 2), dtype: str = "int16", shape=(1, 2)):
        data = torch.tensor(values, dtype=getattr(torch, dtype)).reshape(1, *shape[1:])
        return digest_items(torch.tensor([row]), Padded(data, torch.tensor([shape[1]])))[0]

    variants = [one(), one(row=1), one(values=(2, 1)), one(dtype="int32"), one(shape=(1, 2, 1))]
    assert len(set(variants)) == len(variants)
    assert one() == one()


def test_an_epoch_is_its_steps_in_order() -> None:
    a, b, c = digest_items(ROWS, Padded.stack(ITEMS))
    epochs = [[[a, b], [c]], [[a], [b, c]], [[c], [a, b]], [[b, a], [c]], [[a, b, c]]]
    assert len({digest_epoch(steps) for steps in epochs}) == len(epochs)
    assert digest_epoch(iter(epochs[0])) == digest_epoch(epochs[0])


def test_shares_go_back_to_where_they_were_dealt_from() -> None:
    step = list("abcdefg")
    for world in (1, 2, 3, 4):
        assert merge_shares([step[rank::world] for rank in range(world)]) == step


def test_an_array_is_its_type_shape_and_content() -> None:
    base = np.arange(6)
    others = [base.astype(np.int32), base.reshape(2, 3), base[::-1]]
    assert len({digest_array(array) for array in (base, *others)}) == 4
    assert digest_array(base[::2]) == digest_array(np.array([0, 2, 4]))


def test_of_sound_and_pictures_both_take_part() -> None:
    def one(sound: int, picture: int) -> bytes:
        pictures = Padded(torch.full((1, 2, 3), picture), torch.tensor([2]))
        pair = AudioVisual(torch.full((1, 4), sound), torch.tensor([4]), pictures)
        return digest_items(torch.tensor([0]), pair)[0]

    assert one(1, 1) == one(1, 1)
    assert len({one(1, 1), one(2, 1), one(1, 2)}) == 3
