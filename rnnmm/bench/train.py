"""P7 and P9: an epoch of training, loop, loader and features included, against SpeechBrain's.

Both sides train SpeechBrain's CRDNN, in the shape of its CTC recipe for TIMIT with every width
over four and LSTMs for its Li-GRUs, which we lack: layer by layer the same, the same number of
parameters, optimiser and clipping, batch size, number of threads, utterances (2 to 16 s,
log-normal, FLAC at 16 kHz, in the page cache) and symbols. Nothing is augmented.

- **Theirs**: `Brain.fit` over a sorted `DynamicItemDataset` with `PaddedBatch`, `read_audio`,
  `Fbank` of 40 bands, global `InputNormalization`, `ctc_loss`: the recipe's own pieces and
  settings. It reads in the training process on a CPU, where other processes would take the cores
  from the training, and in four processes on a GPU.
- **Ours**: `Trainer.fit` over a `StoreData` of the same files, decoded once beforehand (that is
  the design, and `bench preprocess` tells its price), shuffled buckets, `LogMel` of 40 bands
  normalised per utterance, `SpeechRecognition`. The network is `rnnmm.bench.crdnn.Crdnn`.

A round is a few batches out of a corpus large enough to fill them well: theirs are batches evenly
spread over its sorted lengths, ours the first of a shuffled epoch, and what counts is seconds of
audio, padding left out, per second. A round is timed from the first hook of its epoch to the last:
the preparations of a `fit` are left out for both. P9 trains our batches once more, made beforehand
and lying on the device.
"""

import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch

from rnnmm.batch import Batch
from rnnmm.bench.crdnn import Crdnn, Sizes
from rnnmm.bench.recording import durations_s, speech, write_flac
from rnnmm.bench.row import Row, higher_wins, missing, unavailable
from rnnmm.bench.timing import silenced
from rnnmm.bench.train_peer import Utterance, epoch_runner, make_crdnn, now_s
from rnnmm.features.chain import Chain
from rnnmm.features.mel import LogMel
from rnnmm.features.normalise import NormaliseUtterance
from rnnmm.features.scale import Floor
from rnnmm.loading.loader import Loader
from rnnmm.loading.order import Batching
from rnnmm.loading.transfer import move
from rnnmm.manifest import Item, Manifest
from rnnmm.media.decode import Decoding
from rnnmm.models.ctc import CtcModel
from rnnmm.store.preprocess import preprocess
from rnnmm.store.reader import Store, open_store
from rnnmm.tasks.data import StoreData, select_rows
from rnnmm.tasks.optimisation import AdamW
from rnnmm.tasks.recognition import SpeechRecognition, Transcript
from rnnmm.tasks.task import count_parameters

_ALPHABET = " abcdefghijklmnopqrstuvwxyz"
_SYMBOLS_PER_S = 12
_SAMPLE_RATE = 16_000
_CLIP = 5.0  # the recipe's
_RECORDED_S = 60.0  # all utterances are cut out of it
_ROUNDS = 5


@dataclass(frozen=True)
class Load:
    """How much is trained.

    Args:
        num_utterances: of the corpus.
        batch_size: utterances in a batch; on a CPU the recipe's.
        num_batches: of a round.
    """

    num_utterances: int
    batch_size: int
    num_batches: int


_LOADS = {"cpu": Load(512, 8, 6), "cuda": Load(4096, 32, 64)}


def measure(device: torch.device) -> list[Row]:
    """Rounds of theirs and ours, and of ours from batches made beforehand, in turn."""
    load = _LOADS[device.type]
    with tempfile.TemporaryDirectory() as folder:
        utterances = make_utterances(Path(folder), load.num_utterances)
        return compare(utterances, Path(folder), Sizes(), load, device, _ROUNDS)


def compare(
    utterances: Sequence[Utterance], folder: Path, sizes: Sizes, load: Load, device: torch.device,
    rounds: int,
) -> list[Row]:  # fmt: skip
    """The rows; ``folder`` takes the store."""
    data = make_data(make_store(utterances, folder), sizes, load.batch_size, device)
    runs: list[Callable[[], float]] = [
        partial(train_batches, data, data, load.num_batches), cached_runner(data, load)
    ]  # fmt: skip
    peer = unavailable("speechbrain.lobes.models.CRDNN")
    if peer is None:
        chosen = spread_batches(utterances, load)
        optimiser = partial(torch.optim.AdamW, lr=data.task.optim.learning_rate)
        runs.append(epoch_runner(chosen, sizes, load.batch_size, _CLIP, optimiser, device))
    ours, cached, *theirs = _medians(runs, rounds)
    name, unit = "CRDNN with CTC, audio trained per second", "s/s"
    fed = higher_wins("P9", "the same, fed by the loader", unit, ours, "fed from memory", cached,
                      0.952)  # fmt: skip
    if peer is not None:
        return [missing("P7", name, unit, ours, peer), fed]
    against = f"SpeechBrain, {_size(make_crdnn(sizes))} parameters (ours {_size(data.task.model)})"
    goal = 2.0 if device.type == "cuda" else 1.5
    return [higher_wins("P7", name, unit, ours, against, theirs[0], goal), fed]


