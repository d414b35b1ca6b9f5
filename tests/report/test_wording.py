import doctest
import math

import pytest

from rnnmm.report import wording


def test_examples_in_the_docstrings_hold() -> None:
    failed, tried = doctest.testmod(wording)
    assert failed == 0 and tried >= 5


@pytest.mark.parametrize(
    ("metric", "value", "shown"),
    [
        ("wer", 0.05, "5.0 %"),
        ("wer_low", 1.25, "125.0 %"),
        ("mean_class_accuracy", 1.0, "100.0 %"),
        ("bleu_4", 0.2, "0.200"),
        ("cider_d", 10.0, "10.000"),
        ("loss", 0.0, "0.000"),
        ("loss", -0.001, "-0.001"),
        ("items_per_s", 12345.6, "12,346"),
        ("wer", math.inf, "n/a"),
        ("loss", math.nan, "n/a"),
    ],
)
def test_metrics(metric: str, value: float, shown: str) -> None:
    assert wording.format_metric(metric, value) == shown


@pytest.mark.parametrize(
    ("metric", "low", "high", "shown"),
    [
        ("accuracy", 0.5, 1.0, "50.0 to 100.0 %"),
        ("rouge_l", 0.25, 0.5, "0.250 to 0.500"),
        ("wer", math.nan, 0.5, "n/a to 50.0 %"),
    ],
)
def test_intervals(metric: str, low: float, high: float, shown: str) -> None:
    assert wording.format_interval(metric, low, high) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.0, "0.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (3599.7, "1 h 00 min"),
        (7384.0, "2 h 03 min"),
    ],
)
def test_durations(seconds: float, shown: str) -> None:
    assert wording.format_seconds(seconds) == shown


def test_unknown_names_are_their_own_titles() -> None:
    assert wording.name_task("emotion") == "emotion"
    assert wording.name_metric("unique_captions") == "unique captions"
