"""Captioning trained on what captions are scored by: self-critical sequence training.

A second stage, to be begun with the weights of a run that has learned each next word (`init`).
Captions are drawn from the model; those that score above a baseline become likelier, the others
less likely. "<eos>" is a word of every reference and of every answer that has ended, or a model
would learn to leave its sentences unfinished.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Literal, Self

import torch
from torch import Tensor

from rnnmm.batch import Padded, TextBatch
from rnnmm.decode.sample import draw
from rnnmm.decode.writer import beam_write
from rnnmm.domain import NotNegative, Size
from rnnmm.losses import policy_loss
from rnnmm.metrics.caption import BleuReferences
from rnnmm.metrics.cider import CiderReferences
from rnnmm.metrics.ngram import Caption
from rnnmm.models.captioner import WriterState
from rnnmm.tasks.captioning import EOS, Captioning, Captions
from rnnmm.tasks.task import References

# Settings of a loss that this task does not have.
_WITHOUT_EFFECT = ("label_smoothing", "per_step", "bag_weight", "coverage_weight", "sampling")


@dataclass(frozen=True)
class RewardedCaptions(Captions):
    """The sentences people wrote about an item, and what makes an answer to it good.

    What `Captions` has for learning each next word has no place here and stays as it is.

    Args:
        samples: captions drawn of each item and step.
        baseline: what a drawn caption must surpass: "others", the mean of the item's other ones,
            or "greedy", the answer without chance.
        cider_weight: of CIDEr-D (0..10) in the reward; document frequencies are those of the
            training split.
        bleu_weight: of the caption's own BLEU-4 (0..1).

    Raises:
        ValueError: "others" with one sample, nothing is rewarded, or a setting has no effect.

    Source:
        Rennie et al. 2017, arXiv 1612.00563 (greedy); Luo 2020, arXiv 2003.09971 (others).
    """

    samples: Size = 5
    baseline: Literal["others", "greedy"] = "others"
    cider_weight: NotNegative = 1.0
    bleu_weight: NotNegative = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        usual = {field.name: field.default for field in fields(self)}
        vain = [name for name in _WITHOUT_EFFECT if getattr(self, name) != usual[name]]
        if vain:
            raise ValueError(
                f"RewardedCaptions: expected no {' or '.join(vain)}, which the self-critical loss "
                f"does not have; set them in the first stage, task=caption, alone"
            )
        if self.baseline == "others" and self.samples < 2:
            raise ValueError(
                f"RewardedCaptions: expected samples >= 2 for the baseline others, got "
                f"{self.samples}; draw more or set baseline=greedy"
            )
        if not self.cider_weight + self.bleu_weight > 0:
            raise ValueError(
                "RewardedCaptions: expected a cider_weight or a bleu_weight above 0, got neither"
            )


@dataclass(frozen=True)
class Reward:
    """What a caption of an item is worth, from references looked at once.

    Args:
        places: of each row of the store in the two that follow.
        cider: references of all items.
        bleu: the same of each item; empty where BLEU counts nothing.
        cider_weight, bleu_weight: as in `RewardedCaptions`.
    """

    places: Mapping[int, int]
    cider: CiderReferences
    bleu: Sequence[BleuReferences]
    cider_weight: float
    bleu_weight: float

    @classmethod
    def of(cls, references: Mapping[int, References], target: RewardedCaptions) -> Self:
        """Looks at the captions of the training rows."""
        ended = [[[*text.split(), EOS] for text in texts] for texts in references.values()]
        return cls(
            {row: place for place, row in enumerate(references)},
            CiderReferences.of(ended),
            [BleuReferences.of(captions) for captions in ended] if target.bleu_weight else [],
            target.cider_weight,
            target.bleu_weight,
        )

    def worth(self, row: int, caption: Caption) -> float:
        """The reward of one caption, "<eos>" its last word if it has ended."""
        place, value = self.places[row], 0.0
        if self.cider_weight:
            value += self.cider_weight * self.cider.score(place, caption)
        if self.bleu_weight:
            value += self.bleu_weight * self.bleu[place].count(caption).scores()[-1]
        return value

    def all_worth(self, rows: Sequence[int], captions: Sequence[Caption]) -> list[float]:
        """``(N,)``: of many at once, in which an answer given twice is looked at once."""
        asked = [(row, tuple(caption)) for row, caption in zip(rows, captions)]
        known = {one: self.worth(*one) for one in set(asked)}
        return [known[one] for one in asked]


class SelfCritical(Captioning):
    """Captioning whose loss is a policy gradient on drawn captions."""

    target: RewardedCaptions
    _reward: Reward | None = None

    def learn_rewards(self, references: Mapping[int, References]) -> None:
        """Looks at the captions of every row that is trained on, once."""
        self._reward = Reward.of(references, self.target)

    def on_fit_start(self) -> None:
        """Looks at the training split."""
        train = self.trainer.datamodule.train  # type: ignore[attr-defined]
        self.learn_rewards({row: train.references[row] for row in train.index.tolist()})

    def loss(self, frames: Padded, batch: TextBatch) -> Tensor:
        """Minus how much likelier the better captions become, per drawn word."""
        count, max_tokens = self.target.samples, self.target.max_tokens
        state: WriterState = self.captioner.start(frames)
        items = torch.arange(len(batch.rows), device=frames.data.device)
        rows = items.repeat_interleave(count)  # (B k)
        luck = torch.rand(len(rows), max_tokens)
        start = torch.full_like(rows, self.bos)
        drawn = draw(self._step, state.select(rows), start, self.eos, luck)
        index = batch.rows.repeat_interleave(count)
        rewards = self._rewards(index, [row.tolist() for row in drawn.tokens.rows()])
        rewards = rewards.reshape(-1, count)  # (B, k)
        if self.target.baseline == "greedy":
            advantages = rewards - self._greedy_rewards(batch.rows, frames)[:, None]
        else:
            advantages = rewards - (rewards.sum(dim=1, keepdim=True) - rewards) / (count - 1)
        return policy_loss(drawn.log_probs, advantages.flatten().to(frames.data.device))

    @torch.no_grad()
    def _greedy_rewards(self, rows: Tensor, frames: Padded) -> Tensor:
        """``(B,)``: what the model's likeliest words are worth, without dropout."""
        was_training = self.model.training
        self.model.eval()
        start = torch.full((len(rows),), self.bos, device=frames.data.device)
        found = beam_write(
            self._step, WriterState.select, self.captioner.start(frames), start, self.eos,
            self.target.max_tokens,
        )  # fmt: skip
        self.model.train(was_training)
        longest = self.target.max_tokens
        tokens = [[*best.tokens, self.eos][:longest] for (best, *_) in found]
        return self._rewards(rows, tokens)

    def _rewards(self, rows: Tensor, tokens: Sequence[Sequence[int]]) -> Tensor:
        """``(N,)`` float64 on the CPU, of captions with their ends."""
        assert self._reward is not None, "no training has begun"
        symbols = self.answers.vocabulary.symbols
        captions = [[symbols[token] for token in caption] for caption in tokens]
        return torch.tensor(self._reward.all_worth(rows.tolist(), captions), dtype=torch.float64)
