import numpy as np
import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.features.augment_edges import QuietEdges, Silence, Trim, speech_bounds

RATE = 8000
GUARD = 800  # 0.1 s


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def noise(num_samples, amplitude, seed):
    return amplitude * torch.randn(num_samples, generator=generator(seed))


def utterance(before, speech, behind, quiet=0.001, seed=0):
    """Quiet, speech and quiet, so many samples of each."""
    parts = [(before, quiet), (speech, 0.2), (behind, quiet)]
    return torch.cat([noise(n, level, seed + i) for i, (n, level) in enumerate(parts)])


def where(part, whole):
    """Where a stretch lies in another, found by looking everywhere."""
    places = [at for at in range(len(whole) - len(part) + 1) if whole[at] == part[0]]
    (found,) = [at for at in places if torch.equal(whole[at : at + len(part)], part)]
    return found


def slow_bounds(samples):
    """Window by window, in numpy."""
    wave = samples.double().numpy()
    sharp = np.append(wave[0], wave[1:] - 0.97 * wave[:-1])
    starts = range(0, len(wave) - 799, 80)
    levels = [10 * np.log10(max(np.mean(sharp[at : at + 800] ** 2), 1e-12)) for at in starts]
    ranked = sorted(levels)
    floor, peak = (ranked[int(np.rint(rank * (len(levels) - 1)))] for rank in (0.1, 0.95))
    loud = [
        start for start, level in zip(starts, levels, strict=True)
        if level >= 0.75 * floor + 0.25 * peak or level >= peak - 20
    ]  # fmt: skip
    return [max(0, loud[0] - GUARD), min(len(samples), loud[-1] + 800 + GUARD)]


def staircase(seed):
    """Sound whose level changes every 50 ms by chance, softer towards both ends."""
    steps = torch.randint(15, 60, (), generator=generator(seed)).item()
    levels_db = 40 * torch.rand(steps, generator=generator(seed)) - 50
    levels_db -= torch.linspace(-30, 30, steps).abs()
    return noise(400 * steps, 1.0, seed) * (10 ** (levels_db / 20)).repeat_interleave(400)


def test_bounds_are_those_found_slowly() -> None:
    rows = [staircase(seed) for seed in range(40)]
    rows += [utterance(2000, 6000, 2000, quiet=0.1)]
    expected = [slow_bounds(row) for row in rows]
    assert speech_bounds(Padded.stack(rows), RATE).tolist() == expected
    assert expected[-1] == [0, 10_000]
    assert sum(start > 0 for start, _ in expected) > 20


def test_bounds_hold_all_speech_and_little_more() -> None:
    start, end = speech_bounds(Padded.stack([utterance(8000, 9000, 5500)]), RATE)[0].tolist()
    assert 8000 - GUARD - 800 <= start <= 8000 - GUARD
    assert 17_000 + GUARD <= end <= 17_000 + GUARD + 800


def test_a_rumble_is_no_speech_and_a_soft_hiss_is() -> None:
    time = torch.arange(20_000) / RATE
    rumble = 0.1 * torch.sin(2 * torch.pi * 30 * time) + noise(20_000, 0.001, 1)
    hiss = noise(20_000, 0.02, 2).diff(prepend=torch.zeros(1))
    row = rumble.clone()
    row[9000:12_000] += noise(3000, 0.2, 3)
    alone = speech_bounds(Padded.stack([row]), RATE)[0].tolist()
    row[6000:9000] += hiss[:3000]
    start, end = speech_bounds(Padded.stack([row]), RATE)[0].tolist()
    assert 9000 - GUARD - 800 <= alone[0] <= 9000 - GUARD
    assert 6000 - GUARD - 800 <= start <= 6000 - GUARD
    assert end == alone[1] < 12_000 + GUARD + 800


@pytest.mark.parametrize("num_samples", [1, 100, 799, 801])
def test_an_utterance_too_short_to_judge_is_kept_whole(num_samples) -> None:
    x = Padded.stack([noise(num_samples, 0.1, 1), torch.zeros(9000)])
    assert speech_bounds(x, RATE).tolist() == [[0, num_samples], [0, 9000]]


@pytest.mark.parametrize("seed", range(3))
def test_each_edge_gets_a_length_of_its_own_and_speech_stays(seed) -> None:
    rows = [utterance(before, 3000, behind, seed=9 * before) for before, behind in
            [(7000, 400), (900, 3000), (5000, 5000), (0, 0)]]  # fmt: skip
    x = Padded.stack(rows)
    bounds = speech_bounds(x, RATE).tolist()
    befores, behinds = [], []
    for again in range(12):
        y = QuietEdges(RATE, 0.05, 0.3)(x, generator(100 * seed + again))
        for row, new, (start, end) in zip(rows, y.rows(), bounds, strict=True):
            at = where(row[start:end], new)
            assert 400 <= at <= 2400
            assert 400 <= len(new) - at - (end - start) <= 2400
            befores.append(at)
            behinds.append(len(new) - at - (end - start))
            # The quiet next to the speech is its own.
            kept = min(at, start)
            assert torch.equal(new[at - kept : at], row[start - kept : start])
    for lengths in (befores, behinds):
        assert min(lengths) < 650 < 2150 < max(lengths)
    assert abs(np.corrcoef(befores, behinds)[0, 1]) < 0.4, "drawn together"


