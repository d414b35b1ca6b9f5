import math

import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.features.augment_room import Equaliser, Reverberation

RATE = 8000


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tone(hz: float, num_samples: int = RATE) -> torch.Tensor:
    return torch.sin(2 * math.pi * hz / RATE * torch.arange(num_samples)) / 4


def level_db(row: torch.Tensor) -> float:
    return 20 * math.log10(float(row.square().mean().sqrt()))


def test_each_frequency_gets_the_gain_between_its_knots() -> None:
    x = Padded.stack([tone(800), tone(2000)])
    y = Equaliser(most_db=12.0, num_knots=3)(x, generator())
    low, middle, _ = (
        12 * (2 * torch.rand(2, 1, 3, generator=generator(), dtype=torch.float64) - 1)
    )[0, 0]
    expected = float(low + (middle - low) * 800 / 2000)
    found = level_db(y.data[0, 500:-500]) - level_db(x.data[0, 500:-500])
    assert found == pytest.approx(expected, abs=0.1)


def test_no_gain_changes_nothing() -> None:
    x = Padded.stack([tone(300), tone(2000, 500)])
    torch.testing.assert_close(
        Equaliser(most_db=0.0)(x, generator()).data, x.data, atol=1e-6, rtol=0
    )


@pytest.mark.parametrize("augment", [Equaliser(), Reverberation(RATE)], ids=["equaliser", "room"])
def test_padding_and_its_length_change_nothing(augment) -> None:
    row = tone(440, 1000)
    alone = augment(Padded.stack([row]), generator())
    data = torch.full((1, 4000), torch.nan)
    data[0, :1000] = row
    padded = augment(Padded(data, torch.tensor([1000])), generator())
    assert not padded.data[:, 1000:].any()
    torch.testing.assert_close(padded.data[:, :1000], alone.data, atol=1e-5, rtol=0)
    whole = augment(Padded.stack([(row * 2**15).short()]), generator())
    torch.testing.assert_close(whole.data, alone.data, atol=1e-3, rtol=0)


def test_a_click_rings_and_dies_away() -> None:
    click = torch.zeros(1, RATE)
    click[0, 100] = 1.0
    room = Reverberation(RATE, low_s=0.4, high_s=0.4, low_db=6.0, high_db=6.0)
    y = room(Padded(click, torch.tensor([RATE])), generator()).data[0]
    assert not y[:100].abs().gt(1e-6).any()
    assert float(y[100]) == pytest.approx(1.0, abs=1e-5)
    late = y[101:]
    assert -10 * math.log10(float(late.square().sum())) == pytest.approx(6.0, abs=0.01)
    # 60 dB in 0.4 s: 15 dB from one tenth of a second to the next.
    tenth = RATE // 10
    early, later = (level_db(late[k * tenth : (k + 1) * tenth]) for k in (0, 1))
    assert early - later == pytest.approx(15.0, abs=1.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Equaliser(most_db=-1),
            "Equaliser: expected most_db in 0..100 and num_knots >= 2",
        ),
        (lambda: Equaliser(num_knots=1), "Equaliser: expected most_db in 0..100 and num_knots"),
        (
            lambda: Reverberation(RATE, 0.5, 0.2),
            "Reverberation: expected 0.05 <= low <= high <= 5",
        ),
        (lambda: Reverberation(RATE, low_db=-101), "Reverberation: expected -100 <= low"),
    ],
)
def test_bad_ranges(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
