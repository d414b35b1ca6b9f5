from fractions import Fraction
from math import ceil, floor

import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.features.chain import Chain
from rnnmm.features.frames import Pixels
from rnnmm.features.sample import (
    AllFrames,
    ByRate,
    Dense,
    RandomSample,
    Sample,
    Segments,
    Uniform,
    kept_places,
)

LENGTHS = range(1, 60)
SAMPLERS = [
    AllFrames(), *[Dense(n, s) for n in (1, 2, 7, 16) for s in (1, 2, 5)],
    *[Uniform(n) for n in (1, 3, 8)], *[Segments(n) for n in (1, 3, 8)],
]  # fmt: skip
BY_RATE = [ByRate(15, 5), ByRate(30, 30), ByRate(25, 10), ByRate(29.97, 12.5), ByRate(30, 7)]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def counted(*lengths: int) -> Padded:
    """Clips whose frames say their place; behind them stands what must not be looked at."""
    x = Padded.stack([torch.arange(n, dtype=torch.uint8)[:, None, None, None] for n in lengths])
    return x.with_data(x.data.masked_fill(~x.mask[..., None, None, None], 251))


@pytest.mark.parametrize("sampler", [*SAMPLERS, *BY_RATE], ids=str)
def test_places_ascend_and_lie_in_the_clip(sampler) -> None:
    chance = generator()
    for length in LENGTHS:
        for draw in (None, chance, chance):
            places = sampler.indices(length, draw).tolist()
            assert 1 <= len(places) <= length
            assert places == sorted(set(places))
            assert places[0] >= 0 and places[-1] < length


@pytest.mark.parametrize("sampler", SAMPLERS, ids=str)
def test_what_was_chosen_is_not_chosen_from_again(sampler) -> None:
    for length in LENGTHS:
        kept = len(sampler.indices(length, generator(length)))
        assert sampler.indices(kept).tolist() == list(range(kept))


@pytest.mark.parametrize("sampler", [*SAMPLERS, *BY_RATE], ids=str)
def test_as_much_is_drawn_for_a_short_clip_as_for_a_long_one(sampler) -> None:
    states = []
    for length in (1, 5, 50):
        chance = generator(3)
        sampler.indices(length, chance)
        states.append(chance.get_state())
    assert all(torch.equal(states[0], other) for other in states)


