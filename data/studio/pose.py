"""How the figure holds itself: an action and a moment to the joints of a stick figure.

Lengths are in body heights, x to the viewer's right, y down, from the middle of the stage's floor
line. A limb's direction is in degrees: 0 hangs down, 90 points away from the body, 180 up, and
beyond that back inwards. The figure faces the viewer and is drawn the same on both sides, so a
single frame never shows where it walks, nor whether it is on its way down or up.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

Point = tuple[float, float]
Limb = tuple[float, float]  # directions of the upper and the lower part

THIGH, SHIN, UPPER_ARM, FOREARM = 0.23, 0.23, 0.18, 0.17
_HIP, _SHOULDER = 0.055, 0.105  # half widths
_TORSO, _NECK = 0.28, 0.14  # hip to shoulder, shoulder to the middle of the head

_HANGING: Limb = (12.0, 6.0)
_STANDING: Limb = (4.0, 2.0)


@dataclass(frozen=True, slots=True)
class Pose:
    """One moment of one action.

    Args:
        arms: left and right arm.
        legs: left and right leg.
        x: how far the whole figure is to the right, body heights.
        lift: how far its feet are above the floor, body heights.
    """

    arms: tuple[Limb, Limb] = (_HANGING, _HANGING)
    legs: tuple[Limb, Limb] = (_STANDING, _STANDING)
    x: float = 0.0
    lift: float = 0.0


@dataclass(frozen=True, slots=True)
class Tempo:
    """When an action happens in its clip.

    Args:
        cycles: repetitions in the clip, for what repeats.
        phase: where in the repetition the clip starts, 0-1.
        start: when a single movement starts, as a fraction of the clip.
        stop: when it has ended.
    """

    cycles: float
    phase: float
    start: float
    stop: float

    def swing(self, time: float) -> float:
        """Between -1 and 1, as often as there are cycles."""
        return math.sin(2 * math.pi * (self.cycles * time + self.phase))

    def progress(self, time: float) -> float:
        """From 0 to 1, once, smoothly."""
        part = min(max((time - self.start) / (self.stop - self.start), 0.0), 1.0)
        return part * part * (3 - 2 * part)


def wave(time: float, tempo: Tempo) -> Pose:
    """One arm hangs, the other is up and its forearm swings."""
    return Pose(arms=(_HANGING, (120.0, 150.0 + 40.0 * tempo.swing(time))))


def clap(time: float, tempo: Tempo) -> Pose:
    """Both arms in front, closing and opening."""
    closing = 0.5 + 0.5 * tempo.swing(time)
    arm = (70.0 - 38.0 * closing, 115.0 + 142.0 * closing)
    return Pose(arms=(arm, arm))


def jump(time: float, tempo: Tempo) -> Pose:
    """Knees bend, then both feet leave the ground and the arms spread."""
    height = tempo.swing(time)
    bend = 40.0 * max(-height, 0.0)
    spread = 60.0 * max(height, 0.0)
    arm = (20.0 + spread, 15.0 + spread)
    leg = (6.0 + bend, 3.0 - bend)
    return Pose(arms=(arm, arm), legs=(leg, leg), lift=0.17 * max(height, 0.0))


def kick(time: float, tempo: Tempo) -> Pose:
    """One leg swings forward, the arms balance."""
    height = 88.0 * max(tempo.swing(time), 0.0)
    arm = (25.0 + 0.3 * height, 20.0 + 0.3 * height)
    return Pose(arms=(arm, arm), legs=(_STANDING, (4.0 + height, 2.0 + height)))


def walk_left(time: float, tempo: Tempo) -> Pose:
    """Strides across the picture, from right to left."""
    return _walk(time, tempo, -1.0)


def walk_right(time: float, tempo: Tempo) -> Pose:
    """Strides across the picture, from left to right."""
    return _walk(time, tempo, 1.0)


def crouch_down(time: float, tempo: Tempo) -> Pose:
    """From standing to crouching, once."""
    return _crouch(tempo.progress(time))


def stand_up(time: float, tempo: Tempo) -> Pose:
    """From crouching to standing, once: `crouch_down` the other way round in time."""
    return _crouch(1.0 - tempo.progress(time))


MOVES: dict[str, Callable[[float, Tempo], Pose]] = {
    "wave": wave,
    "clap": clap,
    "jump": jump,
    "kick": kick,
    "walk left": walk_left,
    "walk right": walk_right,
    "crouch down": crouch_down,
    "stand up": stand_up,
}


def _walk(time: float, tempo: Tempo, direction: float) -> Pose:
    step = 26.0 * tempo.swing(time)
    arm, leg = (14.0 - 0.6 * step, 10.0 - 0.8 * step), (4.0 + step, 2.0 + 0.6 * step)
    # Slow at neither end: where the figure starts and stops is as random as its place on stage.
    return Pose(arms=(arm, arm), legs=(leg, leg), x=direction * 0.62 * (time - 0.5))


def _crouch(depth: float) -> Pose:
    leg = (4.0 + 84.0 * depth, 2.0 - 8.0 * depth)
    arm = (12.0 + 35.0 * depth, 6.0 + 10.0 * depth)
    return Pose(arms=(arm, arm), legs=(leg, leg))


def trace_limbs(pose: Pose) -> tuple[list[tuple[Point, ...]], Point]:
    """The figure's lines (torso, arms, legs) and the middle of its head.

    The longer leg stands on the floor, or `lift` above it.
    """
    reach = max(_drop(leg, THIGH, SHIN) for leg in pose.legs)
    hip_y = -reach - pose.lift
    shoulder_y = hip_y - _TORSO
    lines: list[tuple[Point, ...]] = [((pose.x, hip_y), (pose.x, shoulder_y))]
    for side, arm, leg in zip((-1, 1), pose.arms, pose.legs, strict=True):
        lines.append(_bend((pose.x + side * _HIP, hip_y), side, leg, THIGH, SHIN))
        lines.append(_bend((pose.x + side * _SHOULDER, shoulder_y), side, arm, UPPER_ARM, FOREARM))
    lines.append(((pose.x - _SHOULDER, shoulder_y), (pose.x + _SHOULDER, shoulder_y)))
    return lines, (pose.x, shoulder_y - _NECK)


def _drop(limb: Limb, upper: float, lower: float) -> float:
    return upper * math.cos(math.radians(limb[0])) + lower * math.cos(math.radians(limb[1]))


def _bend(start: Point, side: int, limb: Limb, upper: float, lower: float) -> tuple[Point, ...]:
    joint = _step(start, side, limb[0], upper)
    return start, joint, _step(joint, side, limb[1], lower)


def _step(start: Point, side: int, direction: float, length: float) -> Point:
    angle = math.radians(direction)
    return start[0] + side * length * math.sin(angle), start[1] + length * math.cos(angle)
