"""Stages one after the other."""

from collections.abc import Iterator, Sequence

from torch import Tensor, nn

from rnnmm.batch import Padded
from rnnmm.features.stage import Stage, State


class Chain(Stage):
    """Features made by several stages in a row. No stage at all is the identity.

    Args:
        stages: in the order they are applied.

    Raises:
        ValueError: One of them is no `Stage`.
    """

    def __init__(self, stages: Sequence[nn.Module] = ()) -> None:
        super().__init__()
        for stage in stages:
            if not isinstance(stage, Stage):
                raise ValueError(f"Chain: expected stages of features, got {type(stage).__name__}")
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Padded) -> Padded:
        """Applies every stage."""
        for stage in self._each():
            x = stage(x)
        return x

    def output_dim(self, input_dim: int) -> int:
        """What the last stage gives."""
        for stage in self._each():
            input_dim = stage.output_dim(input_dim)
        return input_dim

    def frame_rate(self, input_rate: float) -> float:
        """What the last stage gives."""
        for stage in self._each():
            input_rate = stage.frame_rate(input_rate)
        return input_rate

    def num_frames(self, n: int) -> int:
        """What the last stage gives."""
        for stage in self._each():
            n = stage.num_frames(n)
        return n

    def initial_state(self, batch_size: int) -> State:
        """Those of the stages.

        Raises:
            ValueError: One of them has to see the whole sequence; it is named.
        """
        return tuple(stage.initial_state(batch_size) for stage in self._each())

    def step(self, x: Tensor, state: State, final: bool = False) -> tuple[Tensor, State]:
        """As `Stage.step`; each stage takes what the one before has completed."""
        states = []
        for stage, before in zip(self._each(), state):
            x, after = stage.step(x, before, final)
            states.append(after)
        return x, tuple(states)

    def _each(self) -> Iterator[Stage]:
        for stage in self.stages:
            assert isinstance(stage, Stage)
            yield stage
