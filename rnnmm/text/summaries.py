"""What people say of a video they were asked to shorten, as labels of its segments.

``chosen by ann``: in Ann's summary; ``importance 0.4``: what this stretch is worth, 0 to 1;
``shot``: something that is shown whole or not at all.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from rnnmm.manifest import Segment

_CHOSEN, _IMPORTANCE, _SHOT = "chosen by ", "importance ", "shot"

Span = tuple[float, float]


class Opinions(NamedTuple):
    """All that was said of one video; times half-open, in seconds.

    users: of each person what they chose. importance: (start_s, end_s, 0..1). shots: in order.
    """

    users: dict[str, list[Span]]
    importance: list[tuple[float, float, float]]
    shots: list[Span]


def chosen(start_s: float, end_s: float, user: str) -> Segment:
    """A stretch that a person would keep."""
    return Segment(start_s, end_s, f"{_CHOSEN}{user}")


def important(start_s: float, end_s: float, value: float) -> Segment:
    """A stretch worth so much, 0 to 1; to three decimals."""
    return Segment(start_s, end_s, f"{_IMPORTANCE}{value:.3f}")


def shot(start_s: float, end_s: float) -> Segment:
    """A stretch that is shown whole or not at all."""
    return Segment(start_s, end_s, _SHOT)


def is_opinion(segment: Segment) -> bool:
    """Whether a segment says what is worth seeing."""
    return segment.label.startswith((_CHOSEN, _IMPORTANCE))


def read_opinions(segments: Iterable[Segment]) -> Opinions:
    """What segments say; other labels are passed over.

    Raises:
        ValueError: An importance that is no number from 0 to 1.
    """
    users: dict[str, list[Span]] = defaultdict(list)
    found = Opinions({}, [], [])
    for start_s, end_s, label in sorted(segments):
        if label.startswith(_CHOSEN):
            users[label.removeprefix(_CHOSEN)].append((start_s, end_s))
        elif label.startswith(_IMPORTANCE):
            found.importance.append((start_s, end_s, _value(label)))
        elif label == _SHOT:
            found.shots.append((start_s, end_s))
    return found._replace(users=dict(users))


def _value(label: str) -> float:
    try:
        value = float(label.removeprefix(_IMPORTANCE))
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ValueError(
            f"segments: expected 'importance' and a number from 0 to 1, such as 'importance 0.4', "
            f"got {label!r}"
        )
    return value
