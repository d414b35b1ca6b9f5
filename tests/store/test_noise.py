import copy
from pathlib import Path

import numpy as np
import pytest
import soundfile

from rnnmm.manifest import Item, Manifest
from rnnmm.media.decode import Decoding
from rnnmm.store.noise import SoundNoise
from rnnmm.store.preprocess import preprocess
from rnnmm.store.reader import Store, open_store

SAMPLES = (4000, 1500, 2500, 3000)


def make(root: Path, splits: tuple[str, ...]) -> Store:
    rng = np.random.default_rng(0)
    waves = [rng.normal(0, 2000 * (k + 1), n).astype(np.int16) for k, n in enumerate(SAMPLES)]
    waves.append(np.zeros(800, np.int16))
    for number, wave in enumerate(waves):
        soundfile.write(root / f"{number}.wav", wave, 8000, subtype="PCM_16")
    items = [Item(str(n), f"{n}.wav", split) for n, split in enumerate(splits)]
    manifest = Manifest("hiss", root, tuple(items))
    return open_store(preprocess(manifest, Decoding(sample_rate=8000), root / "stores"))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return make(tmp_path_factory.mktemp("media"), ("train", "train", "train", "test", "test"))


@pytest.mark.parametrize("kind", ["white", "babble"])
@pytest.mark.parametrize("snr_db", [-5.0, 10.0])
def test_the_noise_has_the_power_that_was_asked_for(store: Store, kind, snr_db) -> None:
    noisy = SoundNoise(kind, snr_db).over(store)
    for row in range(4):
        speech, mixed = store.audio(row).astype(float), noisy.audio(row).astype(float)
        assert noisy.audio(row).dtype == np.int16
        # Made softer as a whole, where it was too loud: whatever the gain, speech and noise are
        # nearly orthogonal.
        gain = (speech @ mixed) / (speech @ speech)
        ratio = np.mean((gain * speech) ** 2) / np.mean((mixed - gain * speech) ** 2)
        assert 10 * np.log10(ratio) == pytest.approx(snr_db, abs=1.0)


def test_too_loud_a_sum_is_made_softer_and_not_cut(store: Store) -> None:
    mixed = SoundNoise("white", -20.0).over(store).audio(3)
    assert np.abs(mixed).max() == 32767
    assert (np.abs(mixed) == 32767).sum() == 1


def test_the_noise_of_an_item_is_a_function_of_its_id_and_the_seed(store: Store) -> None:
    noise = SoundNoise("babble", 0.0)
    once, again = noise.over(store), copy.copy(noise.over(store))
    assert [once.audio(row).tobytes() for row in range(5)] == [
        again.audio(row).tobytes() for row in (0, 1, 2, 3, 4)
    ]
    other = SoundNoise("babble", 0.0, seed=1).over(store)
    assert not np.array_equal(other.audio(3), once.audio(3))
    assert not np.array_equal(once.audio(2), SoundNoise("white", 0.0).over(store).audio(2))


def test_babble_is_others_of_the_training_split(store: Store) -> None:
    """With one voice that begins somewhere: the rest is one of them, turned and repeated."""
    mixed = SoundNoise("babble", -60.0, num_voices=1).over(store).audio(3).astype(float)
    matches = [
        max(abs(np.corrcoef(np.resize(np.roll(store.audio(row), k), 3000), mixed)[0, 1])
            for k in range(0, SAMPLES[row]))
        for row in range(3)
    ]  # fmt: skip
    assert sorted(match > 0.99 for match in matches) == [False, False, True]


def test_silence_stays_silent_and_a_noisy_store_says_so(store: Store) -> None:
    noisy = SoundNoise("white", -5.0).over(store)
    assert not noisy.audio(4).any()
    assert noisy.info["name"] == "hiss with white noise at -5 dB"
    assert noisy.fingerprint != store.fingerprint
    assert noisy.fingerprint != SoundNoise("white", -4.0).over(store).fingerprint
    assert SoundNoise("white", -5.0).name == "white_-5db"
    assert SoundNoise("babble", 0.0, 3, seed=2).name == "babble_0db_3voices_seed2"


def test_babble_of_nobody_is_refused(tmp_path: Path) -> None:
    noisy = SoundNoise("babble", 0.0).over(make(tmp_path, ("train", *["test"] * 4)))
    assert len(noisy.audio(1)) == SAMPLES[1]
    with pytest.raises(ValueError, match="expected other items of the training split that could"):
        noisy.audio(0)
