"""Clips played backwards in training, each under the class that it then shows.

Half of such clips teach that the order of the frames is what tells two classes apart.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from rnnmm.batch import AudioVisual, Padded
from rnnmm.text.vocabulary import Vocabulary


def turned_classes(pairs: Sequence[Sequence[str]], classes: Vocabulary) -> Tensor:
    """What each class becomes when its clips are played backwards.

    Args:
        pairs: two names each, of classes that become each other; twice the same name for a class
            that stays what it is.
        classes: all of them, K.

    Returns:
        ``(K,)`` int64; -1 of a class in no pair, whose clips are only played as they are.

    Raises:
        ValueError: No pair, an unknown class, or one in two pairs.
    """
    turned = torch.full((len(classes),), -1)
    for pair in pairs:
        unknown = [name for name in pair if not classes.contains(name)]
        taken = [name for name in pair if not unknown and turned[classes.index(name)] >= 0]
        if len(pair) != 2 or unknown or taken:
            raise ValueError(
                f"task.target.backwards: expected pairs of classes of the training split, each in "
                f"one pair at most, got {list(pair)}; the classes are "
                f"{', '.join(classes.symbols)}"
            )
        first, second = (classes.index(name) for name in pair)
        turned[first], turned[second] = second, first
    return turned


def turn_some(
    x: Padded, labels: Tensor, turned: Tensor, generator: torch.Generator
) -> tuple[Padded, Tensor]:
    """Plays each clip of a class that has a turned one backwards, with probability 1/2.

    Args:
        x: ``(B, T, ...)``, of steps that do not say themselves which way things move (pictures or
            sound, no optical flow).
        labels: ``(B,)`` int64.
        turned: ``(K,)``, see `turned_classes`.
        generator: on the CPU; advanced by B draws.

    Returns:
        The clips, of the same shape and lengths, and their classes.

    Raises:
        ValueError: ``x`` is sound beside pictures.
    """
    if isinstance(x, AudioVisual):
        raise ValueError(
            "backwards: expected sound or pictures alone, got both; set task.target.backwards=[]"
        )
    others = turned.to(labels.device, non_blocking=True)[labels]
    chosen = torch.rand(len(labels), generator=generator) < 0.5
    chosen = chosen.to(labels.device, non_blocking=True) & (others >= 0)
    steps = torch.arange(x.data.shape[1])
    last = x.lengths[:, None] - 1
    places = torch.where(steps <= last, (last - steps).abs(), steps)  # padding stays where it is
    places = torch.where(chosen.cpu()[:, None], places, steps).to(x.data.device)
    rows = torch.arange(len(labels), device=x.data.device)[:, None]
    return x.with_data(x.data[rows, places]), torch.where(chosen, others, labels)
