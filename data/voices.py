"""Synthetic voices that read given texts: more speakers to train on, where people are few.

They teach what is said, not how well people are heard: nothing may be measured on them, so all
items are to be trained on. Given as ``extra`` beside a dataset of people.
"""

import hashlib
import logging
import multiprocessing
import random
import wave
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from rnnmm.data.studio.voice import SAMPLE_RATE, Speaker, speak
from rnnmm.domain import Count, Size
from rnnmm.manifest import Item, Manifest

VERSION = 1  # counts up whenever the same seed gives other clips
_ACCENTS = ("en-us", "en-us", "en-gb-x-rp", "en-gb-scotland", "en-029", "en-gb-x-gbcwmd")
_VARIANTS = (
    "Alex", "Alicia", "Andrea", "Andy", "Annie", "Denis", "Diogo", "Gene", "Gene2", "Henrique",
    "Hugo", "Jacky", "Lee", "Marco", "Mario", "Michael", "Mike", "Nguyen", "Reed", "Storm",
    "adam", "anika", "announcer", "antonio", "belinda", "benjamin", "boris", "caleb", "david",
    "ed", "edward", "edward2", "f1", "f2", "f3", "f4", "f5", "gustave", "ian", "iven", "iven2",
    "iven3", "iven4", "john", "kaukovalta", "klatt", "klatt2", "klatt3", "klatt4", "klatt5",
    "klatt6", "linda", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "marcelo", "max", "michel",
    "miguel", "mike2", "norbert", "pablo", "paul", "pedro", "quincy", "rob", "robert", "sandro",
    "shelby", "steph", "steph2", "steph3", "travis", "victor", "zac",
)  # fmt: skip
_PITCH = (15, 95)
_RATE_WPM = (110, 300)
_TRACT = (0.85, 1.25)
_FULL_SCALE = 32767

logger = logging.getLogger(__name__)


def prepare(
    root: str, texts: Sequence[str], num_speakers: Size = 140, seed: Count = 0
) -> Manifest:
    """Has every speaker read every text, unless that was done before, and lists the clips.

    The speakers differ in variant, accent, pitch, rate and in the length of the vocal tract. The
    clips lie in a folder of their own below the root, which is there whole or not at all. The
    bytes depend on the settings, the processor and the versions of espeak-ng, NumPy and SciPy.

    Args:
        root: where to put them; made if needed.
        texts: one or more, in English, different ones.
        num_speakers: who read all texts.
        seed: of everything drawn by lot, 0 or more.

    Raises:
        ValueError: No text, an empty one, or one twice; espeak-ng does not know a voice.
        OSError: espeak-ng does not start, or the folder cannot be written.
    """
    if not texts or len(set(texts)) < len(texts) or not all(text.strip() for text in texts):
        raise ValueError(
            f"voices.texts: expected one or more texts, none empty and none twice, got "
            f"{list(texts)}"
        )
    digest = hashlib.blake2b("\0".join(texts).encode(), digest_size=4).hexdigest()
    folder = Path(root) / f"voices_v{VERSION}_{digest}_{num_speakers}speakers_seed{seed}"
    speakers = draw_speakers(num_speakers, seed)
    if not folder.is_dir():
        logger.info("making %d synthetic clips in %s", num_speakers * len(texts), folder)
        _make(folder, speakers, texts)
    items = tuple(
        Item(f"{speaker.name}_{number:04}", _file_name(speaker, number), "train", text=text,
             label=text, speaker=speaker.name)
        for speaker in speakers
        for number, text in enumerate(texts)
    )  # fmt: skip
    finding = "synthetic: made by rnnmm (espeak-ng voices), not recordings; for training alone"
    return Manifest("voices", folder, items, (finding,))


def draw_speakers(num_speakers: int, seed: int) -> list[Speaker]:
    """Speakers by lot, the same for the same seed."""
    chance = random.Random(seed)
    return [
        Speaker(
            name=f"voice{number:04}",
            voice=f"{chance.choice(_ACCENTS)}+{chance.choice(_VARIANTS)}",
            pitch=chance.randint(*_PITCH),
            rate_wpm=chance.randint(*_RATE_WPM),
            tract=chance.uniform(*_TRACT),
        )
        for number in range(num_speakers)
    ]


def _make(folder: Path, speakers: Sequence[Speaker], texts: Sequence[str]) -> None:
    """All clips, or no folder: an interrupted run leaves nothing that a later one would trust."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Samples of most voices hang on what the engine has said before: it gets a fresh process.
    context = multiprocessing.get_context("spawn")
    with (
        TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as name,
        ProcessPoolExecutor(1, context) as pool,
    ):
        made = Path(name) / "clips"
        made.mkdir()
        pool.submit(_read_all, made, speakers, texts).result()
        try:
            made.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another run was quicker: the same clips
                raise


def _read_all(folder: Path, speakers: Sequence[Speaker], texts: Sequence[str]) -> None:
    for speaker in speakers:
        for number, text in enumerate(texts):
            _write(folder / _file_name(speaker, number), speak(text, speaker))


def _file_name(speaker: Speaker, number: int) -> str:
    return f"{speaker.name}_{number:04}.wav"


def _write(path: Path, samples: NDArray[np.float32]) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        file.writeframes((samples * _FULL_SCALE).round().astype("<i2").tobytes())
