"""The studio's voices: espeak-ng driven through ctypes, the same samples for the same call.

Only espeak variants without flutter are used: flutter runs on inside the engine from one
utterance to the next, so the samples would depend on what was said before. To be told apart,
the speakers differ in variant, accent, pitch and rate, and in the length of the vocal tract: the
synthetic voice is taken for one sampled at another rate, which moves pitch and formants together.
"""

import ctypes
from dataclasses import dataclass
from functools import cache
from typing import Any

import espeakng_loader
import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

SAMPLE_RATE = 16_000

# Constants of espeak-ng's speak_lib.h.
_SYNCHRONOUS = 2  # samples go to the callback before espeak_Synth returns
_DONT_EXIT = 0x8000
_UTF8 = 1
_RATE, _VOLUME, _PITCH = 1, 2, 3
_ENGINE_RATE = 22_050
_QUIET = 60  # of 100: some variants clip at full volume
_SILENCE = 64  # the largest 16-bit sample that counts as the engine's own lead-in or tail

_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


@dataclass(frozen=True, slots=True)
class Speaker:
    """One synthetic speaker.

    Args:
        name: what the manifest calls the speaker.
        voice: espeak's ``language+variant``; a variant without flutter.
        pitch: espeak's pitch, 0-99.
        rate_wpm: words per minute before the tract is applied, 80-450.
        tract: how many times higher pitch, formants and tempo become; above 1: a shorter tract.
    """

    name: str
    voice: str
    pitch: int
    rate_wpm: int
    tract: float = 1.0


SPEAKERS = (
    Speaker("ada", "en-us+shelby", 62, 140, 1.10),
    Speaker("boris", "en-us+Storm", 35, 150, 0.91),
    Speaker("clara", "en-gb-x-rp+michel", 95, 125, 1.30),
    Speaker("denis", "en-us+Denis", 70, 155, 1.08),
    Speaker("edna", "en-us+miguel", 75, 135, 1.08),
    Speaker("frank", "en-us+david", 60, 165, 0.97),
    Speaker("greta", "en-us+klatt6", 90, 130, 1.22),
    Speaker("hugo", "en-gb-x-rp+Hugo", 40, 170, 0.86),
    Speaker("irma", "en-us+Storm", 80, 135, 1.20),
    Speaker("jonas", "en-us+klatt6", 45, 155, 1.04),
    Speaker("karl", "en-gb-x-rp+miguel", 20, 160, 0.95),
    Speaker("luise", "en-us+Henrique", 75, 130, 1.12),
)


def speak(
    text: str, speaker: Speaker, pitch_shift: int = 0, rate_scale: float = 1.0
) -> NDArray[np.float32]:
    """Reads a text out, without the engine's silence before and after.

    The engine is one per process and not thread-safe.

    Args:
        text: a sentence in English.
        speaker: who reads.
        pitch_shift: added to the speaker's pitch; the sum stays within 0-99.
        rate_scale: times the speaker's rate.

    Returns:
        (N,), within [-1, 1], at `SAMPLE_RATE`.

    Raises:
        OSError: espeak-ng does not start.
        ValueError: espeak-ng does not know the voice, or says nothing.
    """
    engine = _engine()
    if engine.espeak_SetVoiceByName(speaker.voice.encode()) != 0:
        raise ValueError(
            f"speaker {speaker.name}: expected a voice of espeak-ng, got {speaker.voice!r}"
        )
    engine.espeak_SetParameter(_RATE, round(speaker.rate_wpm * rate_scale), 0)
    engine.espeak_SetParameter(_PITCH, min(max(speaker.pitch + pitch_shift, 0), 99), 0)
    engine.espeak_SetParameter(_VOLUME, _QUIET, 0)
    return _to_sample_rate(_trim(_synthesize(engine, text), text), speaker.tract)


def _synthesize(engine: ctypes.CDLL, text: str) -> NDArray[np.int16]:
    chunks: list[NDArray[np.int16]] = [np.zeros(0, np.int16)]

    def collect(wave: Any, num_samples: int, _events: Any) -> int:
        if wave and num_samples > 0:
            chunks.append(np.ctypeslib.as_array(wave, (num_samples,)).copy())
        return 0  # go on

    callback = _Callback(collect)
    engine.espeak_SetSynthCallback(callback)
    spoken = text.encode() + b"\0"
    engine.espeak_Synth(spoken, len(spoken), 0, 0, 0, _UTF8, None, None)
    return np.concatenate(chunks)


def _trim(pcm: NDArray[np.int16], text: str) -> NDArray[np.int16]:
    loud = np.flatnonzero(np.abs(pcm.astype(np.int32)) > _SILENCE)
    if not loud.size:
        raise ValueError(f"expected a sentence that espeak-ng can say, got {text!r}")
    return pcm[loud[0] : loud[-1] + 1]


def _to_sample_rate(pcm: NDArray[np.int16], tract: float) -> NDArray[np.float32]:
    # 22 050 Hz -> 16 000 Hz is 320/441; a shorter tract is a higher assumed input rate.
    wave = resample_poly(pcm / 32768.0, 320, round(441 * tract))
    return np.asarray(np.clip(wave, -1.0, 1.0), np.float32)


@cache
def _engine() -> ctypes.CDLL:
    library, data = espeakng_loader.get_library_path(), espeakng_loader.get_data_path()
    engine = ctypes.CDLL(library)
    if engine.espeak_Initialize(_SYNCHRONOUS, 0, str(data).encode(), _DONT_EXIT) != _ENGINE_RATE:
        raise OSError(f"espeak-ng does not start; expected its data in {data}")
    return engine
