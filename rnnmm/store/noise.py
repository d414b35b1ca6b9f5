"""A store whose sound is harder to understand: noise for evaluation, the same each time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rnnmm.domain import Seed, Size
from rnnmm.store.commit import digest_bytes
from rnnmm.store.reader import Store, open_store

_LOUDEST = 32767.0
_VOICES = 6

Samples = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SoundNoise:
    """Noise on the sound of every item, at one ratio of their powers.

    What is added to an item is a function of the item's id, the seed and the training split. Where
    the sum would leave the range of int16 it is made softer as a whole. Digital silence stays
    silent.

    Args:
        kind: "white" (equal power per Hz), or "babble": other items of the training split that
            speak at a time, all equally loud, each begun at a random place.
        snr_db: power of the item over that of the noise, decibels.
        num_voices: how many speak in babble.
        seed: changes the noise of every item.
    """

    kind: Literal["white", "babble"]
    snr_db: float
    num_voices: Size = _VOICES
    seed: Seed = 0

    @property
    def name(self) -> str:
        """Of a folder for what was measured with it; what is as usual is left out."""
        voices = f"_{self.num_voices}voices" if self.num_voices != _VOICES else ""
        seed = f"_seed{self.seed}" if self.seed else ""
        return f"{self.kind}_{self.snr_db:g}db{voices}{seed}"

    def over(self, store: Store) -> Store:
        """The same items with this noise on their sound; names itself and has its own digest."""
        note = f"{store.info['digest']} {self}"
        info = {
            **store.info,
            "name": f"{store.info['name']} with {self.kind} noise at {self.snr_db:g} dB",
            "digest": digest_bytes(note.encode()),
        }
        return NoisyStore(store.path, info, store.index, self)


@dataclass(frozen=True, eq=False, repr=False)
class NoisyStore(Store):
    """As `Store`, made by `SoundNoise.over`; its sound is computed when it is asked for.

    Args:
        noise: what is added.
    """

    noise: SoundNoise

    def __reduce__(self) -> tuple[Callable[..., Store], tuple[Any, ...]]:
        return _reopen, (self.path, self.noise)

    def content_digest(self, shard: Mapping[str, Any]) -> str:
        """Not that of the file: it holds the sound without noise."""
        return digest_bytes(f"{shard['digest']} {self.fingerprint}".encode())

    def audio(self, i: int) -> NDArray[np.int16]:
        """``(N,)`` int16 PCM, with noise."""
        speech = super().audio(i).astype(np.float64)
        if not speech.any():
            return super().audio(i)
        key = f"{self.noise.seed}/{self.ids[i]}".encode()
        chance = np.random.default_rng(int.from_bytes(blake2b(key, digest_size=8).digest(), "big"))
        if self.noise.kind == "white":
            noise = chance.standard_normal(len(speech))
        else:
            noise = self._babble(i, len(speech), chance)
        mixed = speech + noise * (_level(speech) / _level(noise) * 10 ** (-self.noise.snr_db / 20))
        mixed *= min(1.0, _LOUDEST / np.abs(mixed).max())
        return np.rint(mixed).astype(np.int16)

    def _babble(self, i: int, length: int, chance: np.random.Generator) -> Samples:
        train = self.rows("train")
        others = train[(train != i) & (self.num_samples[train] > 0)]
        if not len(others):
            raise ValueError(
                f"{self.path}: expected other items of the training split that could babble over "
                f"{self.ids[i]}, got none; take kind=white"
            )
        chosen = chance.choice(others, self.noise.num_voices).tolist()
        voices = [
            np.resize(np.roll(voice, chance.integers(len(voice))), length)  # heard again if short
            for voice in (super(NoisyStore, self).audio(row).astype(np.float64) for row in chosen)
        ]
        babble: Samples = np.sum([voice / _level(voice) for voice in voices], axis=0)
        return babble


def _reopen(path: Any, noise: SoundNoise) -> Store:
    return noise.over(open_store(path))


def _level(samples: Samples) -> float:
    """Root mean square; of silence, 1."""
    return float(np.sqrt(np.mean(np.square(samples)))) or 1.0
