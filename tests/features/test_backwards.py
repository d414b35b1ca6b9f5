import pytest
import torch

from rnnmm.batch import AudioVisual, Padded
from rnnmm.features.backwards import turn_some, turned_classes
from rnnmm.text.vocabulary import Vocabulary

CLASSES = Vocabulary.fit(["left", "right", "shake", "wait"], "label")
PAIRS = [["left", "right"], ["shake", "shake"]]


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_classes_become_each_other() -> None:
    turned = turned_classes(PAIRS, CLASSES)
    names = dict(zip(CLASSES.symbols, turned.tolist()))
    assert names == {
        "left": CLASSES.index("right"),
        "right": CLASSES.index("left"),
        "shake": CLASSES.index("shake"),
        "wait": -1,
    }


@pytest.mark.parametrize(
    "pairs", [[["left", "up"]], [["left"]], [["left", "right"], ["right", "right"]]]
)
def test_pairs_are_of_known_classes_once_each(pairs: list[list[str]]) -> None:
    with pytest.raises(ValueError, match=r"backwards: expected pairs of classes of the training"):
        turned_classes(pairs, CLASSES)


def test_half_of_the_clips_run_backwards_inside_their_own_length() -> None:
    lengths = [1, 2, 5, 7] * 100
    rows = [torch.randn(length, 2, 3) for length in lengths]
    labels = torch.arange(400) % 4
    labels = labels[torch.randperm(400, generator=seeded())]
    turned = turned_classes(PAIRS, CLASSES)
    clips, classes = turn_some(Padded.stack(rows), labels, turned, seeded())
    assert clips.lengths.tolist() == lengths
    num_turned = 0
    for row, clip, before, after in zip(rows, clips.rows(), labels.tolist(), classes.tolist()):
        if torch.equal(clip, row) and after == before:
            continue
        assert torch.equal(clip, row.flip(0))
        assert after == turned[before] >= 0
        num_turned += 1
    # Of the 300 clips whose class has a turned one; a quarter of them, of one frame, and those of
    # the class that stays the same look as before.
    assert 85 <= num_turned <= 150
    assert not clips.data[~clips.mask].any()


def test_clips_of_other_classes_stay_as_they_are() -> None:
    x, labels = Padded.stack([torch.randn(4, 2)] * 20), torch.full((20,), CLASSES.index("wait"))
    clips, classes = turn_some(x, labels, turned_classes(PAIRS, CLASSES), seeded())
    assert torch.equal(clips.data, x.data)
    assert torch.equal(classes, labels)


def test_sound_beside_pictures_is_refused() -> None:
    x = Padded.stack([torch.randn(4, 2)])
    both = AudioVisual(x.data, x.lengths, x)
    with pytest.raises(ValueError, match=r"backwards: expected sound or pictures alone, got both"):
        turn_some(both, torch.tensor([0]), turned_classes(PAIRS, CLASSES), seeded())
