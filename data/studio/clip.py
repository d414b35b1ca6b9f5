"""One planned clip to one MP4 file: H.264 and AAC, the same bytes for the same plan and seed."""

import os
from pathlib import Path

import av
import cv2
import numpy as np
from av.codec.context import Flags
from numpy.typing import NDArray

from rnnmm.data.studio.plan import Clip
from rnnmm.data.studio.stage import FRAME_RATE, SIDE_PX, draw_scene, film
from rnnmm.data.studio.voice import SAMPLE_RATE, speak
from rnnmm.units import round_half_up, samples_to_seconds, seconds_to_samples

_SHORTEST_S, _LONGEST_S = 2.0, 2.6
# Without the macroblock tree: with it, x264 (core 165) gives other bytes from run to run for
# pictures that are not a multiple of 128 pixels wide.
_X264 = {"preset": "veryfast", "crf": "23", "x264-params": "mbtree=0"}
_AAC = {"aac_coder": "fast"}
_LEAST_SILENCE_S = 0.15  # of a clip, before and after the sentence together


def make_clip(clip: Clip, seed: int, folder: Path) -> None:
    """Makes the clip's file, all of it or nothing: a file that is there is complete."""
    chance = np.random.default_rng([seed, clip.index])
    sound = record(clip, chance)
    duration_s = samples_to_seconds(len(sound), SAMPLE_RATE)
    scene = draw_scene(clip.action, clip.colour, clip.background, chance)
    frames = film(scene, round_half_up(duration_s * FRAME_RATE), chance)
    path = folder / clip.file_name
    unfinished = folder / f".{clip.id}.{os.getpid()}.mp4"
    try:
        write_mp4(unfinished, frames, sound)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def record(clip: Clip, chance: np.random.Generator) -> NDArray[np.float32]:
    """The clip's sound: a sentence somewhere in it, at a random level, over background noise.

    Returns:
        (N,), within [-1, 1], at `SAMPLE_RATE`; a whole number of video frames long.
    """
    voice = speak(clip.text, clip.speaker, int(chance.integers(-4, 5)), chance.uniform(0.95, 1.05))
    voice *= 10 ** (chance.uniform(-26, -20) / 20) / float(np.sqrt(np.mean(voice**2)))
    spoken_s = samples_to_seconds(len(voice), SAMPLE_RATE)
    wanted_s = max(chance.uniform(_SHORTEST_S, _LONGEST_S), spoken_s + _LEAST_SILENCE_S)
    num_frames = int(np.ceil(wanted_s * FRAME_RATE))
    num_samples = seconds_to_samples(num_frames / FRAME_RATE, SAMPLE_RATE)
    start = int(chance.integers(num_samples - len(voice) + 1))
    level = float(np.sqrt(np.mean(voice**2)))
    sound = make_noise(num_samples, chance) * level * 10 ** (-chance.uniform(15, 30) / 20)
    sound[start : start + len(voice)] += voice
    return np.clip(sound, -1.0, 1.0).astype(np.float32)


def make_noise(num_samples: int, chance: np.random.Generator) -> NDArray[np.float64]:
    """Noise of RMS 1 between white and brown: its spectrum falls by 0 to 6 dB per octave."""
    size = 1 << (num_samples - 1).bit_length()  # a length that is quick to transform
    spectrum = np.fft.rfft(chance.standard_normal(size))
    bins = np.maximum(np.arange(len(spectrum)), 50 * size // SAMPLE_RATE)  # flat below 50 Hz
    noise = np.fft.irfft(spectrum * bins ** -chance.uniform(0, 1), size)[:num_samples]
    return noise / float(np.sqrt(np.mean(noise**2)))


def write_mp4(path: Path, frames: NDArray[np.uint8], sound: NDArray[np.float32]) -> None:
    """Writes an MP4 with nothing in it of the time, the machine or the number of cores.

    Args:
        path: of the new file.
        frames: (T, H, W, 3), RGB, at `FRAME_RATE`.
        sound: (N,), within [-1, 1], at `SAMPLE_RATE`.
    """
    with av.open(str(path), "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        video = container.add_stream("libx264", rate=round(FRAME_RATE), options=_X264)
        video.width = video.height = SIDE_PX
        video.pix_fmt = "yuv420p"
        audio = container.add_stream("aac", rate=SAMPLE_RATE, layout="mono", options=_AAC)
        audio.bit_rate = 48_000
        for stream in (video, audio):
            stream.codec_context.thread_count = 1
            stream.codec_context.flags |= int(Flags.bitexact)
        for number, picture in enumerate(frames):
            container.mux(video.encode(_to_video_frame(picture, number)))
        container.mux(audio.encode(_to_audio_frame(sound)))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))


def _to_video_frame(picture: NDArray[np.uint8], number: int) -> av.VideoFrame:
    # OpenCV converts in integers, the same on every processor; swscale does not promise that.
    planes = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420), np.uint8)
    frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
    frame.pts = number
    return frame


def _to_audio_frame(sound: NDArray[np.float32]) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(sound[None], format="fltp", layout="mono")
    frame.sample_rate = SAMPLE_RATE
    frame.pts = 0
    return frame
