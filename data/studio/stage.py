"""The picture: a coloured figure acts before a wall, filmed by an unsteady camera."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rnnmm.data.studio.pose import MOVES, Point, Pose, Tempo, trace_limbs

SIDE_PX = 96
FRAME_RATE = 12.0

Rgb = tuple[int, int, int]
Image = NDArray[np.uint8]

# Names that captions use. No figure has the colour of a wall.
COLOURS: dict[str, Rgb] = {
    "red": (215, 30, 35),
    "orange": (250, 140, 10),
    "yellow": (245, 225, 40),
    "green": (30, 160, 50),
    "blue": (30, 70, 225),
    "purple": (135, 40, 180),
    "white": (245, 245, 245),
    "black": (25, 25, 25),
}
BACKGROUNDS: dict[str, Rgb] = {
    "grey": (140, 140, 140),
    "pink": (245, 170, 190),
    "brown": (130, 80, 50),
    "cyan": (125, 215, 220),
    "olive": (110, 130, 55),
    "lilac": (185, 165, 230),
}

_MARGIN_PX = 4  # how much larger the wall is than the picture: what the camera may shake
_SUBPIXEL_BITS = 4


@dataclass(frozen=True, slots=True)
class Scene:
    """What is in front of the camera, and where.

    Args:
        action: a key of `MOVES`.
        colour: a key of `COLOURS`.
        background: a key of `BACKGROUNDS`.
        tempo: when the action happens.
        height_px: of the standing figure.
        centre_px: where the figure's middle is when its action puts it nowhere else.
        floor_px: how far below the upper edge its feet stand.
        is_mirrored: left and right swapped, for actions of one side.
    """

    action: str
    colour: str
    background: str
    tempo: Tempo
    height_px: float
    centre_px: float
    floor_px: float
    is_mirrored: bool


def draw_scene(action: str, colour: str, background: str, chance: np.random.Generator) -> Scene:
    """Draws by lot what the plan leaves open: size, place, tempo, side."""
    start = chance.uniform(0.05, 0.3)
    return Scene(
        action=action,
        colour=colour,
        background=background,
        tempo=Tempo(
            cycles=chance.uniform(2.2, 3.4),
            phase=chance.uniform(),
            start=start,
            stop=start + chance.uniform(0.35, 0.6),
        ),
        height_px=chance.uniform(54, 70),
        centre_px=SIDE_PX / 2 + chance.uniform(-9, 9),
        floor_px=chance.uniform(82, 90),
        is_mirrored=bool(chance.integers(2)),
    )


def film(scene: Scene, num_frames: int, chance: np.random.Generator) -> Image:
    """Films a scene from its first to its last moment.

    Returns:
        (num_frames, H, W, 3), RGB, `SIDE_PX` on each side.
    """
    wall = _paint_wall(scene, chance)
    colour = _vary(COLOURS[scene.colour], chance)
    shake = _shake(num_frames, chance)
    frames = [
        _add_grain(_photograph(scene, wall, colour, frame / num_frames, shake[frame]), chance)
        for frame in range(num_frames)
    ]
    return np.stack(frames)


def _photograph(
    scene: Scene, wall: Image, colour: Rgb, time: float, shake: NDArray[np.float64]
) -> Image:
    left, top = (int(offset) for offset in np.round(shake))
    frame = wall[top : top + SIDE_PX, left : left + SIDE_PX].copy()
    place = (
        scene.centre_px + _MARGIN_PX - float(shake[0]),
        scene.floor_px + _MARGIN_PX - float(shake[1]),
    )
    _draw_figure(frame, scene, MOVES[scene.action](time, scene.tempo), colour, place)
    return frame


def _draw_figure(frame: Image, scene: Scene, pose: Pose, colour: Rgb, place: Point) -> None:
    lines, head = trace_limbs(_mirror(pose) if scene.is_mirrored else pose)
    dark = tuple(channel // 3 for channel in colour)
    width = round(0.085 * scene.height_px)
    for shade, thickness in ((dark, width + 2), (colour, width)):
        for line in lines:
            points = np.array([_to_fixed(point, scene, place) for point in line], np.int32)
            cv2.polylines(frame, [points], False, shade, thickness, cv2.LINE_AA, _SUBPIXEL_BITS)
        radius = round((1.05 * width + (thickness - width) / 2) * 2**_SUBPIXEL_BITS)
        middle = _to_fixed(head, scene, place)
        cv2.circle(frame, middle, radius, shade, cv2.FILLED, cv2.LINE_AA, _SUBPIXEL_BITS)


def _mirror(pose: Pose) -> Pose:
    """Swaps the sides of the body, not the way it goes."""
    return Pose(arms=pose.arms[::-1], legs=pose.legs[::-1], x=pose.x, lift=pose.lift)


def _to_fixed(point: Point, scene: Scene, place: Point) -> tuple[int, int]:
    scale = 2**_SUBPIXEL_BITS
    x, y = (at + along * scene.height_px for at, along in zip(place, point, strict=True))
    return round(x * scale), round(y * scale)


def _paint_wall(scene: Scene, chance: np.random.Generator) -> Image:
    """A wall with stains, perhaps stripes, and a darker floor."""
    side = SIDE_PX + 2 * _MARGIN_PX
    stains = cv2.resize(
        chance.uniform(-14, 14, (7, 7)).astype(np.float32),
        (side, side),
        interpolation=cv2.INTER_CUBIC,
    )
    period_px, amplitude = chance.uniform(8, 20), chance.choice([0.0, 9.0])
    across = np.sin(np.arange(side) * 2 * np.pi / period_px) * amplitude
    shade = stains + (across if chance.integers(2) else across[:, None])
    shade[round(scene.floor_px) - 2 + _MARGIN_PX :] -= 30
    base = np.array(_vary(BACKGROUNDS[scene.background], chance))
    return _to_pixels(base + shade[..., None])


def _vary(colour: Rgb, chance: np.random.Generator) -> Rgb:
    shift = chance.integers(-12, 13) + chance.integers(-4, 5, 3)  # lightness more than hue
    red, green, blue = np.clip(np.array(colour) + shift, 0, 255)
    return int(red), int(green), int(blue)


def _shake(num_frames: int, chance: np.random.Generator) -> NDArray[np.float64]:
    """(T, 2): the picture's corner within the wall, a random walk that stays near the middle."""
    path = np.cumsum(chance.normal(0, 0.5, (num_frames, 2)), axis=0)
    return np.asarray(np.clip(_MARGIN_PX + path - path.mean(0), 0, 2 * _MARGIN_PX))


def _add_grain(frame: Image, chance: np.random.Generator) -> Image:
    grain = chance.integers(-4, 5, (SIDE_PX, SIDE_PX, 1), dtype=np.int16)
    return _to_pixels(frame + grain)


def _to_pixels(values: NDArray[Any]) -> Image:
    return np.asarray(np.clip(values, 0, 255), np.uint8)