def make_utterances(folder: Path, count: int) -> list[Utterance]:
    """Pieces of a recording, and random words for them."""
    rng = np.random.default_rng(0)
    recording = speech(_RECORDED_S, _SAMPLE_RATE)
    made = []
    for number, duration_s in enumerate(durations_s(count).tolist()):
        path = folder / f"{number:04}.flac"
        length = int(duration_s * _SAMPLE_RATE)
        start = rng.integers(len(recording) - length)
        write_flac(path, recording[start : start + length], _SAMPLE_RATE)
        symbols = rng.integers(1, len(_ALPHABET), int(_SYMBOLS_PER_S * duration_s))
        symbols[4::6] = 0  # spaces
        text = "".join(_ALPHABET[symbol] for symbol in symbols).strip()
        tokens = tuple(1 + _ALPHABET.index(letter) for letter in text)
        made.append(Utterance(path, duration_s, text, tokens))
    return made


def spread_batches(utterances: Sequence[Utterance], load: Load) -> list[Utterance]:
    """The utterances of as many batches as a round has, evenly spread over the sorted ones."""
    ordered = sorted(utterances, key=lambda one: one.duration_s)
    num_batches = len(ordered) // load.batch_size
    gap = num_batches / load.num_batches
    chosen = [int(gap * (number + 0.5)) for number in range(load.num_batches)]
    return [
        one for batch in chosen
        for one in ordered[batch * load.batch_size : (batch + 1) * load.batch_size]
    ]  # fmt: skip


def make_store(utterances: Sequence[Utterance], folder: Path) -> Store:
    """The same utterances, decoded."""
    items = tuple(Item(one.path.stem, one.path.name, "train", text=one.text) for one in utterances)
    manifest = Manifest("bench", utterances[0].path.parent, items)
    return open_store(preprocess(manifest, Decoding(_SAMPLE_RATE), folder / "stores"))


def make_data(store: Store, sizes: Sizes, batch_size: int, device: torch.device) -> StoreData:
    """Our task with the network of `Crdnn`, and its batches."""
    target = Transcript()
    rows = select_rows(store, "train", "audio", target, 0.0)
    answers = target.learn([rows.references[row] for row in rows.index], 1)
    features = Chain([LogMel(_SAMPLE_RATE, sizes.num_mels), Floor(), NormaliseUtterance()])
    task = SpeechRecognition(
        "asr", "audio", target, features,
        CtcModel(Crdnn(sizes), sizes.num_outputs), answers, AdamW(),
    ).to(device)  # fmt: skip
    return StoreData(store, task, rows, rows, Batching(batch_size), seed=0)


def train_batches(data: StoreData, source: StoreData | Loader[Batch], num_batches: int) -> float:
    """Trains with Lightning's loop and returns seconds of audio per second.

    Args:
        data: the task.
        source: where its batches come from.
        num_batches: of them.
    """
    watch = _Watch()
    with silenced("lightning.pytorch"):  # its notes on devices, workers and validation
        trainer = pl.Trainer(
            accelerator=data.task.device.type,
            devices=1,
            max_epochs=1,
            limit_train_batches=num_batches,
            limit_val_batches=0,
            gradient_clip_val=_CLIP,
            callbacks=[watch],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
        )
        trainer.fit(data.task, source)
        data.close()
    return watch.audio_s / watch.taken_s


def cached_runner(data: StoreData, load: Load) -> Callable[[], float]:
    """`train_batches` of the same batches, which lie on the device already."""
    made = [move(batch, data.task.device) for batch in islice(data.train_dataloader(),
                                                              load.num_batches)]  # fmt: skip
    data.close()
    cached = Loader(lambda rows: made[rows[0]], [[number] for number in range(len(made))], depth=0)
    return partial(train_batches, data, cached, load.num_batches)


class _Watch(pl.Callback):
    """How much is trained in an epoch, and in which time, from its first hook to its last."""

    def __init__(self) -> None:
        self.audio_s = self.taken_s = self._start_s = 0.0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._start_s = now_s(pl_module.device)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Batch,
        batch_idx: int,
    ) -> None:  # fmt: skip
        self.audio_s += int(batch.inputs.lengths.sum()) / _SAMPLE_RATE

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.taken_s = now_s(pl_module.device) - self._start_s


def _medians(runs: Sequence[Callable[[], float]], rounds: int) -> list[float]:
    """Each run's median figure, after a round that does not count, taken in turn."""
    figures = [[run() for run in runs] for _ in range(1 + rounds)][1:]
    return [statistics.median(column) for column in zip(*figures)]


def _size(model: torch.nn.Module) -> str:
    return f"{count_parameters(model) / 1e6:.4g} M"
