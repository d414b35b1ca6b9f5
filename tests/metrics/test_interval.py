import numpy as np
import pytest

from rnnmm.metrics.interval import (
    Redraw,
    Tally,
    bootstrap_interval,
    paired_difference,
    redrawn_interval,
)


def test_same_arguments_give_the_same_interval():
    errors, words = [0, 1, 2, 0, 3], [4, 5, 6, 5, 4]
    assert bootstrap_interval(errors, words) == bootstrap_interval(errors, words)
    assert bootstrap_interval(errors, words) != bootstrap_interval(errors, words, seed=1)


def test_width_is_that_of_the_binomial():
    right = np.arange(400) < 100
    low, high = bootstrap_interval(right, np.ones(400), num_resamples=4000)
    spread = 1.96 * np.sqrt(0.25 * 0.75 / 400)
    assert low == pytest.approx(0.25 - spread, abs=0.006)
    assert high == pytest.approx(0.25 + spread, abs=0.006)


def test_it_covers_the_truth_as_often_as_it_says():
    generator = np.random.default_rng(0)
    samples = generator.random((200, 100)) < 0.3
    intervals = [
        bootstrap_interval(row, np.ones(100), level=0.8, num_resamples=200, seed=i)
        for i, row in enumerate(samples)
    ]
    covered = np.mean([low <= 0.3 <= high for low, high in intervals])
    assert 0.7 < covered < 0.9


def test_ratio_of_sums_not_mean_of_ratios():
    low, high = bootstrap_interval([1, 1], [1, 99])
    assert (low, high) == (1 / 99, 1.0)


def test_items_without_variation_give_a_point():
    assert bootstrap_interval([1, 1, 1], [2, 2, 2]) == (0.5, 0.5)


def test_draws_without_any_reference_are_left_out():
    assert bootstrap_interval([1, 0], [2, 0]) == (0.5, 0.5)


def test_a_tally_adds_up_the_items_of_a_unit():
    tally = Tally([1, 0, 2, 4], [5, 6, 7, 8])
    assert tally.by_unit(["a", "b", "a", 3]) == ([3, 0, 4], [12, 6, 8])
    assert Tally.of_means([True, False]) == ([True, False], [1, 1])


def test_items_of_one_speaker_do_not_count_as_many():
    right = [1] * 50 + [0] * 50
    items = Tally.of_means(right)
    narrow, wide = bootstrap_interval(*items), bootstrap_interval(*items.by_unit(right))
    assert 0.35 < narrow.low < narrow.high < 0.65
    assert wide == (0.0, 1.0), "of two speakers nothing is known"


def test_a_redrawn_mean_has_the_interval_of_the_mean():
    values = np.random.default_rng(0).normal(size=30)
    redraw = Redraw(30, lambda counts: float(counts @ values / counts.sum()))
    expected = bootstrap_interval(values, np.ones(30))
    assert redrawn_interval(redraw) == pytest.approx(expected, abs=1e-12)


def test_redraws_with_nothing_to_measure_are_left_out():
    redraw = Redraw(2, lambda counts: 0.5 if counts.all() else np.nan)
    assert redrawn_interval(redraw) == (0.5, 0.5)
    assert np.isnan(redrawn_interval(Redraw(2, lambda counts: np.nan))).all()
    with pytest.raises(ValueError, match="at least one item"):
        redrawn_interval(Redraw(0, lambda counts: 0.5))


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([], []), {}, "expected one numerator and denominator per item"),
        (([1], [1, 2]), {}, r"got shapes \(1,\) and \(2,\)"),
        (([1], [-1]), {}, "expected denominators >= 0 and not all 0"),
        (([0], [0]), {}, "expected denominators >= 0 and not all 0"),
        (([1], [1]), {"level": 1.0}, "expected 0 < level < 1 and num_resamples >= 1, got 1.0"),
        (([1], [1]), {"num_resamples": 0}, "num_resamples >= 1, got 0.95 and 0"),
    ],
)
def test_bad_arguments_are_refused(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        bootstrap_interval(*arguments, **options)


def test_a_tally_drawn_anew_is_the_ratio_of_what_was_drawn():
    redraw = Tally([1, 0, 3], [2, 0, 4]).redraw()
    assert redraw.num_units == 3
    assert redraw.figure(np.array([1, 1, 1])) == 4 / 6
    assert redraw.figure(np.array([2, 0, 1])) == 5 / 8
    assert np.isnan(redraw.figure(np.array([0, 3, 0])))


def test_pairs_tell_what_two_intervals_cannot():
    generator = np.random.default_rng(0)
    hard = generator.random(300) < 0.5
    better = hard | (generator.random(300) < 0.06)
    one, other = (Tally.of_means(right.tolist()) for right in (hard, better))
    apart = [bootstrap_interval(*tally) for tally in (one, other)]
    low, high = redrawn_interval(paired_difference(one.redraw(), other.redraw()))
    assert apart[0].high > apart[1].low, "side by side they overlap"
    assert low > 0
    difference = float(better.mean() - hard.mean())
    spread = 1.96 * np.sqrt(difference * (1 - difference) / 300)
    assert low == pytest.approx(difference - spread, abs=0.01)
    assert high == pytest.approx(difference + spread, abs=0.01)


def test_pairs_of_a_run_with_itself_do_not_differ():
    redraw = Tally.of_means([1, 0, 1, 1]).redraw()
    assert redrawn_interval(paired_difference(redraw, redraw)) == (0.0, 0.0)


def test_figures_of_other_units_are_no_pairs():
    with pytest.raises(ValueError, match="expected figures of the same units, got 2 and 3"):
        paired_difference(Tally.of_means([1, 0]).redraw(), Tally.of_means([1, 0, 1]).redraw())