@pytest.mark.parametrize(("count", "stride"), [(1, 1), (4, 1), (4, 3), (7, 2)])
def test_a_window_is_every_window_in_turn_and_the_middle_one_in_testing(count, stride) -> None:
    for length in range(1, 25):
        n = min(count, length)
        fitting = [s for s in range(1, stride + 1) if (n - 1) * s < length]
        pace = max(fitting)
        windows = [
            [start + pace * i for i in range(n)]
            for start in range(length)
            if start + pace * (n - 1) < length
        ]
        sampler = Dense(count, stride)
        assert sampler.indices(length).tolist() == windows[len(windows) // 2]
        drawn = {tuple(sampler.indices(length, generator(seed)).tolist()) for seed in range(150)}
        assert drawn == set(map(tuple, windows))


@pytest.mark.parametrize("count", [1, 3, 5])
def test_uniform_frames_are_those_shown_at_even_times(count) -> None:
    for length in range(1, 20):
        n = min(count, length)
        shifts = [Fraction(k, 997) for k in range(997)]
        possible = {tuple(floor((i + u) * Fraction(length, n)) for i in range(n)) for u in shifts}
        middle = [floor((i + Fraction(1, 2)) * Fraction(length, n)) for i in range(n)]
        sampler = Uniform(count)
        assert sampler.indices(length).tolist() == middle
        drawn = {tuple(sampler.indices(length, generator(seed)).tolist()) for seed in range(200)}
        assert drawn <= possible
        assert len(drawn) > 1 or length == n


@pytest.mark.parametrize("count", [1, 3, 8])
def test_each_part_gives_one_of_its_frames_and_its_middle_in_testing(count) -> None:
    for length in (1, 2, 3, 8, 10, 16, 23):
        n = min(count, length)
        parts = [range(i * length // n, (i + 1) * length // n) for i in range(n)]
        sampler = Segments(count)
        assert sampler.indices(length).tolist() == [part[len(part) // 2] for part in parts]
        draws = torch.stack([sampler.indices(length, generator(seed)) for seed in range(200)])
        assert [set(column) for column in draws.T.tolist()] == [set(part) for part in parts]


@pytest.mark.parametrize("sampler", BY_RATE, ids=str)
def test_a_lower_rate_takes_the_middle_of_each_period(sampler) -> None:
    pace = Fraction(str(sampler.stored_rate)) / Fraction(str(sampler.rate))
    for length in LENGTHS:
        count = ceil(length / pace)
        # The last period may end after the clip: all are moved to the middle of what is left.
        room = length - (count - 1) * pace
        half = Fraction(floor(room * pace.denominator / 2), pace.denominator)
        expected = [floor(i * pace + half) for i in range(count)]
        assert sampler.indices(length).tolist() == expected
        assert sampler.indices(length, generator()).tolist() == expected


def test_a_stage_keeps_the_frames_its_sampler_names() -> None:
    x = counted(9, 1, 4)
    for sampler in SAMPLERS:
        y = Sample(sampler)(x)
        expected = [sampler.indices(n).tolist() for n in (9, 1, 4)]
        assert [row.flatten().tolist() for row in y.rows()] == expected
        drawn, chance = RandomSample(sampler)(x, generator(2)), generator(2)
        assert [row.flatten().tolist() for row in drawn.rows()] == [
            sampler.indices(n, chance).tolist() for n in (9, 1, 4)
        ]
        assert Sample(sampler)(drawn).data.tolist() == drawn.data.tolist()


def test_an_item_without_frames_stays_without() -> None:
    x = Padded(torch.zeros(2, 6, 2, 2, 3, dtype=torch.uint8), torch.tensor([6, 0]))
    assert Sample(Uniform(3))(x).lengths.tolist() == [3, 0]


def test_frames_that_are_not_chosen_are_not_converted() -> None:
    seen = []
    pixels = Pixels()
    pixels.register_forward_pre_hook(lambda _, args: seen.append(args[0].data.shape))
    clip = torch.zeros(40, 4, 4, 3, dtype=torch.uint8)
    Chain([Sample(Segments(5)), pixels])(Padded.stack([clip]))
    assert seen == [(1, 5, 4, 4, 3)]


def test_kept_places_go_through_all_samples() -> None:
    chain = Chain([Sample(ByRate(20, 10)), Sample(Dense(3)), Pixels()])
    assert kept_places(chain, 20).tolist() == [2 * i + 1 for i in (4, 5, 6)]
    assert kept_places(Chain(), 4).tolist() == [0, 1, 2, 3]


def test_what_keeps_the_time_grid_knows_its_rate() -> None:
    assert Sample(ByRate(30, 10)).frame_rate(30) == 10
    assert Sample(AllFrames()).frame_rate(25) == 25
    with pytest.raises(ValueError, match="Segments: expected a task that needs no times"):
        Sample(Segments(3)).frame_rate(25)
    with pytest.raises(ValueError, match="ByRate: expected frames at 30 a second, got 25"):
        Sample(ByRate(30, 10)).frame_rate(25)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dense(0), "Dense: expected count >= 1, got 0"),
        (lambda: Dense(3, 0), "Dense: expected stride >= 1, got 0"),
        (lambda: Uniform(0), "Uniform: expected count >= 1, got 0"),
        (lambda: Segments(-1), "Segments: expected count >= 1, got -1"),
        (lambda: ByRate(10, 20), "ByRate: expected 0 < rate <= stored_rate, got 20 and 10"),
        (lambda: RandomSample(ByRate(20, 10)), "RandomSample: expected a sampler that draws"),
    ],
)
def test_arguments_are_checked(make, message) -> None:
    with pytest.raises(ValueError, match=message):
        make()
