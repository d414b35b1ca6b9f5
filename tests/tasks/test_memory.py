"""Memory goes back to the system, whatever still lies between its holes."""

import sys
from pathlib import Path

import pytest
import torch

from rnnmm.tasks.memory import trim_heap


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_holes_in_the_heap_go_back_to_the_system() -> None:
    blocks = [torch.ones(16_000) for _ in range(2000)]  # 64 kB each, 128 MB
    held = blocks[::50]
    full_mb = resident_mb()
    del blocks
    trim_heap()
    assert resident_mb() < full_mb - 90
    assert all(bool((block == 1).all()) for block in held)
