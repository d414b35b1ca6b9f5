"""SpeechBrain's CRDNN under SpeechBrain's own loop, loader, features and losses."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rnnmm.bench.crdnn import TIME_POOLING, Sizes
from rnnmm.bench.timing import silenced

BLANK = 0


@dataclass(frozen=True)
class Utterance:
    """One training item.

    Args:
        path: a sound file at 16 kHz.
        duration_s: of it.
        text: what is said.
        tokens: the same as symbols.
    """

    path: Path
    duration_s: float
    text: str
    tokens: tuple[int, ...]


def make_crdnn(sizes: Sizes) -> nn.Module:
    """Its CRDNN with LSTMs, and a linear layer for the scores: ``(B, T, F)`` -> logits."""
    from speechbrain.lobes.models.CRDNN import CRDNN
    from speechbrain.nnet.linear import Linear
    from speechbrain.nnet.RNN import LSTM

    encoder = CRDNN(
        input_shape=[None, None, sizes.num_mels],
        dropout=sizes.dropout,
        cnn_blocks=len(sizes.channels),
        cnn_channels=sizes.channels,
        inter_layer_pooling_size=[2] * len(sizes.channels),
        time_pooling=True,
        time_pooling_size=TIME_POOLING,
        rnn_class=LSTM,
        rnn_layers=sizes.num_layers,
        rnn_neurons=sizes.hidden_dim,
        dnn_blocks=sizes.num_linear,
        dnn_neurons=sizes.linear_dim,
    )
    head = Linear(n_neurons=sizes.num_outputs, input_size=sizes.linear_dim)
    return nn.Sequential(encoder, head)


def epoch_runner(
    utterances: Sequence[Utterance], sizes: Sizes, batch_size: int, clip: float,
    optimiser: Callable[[Any], torch.optim.Optimizer], device: torch.device,
) -> Callable[[], float]:  # fmt: skip
    """A function that trains one epoch with `Brain.fit` and returns seconds of audio per second.

    Args:
        utterances: what to train on.
        sizes: of the network.
        batch_size: utterances in a batch.
        clip: largest norm of the gradient.
        optimiser: parameters to optimiser.
        device: where to train.
    """
    with silenced("speechbrain"):
        brain = _make_brain(sizes, clip, optimiser, device)
        loader = _make_loader(utterances, batch_size, device)
    return partial(_timed_epoch, brain, loader, sum(one.duration_s for one in utterances))


def _timed_epoch(brain: Any, loader: Any, audio_s: float) -> float:
    with silenced("speechbrain"):
        brain.fit(range(1), loader, progressbar=False)
    return audio_s / float(brain.taken_s)


def _make_loader(utterances: Sequence[Utterance], batch_size: int, device: torch.device) -> Any:
    """Sorted by length, as its recipes are; processes that read ahead where the CPU is free."""
    from speechbrain.dataio.dataio import read_audio
    from speechbrain.dataio.dataloader import make_dataloader
    from speechbrain.dataio.dataset import DynamicItemDataset

    data = {str(number): _fields(one) for number, one in enumerate(utterances)}
    dataset = DynamicItemDataset(data)
    dataset.add_dynamic_item(read_audio, takes="path", provides="signal")
    dataset.add_dynamic_item(torch.LongTensor, takes="symbols", provides="tokens")
    dataset.set_output_keys(["id", "signal", "tokens"])
    ahead: dict[str, Any] = {"num_workers": 0}
    if device.type == "cuda":
        ahead = {"num_workers": 4, "persistent_workers": True, "pin_memory": True}
    return make_dataloader(
        dataset.filtered_sorted(sort_key="duration"), batch_size=batch_size, **ahead
    )


def _fields(utterance: Utterance) -> dict[str, Any]:
    return {
        "path": str(utterance.path),
        "duration": utterance.duration_s,
        "symbols": list(utterance.tokens),
    }


def _make_brain(
    sizes: Sizes, clip: float, optimiser: Callable[[Any], torch.optim.Optimizer],
    device: torch.device,
) -> Any:  # fmt: skip
    import speechbrain as sb
    from speechbrain.lobes.features import Fbank
    from speechbrain.nnet.losses import ctc_loss
    from speechbrain.processing.features import InputNormalization

    class Brain(sb.Brain):  # type: ignore[misc]
        """As the CTC recipe for TIMIT has it."""

        def compute_forward(self, batch: Any, stage: Any) -> tuple[Tensor, Tensor]:
            batch = batch.to(self.device)
            signal, lengths = batch.signal
            frames = self.hparams.features(signal)
            frames = self.modules.normalize(frames, lengths)
            return self.modules.model(frames).log_softmax(-1), lengths

        def compute_objectives(self, predictions: Any, batch: Any, stage: Any) -> Tensor:
            log_probs, lengths = predictions
            tokens, token_lengths = batch.tokens
            loss: Tensor = ctc_loss(log_probs, tokens, lengths, token_lengths, BLANK)
            return loss

        def on_stage_start(self, stage: Any, epoch: Any = None) -> None:
            self.start_s = now_s(self.device)

        def on_stage_end(self, stage: Any, stage_loss: Any, epoch: Any = None) -> None:
            self.taken_s = now_s(self.device) - self.start_s

    modules = {
        "model": make_crdnn(sizes),
        "normalize": InputNormalization(norm_type="global"),
    }
    features = Fbank(sample_rate=16_000, n_mels=sizes.num_mels).to(device)
    options = {"device": str(device), "noprogressbar": True, "max_grad_norm": clip}
    return Brain(modules, optimiser, {"features": features}, options)


def now_s(device: Any) -> float:
    """The time once all that was queued on the device is done, in seconds."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()
