"""`rnnmm statistics`: mean and deviation of each feature, for `NormaliseGlobal` in a config."""

from collections.abc import Sequence

from rnnmm.experiment import training_statistics
from rnnmm.pipelines.compose import compose_config
from rnnmm.pipelines.console import console, logging_to
from rnnmm.pipelines.preprocess import preprocess

REQUIRED = ("dataset", "preprocess", "features", "task", "loader")


def main(overrides: Sequence[str]) -> int:
    """Prints them as YAML, taken over the training split alone, before any augmentation."""
    config = compose_config(overrides, REQUIRED)
    with logging_to():
        found = training_statistics(config, preprocess(config)[0])
    console.print(f"# {found.num_steps} steps of the training split", markup=False)
    for name, values in (("mean", found.mean), ("deviation", found.deviation)):
        shown = ", ".join(f"{value:.4g}" for value in values.tolist())
        console.print(f"{name}: [{shown}]", markup=False)
    return 0