def test_what_is_put_outside_has_the_level_and_the_spectrum_of_the_quiet() -> None:
    # Quiet that hums at 1 kHz, about a constant offset, which is nothing to hear.
    hum = 0.01 + 0.003 * torch.sin(2 * torch.pi * 1000 * torch.arange(2000) / RATE)
    x = Padded.stack([torch.cat([hum, noise(4000, 0.2, 1)])])
    y = QuietEdges(RATE, 1.0, 1.0)(x, generator()).data[0]
    tone = y[: 8000 - 2000]
    assert tone.square().mean().sqrt() == pytest.approx(0.003 / 2**0.5, rel=0.15)
    spectrum = torch.fft.rfft(tone).abs().square()
    hz = torch.arange(len(spectrum)) * RATE / len(tone)
    assert spectrum[(hz - 1000).abs() < 30].sum() > 0.99 * spectrum.sum()
    assert not torch.equal(y[-8000:-2000], tone), "the same noise before and behind"


def test_digital_silence_stays_silent() -> None:
    speech = noise(4000, 0.2, 1)
    x = Padded.stack([torch.cat([torch.zeros(2000), speech]), torch.zeros(3000)])
    first, second = QuietEdges(RATE, 0.5, 0.5)(x, generator()).rows()
    assert not second.any()
    at = where(speech, first)
    assert not first[:at].any() and not first[at + 4000 :].any()
    assert len(first) == at + 4000 + 4000


@pytest.mark.parametrize("quiet", [0.05, 0.2])
def test_nothing_is_cut_where_there_is_no_quiet(quiet) -> None:
    row = utterance(3000, 3000, 3000, quiet=quiet)
    y = QuietEdges(RATE, 0.0, 0.0)(Padded.stack([row]), generator())
    assert torch.equal(y.data[0], row)


def test_a_trimmed_utterance_goes_from_its_first_to_its_last_loud_sample() -> None:
    rows = [staircase(seed) for seed in range(20)]
    y = Trim(20.0, 20.0)(Padded.stack(rows), generator())
    for row, new in zip(rows, y.rows(), strict=True):
        loud = [at for at, value in enumerate(row.tolist()) if abs(value) >= 0.1 * row.abs().max()]
        assert torch.equal(new, row[loud[0] : loud[-1] + 1])
    assert (y.lengths < torch.tensor([len(row) for row in rows])).sum() > 15


def test_each_utterance_is_trimmed_at_a_level_of_its_own() -> None:
    rise = torch.logspace(-2.5, 0, 5001)  # 0.01 dB a sample: all within 50 dB
    y = Trim(10.0, 30.0)(Padded.stack([rise, -rise] * 50), generator())
    below_db = (y.lengths - 1) / 100
    assert 10 <= below_db.min() < 11 and 29 < below_db.max() <= 30.01
    assert len(set(below_db.tolist())) > 90


def test_what_has_no_sound_is_not_trimmed() -> None:
    y = Trim()(Padded.stack([torch.zeros(0), torch.zeros(9), torch.ones(1)]), generator())
    assert y.lengths.tolist() == [0, 9, 1]


def test_silence_stands_before_and_behind_the_same_sound() -> None:
    clips = [torch.ones(n) for n in [900, 300] * 20]
    y = Silence(16_000, max_s=0.01)(Padded.stack(clips), generator())
    before = [int(row.argmax()) for row in y.rows()]
    behind = [
        len(row) - len(clip) - n for row, clip, n in zip(y.rows(), clips, before, strict=True)
    ]
    for row, clip, start in zip(y.rows(), clips, before, strict=True):
        assert torch.equal(row[start : start + len(clip)], clip)
        assert row.sum() == len(clip)
    for edge in (before, behind):
        assert min(edge) >= 0 and max(edge) <= 160
        assert len(set(edge)) > 10
    assert before != behind


def test_where_there_is_no_sound_there_is_no_silence() -> None:
    y = Silence(16_000)(Padded.stack([torch.ones(0), torch.ones(5)]), generator())
    assert y.lengths[0] == 0 and y.lengths[1] > 5


def test_arguments_are_checked() -> None:
    with pytest.raises(ValueError, match="Trim: expected 0 <= low <= high <= 100, got 30 and 20"):
        Trim(30.0, 20.0)
    with pytest.raises(ValueError, match="QuietEdges: expected 0 <= low <= high <= 60, got 2 and"):
        QuietEdges(RATE, 2.0, 1.0)
    with pytest.raises(ValueError, match=r"Silence: expected max_s >= 0, got -0.1"):
        Silence(RATE, -0.1)
