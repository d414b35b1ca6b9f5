import pytest

from rnnmm.units import round_half_up, samples_to_seconds, seconds_to_samples


@pytest.mark.parametrize(
    ("value", "rounded"), [(0.5, 1), (1.5, 2), (2.5, 3), (2.4, 2), (-0.5, 0), (-1.6, -2)]
)
def test_halves_go_up(value: float, rounded: int) -> None:
    assert round_half_up(value) == rounded


def test_seconds_and_samples_are_inverse_on_the_grid() -> None:
    assert seconds_to_samples(0.0125, 16000) == 200
    assert seconds_to_samples(samples_to_seconds(12345, 22050), 22050) == 12345
