"""A process that finds its place in the middle of an epoch and says what that took.

Started by `rnnmm.bench.order`, fresh each time: ``python -m rnnmm.bench.restart LENGTHS.npy``.
"""

import hashlib
import json
import sys
import time
from pathlib import Path

import numpy as np

from rnnmm.loading.order import Batching, epoch_order

RATE_HZ = 16_000
BUDGET = Batching(batch_size=4096, max_steps=128 * RATE_HZ, shares=4)  # 128 s of audio a step


def restart(path: Path) -> dict[str, float | str]:
    """From the lengths on disk to the ids of the middle step.

    Args:
        path: a file of ``(items,)`` int64 lengths.

    Returns:
        ``seconds``, ``bytes`` at the peak beyond what the process held before, and ``digest`` of
        the ids.
    """
    before, start = _memory("VmRSS"), time.perf_counter()
    order = epoch_order(np.load(path, allow_pickle=False), BUDGET, "bench", 0, 0)
    ids = order.share(len(order) // 2, rank=1, world=4)
    seconds = time.perf_counter() - start
    digest = hashlib.blake2b(ids.tobytes()).hexdigest()
    return {"seconds": seconds, "bytes": _memory("VmHWM") - before, "digest": digest}


def _memory(field: str) -> int:
    """Bytes, as Linux counts them."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    (line,) = (line for line in lines if line.startswith(f"{field}:"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    sys.stdout.write(json.dumps(restart(Path(sys.argv[1]))))
