"""P9: a real training step fed by the loader, against the same step fed from memory."""

import math
from collections.abc import Iterable, Sequence

import torch

from rnnmm.batch import Padded, TextBatch
from rnnmm.bench.loader_media import SAMPLE_RATE
from rnnmm.bench.row import Row, lower_wins
from rnnmm.bench.timing import interleaved
from rnnmm.features.mel import Mfcc
from rnnmm.loading.gather import gather
from rnnmm.loading.loader import Loader
from rnnmm.loading.order import Batching, sorted_order
from rnnmm.loading.ring import Ring
from rnnmm.losses import ctc_loss
from rnnmm.models.ctc import CtcModel
from rnnmm.models.encoder import Crnn
from rnnmm.store.reader import Store

NUM_STEPS = 3
_BATCH = 16
_HIDDEN = 128
_SYMBOLS = 30
_SYMBOLS_PER_CLIP = 20
_GOAL = 1 / 1.05


def fed_against_cached(store: Store, device: torch.device) -> Row:
    """MFCC, CRNN, CTC, backward and AdamW over the same batches in the same order.

    The cached batches lie in memory, on the device, before the clock starts.
    """
    step = _Step(device)
    loader = _loader(store, device)
    cached = list(loader)
    # A few steps take 0.3 s, and of five such turns the medians still differ by 6 % by themselves.
    contestants = [lambda: step.run(loader), lambda: step.run(cached)]
    seconds = interleaved(contestants, repeats=15, warm_up=2)
    fed_s, cached_s = (each / len(cached) for each in seconds)
    name = f"training step (CRNN, BiLSTM-{_HIDDEN} x 2, batch {_BATCH}) fed by the loader"
    return lower_wins("P9", name, "s", fed_s, "the same step, cached batches", cached_s, _GOAL)


class _Step:
    """A model in training."""

    def __init__(self, device: torch.device) -> None:
        torch.manual_seed(0)
        self._mfcc = Mfcc(SAMPLE_RATE, num_mfcc=40).to(device)
        encoder = Crnn(40, "time", channels=(64, 64), hidden_dim=_HIDDEN)
        self._model = CtcModel(encoder, _SYMBOLS).to(device)
        self._optim = torch.optim.AdamW(self._model.parameters(), 1e-3)

    def run(self, batches: Iterable[TextBatch]) -> None:
        for batch in batches:
            loss = ctc_loss(self._model(self._mfcc(batch.inputs)), batch.targets)
            self._optim.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self._optim.step()


def _loader(store: Store, device: torch.device) -> Loader[TextBatch]:
    ring = Ring(5, is_pinned=device.type == "cuda")
    order = sorted_order(store.num_samples, Batching(_BATCH))
    batches = [rows.tolist() for rows in order]
    batches = batches[:: math.ceil(len(batches) / NUM_STEPS)]  # short and long ones

    def make(rows: Sequence[int]) -> TextBatch:
        inputs = gather(store, rows, "audio", ring)
        generator = torch.Generator().manual_seed(rows[0])
        shape = len(rows), _SYMBOLS_PER_CLIP
        symbols = torch.randint(1, _SYMBOLS, shape, generator=generator)
        targets = Padded(symbols, torch.full((len(rows),), _SYMBOLS_PER_CLIP))
        return TextBatch(torch.as_tensor(rows), inputs, targets)

    return Loader(make, batches, depth=2, device=device)
