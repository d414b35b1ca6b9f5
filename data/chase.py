"""Chase: made sequences of a textured shape that moves before and behind others.

No recordings: a tracker learns from them what it is to follow, as Re3 does from sequences made of
photographs. In each clip a shape drifts, turns round at the edges, grows and shrinks over a
textured wall that drifts too; other shapes move behind it, and in half of the clips one before it.
"""

import os
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np
from av.codec.context import Flags
from numpy.typing import NDArray

from rnnmm.domain import Count, Size
from rnnmm.manifest import Item, Manifest, count_of
from rnnmm.text.boxes import Box, Sighting, write_sighting

VERSION = 1  # counts up whenever the same seed gives other clips
SIDE_PX, NUM_FRAMES, FRAME_RATE = 128, 30, 10
_SHARE = 7  # one clip in so many is val, one test
_NUM_BEHIND = 2
_X264 = {"preset": "veryfast", "crf": "20", "x264-params": "mbtree=0"}

_Picture = NDArray[np.uint8]
_Path = NDArray[np.int64]


class _Shape(NamedTuple):
    """patch: ``(P, P, 3)`` its texture. mask: ``(P, P)`` 0..1. boxes: ``(T, 4)`` left, top, width,
    height in whole pixels."""

    patch: _Picture
    mask: NDArray[np.float32]
    boxes: _Path


def prepare(root: str, num_clips: Size = 280, seed: Count = 0) -> Manifest:
    """Makes the clips that are not there yet, and lists them.

    They lie in a folder of their own below the root, named by version and seed; a clip does not
    depend on how many there are. Each is made whole or not at all.

    Args:
        root: where to put them; made if needed.
        num_clips: at least 7; one in seven is val, one in seven test.
        seed: of all of them.

    Returns:
        Items with the box of the shape in each frame as segments, also where something hides it.

    Raises:
        ValueError: Fewer than 7 clips.
    """
    if num_clips < _SHARE:
        raise ValueError(f"dataset.num_clips: expected at least {_SHARE}, got {num_clips}")
    folder = Path(root) / f"chase_v{VERSION}_seed{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(num_clips):
        if not (folder / _name(index)).is_file():
            _write(folder / _name(index), draw_clip(seed, index))
    items = tuple(_item(seed, index) for index in range(num_clips))
    finding = f"synthetic: {count_of(num_clips, 'clip')} of moving shapes, made by rnnmm"
    return Manifest("chase", folder, items, (finding,))


def draw_clip(seed: int, index: int) -> NDArray[np.uint8]:
    """``(T, H, W, 3)`` RGB: a function of seed and index alone."""
    wall, shapes, _ = _plan(seed, index)
    return np.stack([_draw(wall, shapes, t) for t in range(NUM_FRAMES)])


def boxes_of(seed: int, index: int) -> list[Box]:
    """Where the shape is in each frame."""
    _, shapes, target = _plan(seed, index)
    return [Box(*map(float, row)) for row in shapes[target].boxes.tolist()]


def _plan(seed: int, index: int) -> tuple[_Picture, list[_Shape], int]:
    """The wall, the shapes from behind to before, and which of them is to be followed."""
    chance = np.random.default_rng([seed, index])
    is_hidden = index % 2 == 1
    shapes = [_shape(chance) for _ in range(_NUM_BEHIND + 1 + is_hidden)]
    return _texture(chance, 2 * SIDE_PX), shapes, _NUM_BEHIND


def _shape(chance: np.random.Generator) -> _Shape:
    side = 48
    rows, columns = (np.mgrid[:side, :side] + 0.5) / side * 2 - 1
    masks = (
        np.ones((side, side)),
        rows**2 + columns**2 <= 1,
        abs(rows) + abs(columns) <= 1,
        abs(columns) <= (rows + 1) / 2,
    )
    mask = masks[chance.integers(len(masks))].astype(np.float32)
    return _Shape(_texture(chance, side), mask, _wander(chance))


def _texture(chance: np.random.Generator, side: int) -> _Picture:
    """Coarse blotches of two or three colours, and fine ones on them."""
    cells = int(chance.integers(3, 8))
    coarse = chance.uniform(0, 255, (cells, cells, 3))
    fine = chance.normal(0, 20, (4 * cells, 4 * cells, 3))
    layers = (
        cv2.resize(one, (side, side), interpolation=cv2.INTER_CUBIC) for one in (coarse, fine)
    )
    return np.clip(sum(layers), 0, 255).astype(np.uint8)


def _wander(chance: np.random.Generator) -> _Path:
    """Boxes ``(T, 4)`` of a drift with inertia that turns round at the edges."""
    size = chance.uniform(16, 36, 2)
    place = chance.uniform(size / 2, SIDE_PX - size / 2)
    speed, growth, scale = chance.normal(0, 2.0, 2), 0.0, 0.0
    boxes = []
    for _ in range(NUM_FRAMES):
        now = size * np.exp(scale)
        boxes.append([*(place - now / 2), *now])
        speed = np.clip(0.95 * speed + chance.normal(0, 0.8, 2), -6, 6)
        growth = 0.9 * growth + chance.normal(0, 0.01)
        scale = float(np.clip(scale + growth, -0.5, 0.5))
        beyond = (place + speed < now / 2) | (place + speed > SIDE_PX - now / 2)
        speed = np.where(beyond, -speed, speed)
        place = np.clip(place + speed, now / 2, SIDE_PX - now / 2)
    return np.round(boxes).astype(np.int64)


def _draw(wall: _Picture, shapes: list[_Shape], t: int) -> _Picture:
    start = t % SIDE_PX  # the wall drifts by a pixel a frame
    canvas = wall[start : start + SIDE_PX, start // 2 : start // 2 + SIDE_PX].astype(np.float32)
    for patch, mask, boxes in shapes:
        x, y, width, height = boxes[t].tolist()
        rows, columns = slice(max(y, 0), y + height), slice(max(x, 0), x + width)
        under = canvas[rows, columns]
        size = (under.shape[1], under.shape[0])
        alpha = cv2.resize(mask, size, interpolation=cv2.INTER_AREA)[..., None]
        over = cv2.resize(patch, size, interpolation=cv2.INTER_LINEAR)
        canvas[rows, columns] = alpha * over + (1 - alpha) * under
    return canvas.round().astype(np.uint8)


def _name(index: int) -> str:
    return f"{index:05d}.mp4"


def _item(seed: int, index: int) -> Item:
    segments = tuple(
        write_sighting(Sighting(t / FRAME_RATE, (t + 1) / FRAME_RATE, box, SIDE_PX, SIDE_PX))
        for t, box in enumerate(boxes_of(seed, index))
    )
    split = {0: "test", 1: "val"}.get(index // 2 % _SHARE, "train")  # hidden ones in all of them
    return Item(f"{index:05d}", _name(index), split, segments=segments)


def _write(path: Path, frames: NDArray[np.uint8]) -> None:
    unfinished = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        _encode(unfinished, frames)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _encode(path: Path, frames: NDArray[np.uint8]) -> None:
    """H.264 with nothing in it of the time, the machine or the number of cores."""
    with av.open(str(path), "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=FRAME_RATE, options=_X264)
        stream.width = stream.height = SIDE_PX
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        stream.codec_context.flags |= int(Flags.bitexact)
        for number, picture in enumerate(frames):
            planes = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420), np.uint8)
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
