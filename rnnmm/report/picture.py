"""Frames as pictures that a page can carry inside itself."""

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

STRIP_FRAMES = 8
STRIP_EDGE_PX = 160
STILL_EDGE_PX = 400
CLIP_EDGE_PX = 192
CLIP_FRAMES = 48


def data_uri(media_type: str, content: bytes) -> str:
    """Bytes as an address that needs no second file."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"


def strip(frames: NDArray[np.uint8]) -> tuple[str, ...]:
    """Up to eight frames, evenly chosen, as JPEG addresses; a single frame comes out larger.

    Args:
        frames: ``(T, H, W, 3)`` uint8, RGB, T >= 1.
    """
    edge_px = STILL_EDGE_PX if len(frames) == 1 else STRIP_EDGE_PX
    chosen = choose_evenly(len(frames), STRIP_FRAMES)
    return tuple(
        data_uri("image/jpeg", _encode([_fit(frames[index], edge_px)], "JPEG", quality=82))
        for index in chosen
    )


def still(frame: NDArray[np.uint8]) -> str:
    """One frame ``(H, W, 3)`` uint8, RGB, in its own size, as a JPEG address."""
    return data_uri("image/jpeg", _encode([Image.fromarray(frame)], "JPEG", quality=75))


def animate(frames: NDArray[np.uint8], frame_rate: float) -> str:
    """A clip as the address of an animated WebP that repeats, at its true speed.

    Long clips keep their duration and lose frames: at most `CLIP_FRAMES` stay.

    Args:
        frames: ``(T, H, W, 3)`` uint8, RGB, T >= 1.
        frame_rate: of the frames, Hz.
    """
    chosen = choose_evenly(len(frames), CLIP_FRAMES)
    duration_ms = round(1000 * len(frames) / frame_rate / len(chosen))
    pictures = [_fit(frames[index], CLIP_EDGE_PX) for index in chosen]
    return data_uri("image/webp", _encode(pictures, "WEBP", duration=duration_ms, quality=55))


def choose_evenly(count: int, most: int) -> list[int]:
    """Indices into ``count`` things: the middles of at most ``most`` equal stretches.

    Example:
        >>> choose_evenly(10, 5), choose_evenly(3, 5)
        ([1, 3, 5, 7, 9], [0, 1, 2])
    """
    kept = min(count, most)
    return [(2 * index + 1) * count // (2 * kept) for index in range(kept)]


def _fit(frame: NDArray[np.uint8], edge_px: int) -> Image.Image:
    """A picture whose longer edge is at most ``edge_px``."""
    picture = Image.fromarray(frame)
    picture.thumbnail((edge_px, edge_px), Image.Resampling.LANCZOS)
    return picture


def _encode(pictures: list[Image.Image], format: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    first, *rest = pictures
    if rest:
        first.save(buffer, format, save_all=True, append_images=rest, loop=0, **options)
    else:
        first.save(buffer, format, **options)
    return buffer.getvalue()
