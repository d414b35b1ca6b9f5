"""`rnnmm check`: every fault of a config at once, without running anything."""

from collections.abc import Sequence

from rnnmm.pipelines.compose import compose_config

REQUIRED = ("dataset", "preprocess", "features", "model", "task", "optim", "trainer", "loader")


def main(overrides: Sequence[str]) -> int:
    """Prints that there are no faults, or leaves with code 2 after all of them were shown."""
    config = compose_config(overrides, REQUIRED)
    print(f"no faults in {config['experiment'] or 'the config'}")
    return 0
