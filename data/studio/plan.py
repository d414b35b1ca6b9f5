"""Which clip shows and says what: the whole corpus as values, before anything is drawn.

Within a split, speakers, actions and colours are dealt out evenly, and sentences independently of
them. What is held out: no sentence occurs twice, and no combination of action, colour and
background is in two splits. Each pair of the three occurs in all splits (given enough clips), so
that a colour never says what the figure cannot be doing.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from rnnmm.data.studio.grammar import ACTIONS, sentences
from rnnmm.data.studio.stage import BACKGROUNDS, COLOURS
from rnnmm.data.studio.voice import SPEAKERS, Speaker

T = TypeVar("T")

_SHARES = 7  # val and test get one clip in seven each
_HELD_OUT = {"val": 1, "test": 4}  # see _backgrounds
MIN_CLIPS = _SHARES * len(SPEAKERS)


@dataclass(frozen=True, slots=True)
class Clip:
    """One clip to be made.

    Args:
        index: its place in the corpus; with the seed, the source of all its chance.
        split: "train", "val" or "test".
        text: what the voice says.
        speaker: who says it.
        action: what the figure does, a key of `ACTIONS`.
        colour: the figure's, a key of `COLOURS`.
        background: the wall's colour, a key of `BACKGROUNDS`.
    """

    index: int
    split: str
    text: str
    speaker: Speaker
    action: str
    colour: str
    background: str

    @property
    def id(self) -> str:
        return f"studio_{self.index:05d}"

    @property
    def file_name(self) -> str:
        return f"{self.id}.mp4"


def plan_clips(num_clips: int, seed: int) -> tuple[Clip, ...]:
    """The corpus for a seed: a function of its arguments alone.

    Raises:
        ValueError: Fewer clips than put every speaker into every split, or more than the grammar
            has sentences.
    """
    every_sentence = sentences()
    if not MIN_CLIPS <= num_clips <= len(every_sentence):
        raise ValueError(
            f"dataset.num_clips: expected {MIN_CLIPS} to {len(every_sentence)} "
            f"(all speakers in all splits, no sentence twice), got {num_clips}"
        )
    chance = random.Random(f"studio {seed}")
    held_out = num_clips // _SHARES
    texts = _deal_sentences(every_sentence, num_clips - 2 * held_out, 2 * held_out, chance)
    splits = ["train"] * (num_clips - 2 * held_out) + ["val"] * held_out + ["test"] * held_out
    return tuple(
        Clip(index, split, text, *scene)
        for index, (split, text, scene) in enumerate(
            zip(splits, texts, _deal_scenes(splits, chance), strict=True)
        )
    )


def _deal_sentences(
    every: tuple[str, ...], num_train: int, num_held_out: int, chance: random.Random
) -> list[str]:
    """Distinct sentences, train first; the rest only of words that train has."""
    shuffled = chance.sample(every, len(every))
    train, rest = shuffled[:num_train], shuffled[num_train:]
    words = {word for text in train for word in text.split()}
    known = [text for text in rest if words.issuperset(text.split())]
    return train + known[:num_held_out]


def _deal_scenes(
    splits: Sequence[str], chance: random.Random
) -> list[tuple[Speaker, str, str, str]]:
    scenes = []
    for split in dict.fromkeys(splits):
        count = splits.count(split)
        colours = {action: iter(_deal(tuple(COLOURS), count, chance)) for action in ACTIONS}
        for speaker, action in _deal_cast(count, chance):
            colour = next(colours[action])
            background = chance.choice(_backgrounds(action, colour, split))
            scenes.append((speaker, action, colour, background))
    return scenes


def _deal_cast(count: int, chance: random.Random) -> list[tuple[Speaker, str]]:
    """Pairs of speaker and action: each speaker, action and pair equally often, up to one."""
    speakers = chance.sample(SPEAKERS, len(SPEAKERS))
    actions = chance.sample(tuple(ACTIONS), len(ACTIONS))
    # Counted side by side, they meet in the same pairs again after this many clips: then the
    # actions move on by one.
    period = math.lcm(len(speakers), len(actions))
    cast = [
        (speakers[i % len(speakers)], actions[(i + i // period) % len(actions)])
        for i in range(count)
    ]
    return chance.sample(cast, count)


def _backgrounds(action: str, colour: str, split: str) -> tuple[str, ...]:
    """Where a split shows an action in a colour: one wall is held out for val, one for test.

    Which one moves on with the action and with the colour, so that over all actions, or all
    colours, every wall is in every split.
    """
    walls = tuple(BACKGROUNDS)
    first = tuple(ACTIONS).index(action) + tuple(COLOURS).index(colour)
    kept = {name: walls[(first + step) % len(walls)] for name, step in _HELD_OUT.items()}
    if split in kept:
        return (kept[split],)
    return tuple(wall for wall in walls if wall not in kept.values())


def _deal(values: Sequence[T], count: int, chance: random.Random) -> list[T]:
    """A shuffled list in which every value occurs equally often, up to one."""
    dealt: list[T] = []
    while len(dealt) < count:
        dealt += chance.sample(values, len(values))
    return dealt[:count]
