import pytest

from rnnmm.tasks.schedule import ScheduledSampling


@pytest.mark.parametrize("shape", ["linear", "inverse_sigmoid"])
def test_it_rises_from_never_to_the_last(shape: str) -> None:
    schedule = ScheduledSampling(0.4, shape)
    rates = [schedule.rate_at(tenth / 10) for tenth in range(11)]
    assert rates[0] == 0.0
    assert rates[5] == pytest.approx(0.2)
    assert rates[10] == pytest.approx(0.4)
    assert rates == sorted(rates)


def test_the_sigmoid_rises_in_the_middle() -> None:
    linear, steep = ScheduledSampling(1.0), ScheduledSampling(1.0, "inverse_sigmoid")
    assert steep.rate_at(0.2) < linear.rate_at(0.2)
    assert steep.rate_at(0.8) > linear.rate_at(0.8)
