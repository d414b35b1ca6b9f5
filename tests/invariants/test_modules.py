"""What must hold for every encoder and every model: a new one is one line in the lists below."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from rnnmm.batch import AudioVisual, Padded
from rnnmm.models.adaptive_captioner import AdaptiveCaptioner
from rnnmm.models.attention import AttentionRecogniser
from rnnmm.models.captioner import AttentionCaptioner, Captioner
from rnnmm.models.cells import CnnCells
from rnnmm.models.classifier import Classifier, Consensus
from rnnmm.models.ctc import CtcModel
from rnnmm.models.ecapa import EcapaTdnn
from rnnmm.models.embedder import Embedder
from rnnmm.models.encoder import Cnn, CnnConvLstm, CnnRnn, Crnn, Rnn
from rnnmm.models.fusion import Fusion, Gated
from rnnmm.models.joint import JointCtcAttention
from rnnmm.models.mean_captioner import MeanCaptioner
from rnnmm.models.predictor import Predictor
from rnnmm.models.s2vt import S2vtCaptioner
from rnnmm.models.summariser import DppSummariser, ImportanceSummariser
from rnnmm.models.tagger import Tagger
from rnnmm.models.top_down_captioner import TopDownCaptioner
from rnnmm.models.tracker import Tracker
from rnnmm.models.transducer import Transducer
from rnnmm.models.xvector import Tdnn
from rnnmm.nn.convolution import TimeConvolution, TimeFrequencyConvolution
from rnnmm.nn.frame import DepthwiseCnn, PlainCnn, PooledCnn, TorchvisionBackbone
from rnnmm.nn.margin import MarginHead, SoftmaxHead
from rnnmm.nn.pooling import (
    AttentiveStatistics,
    ChannelAttentiveStatistics,
    LastPooling,
    MeanPooling,
    Statistics,
)
from rnnmm.nn.recurrent import Recurrent

NUM_BINS = 12
CURES = {"residual": True, "dropout_mask": "sequence", "weight_dropout": 0.2}
CELLS = ("lstm", "gru", "rnn_tanh", "rnn_relu")
# Their scores are of what follows given tokens.
WRITERS = (Captioner, AttentionRecogniser, JointCtcAttention, Transducer)


def sound(steps: int) -> Tensor:
    return torch.randn(steps, NUM_BINS)


def clip(steps: int) -> Tensor:
    return torch.randn(steps, 3, 32, 32)


def talk(steps: int) -> Tensor:
    """Sound, and a picture of 16 x 16 beside each step of it."""
    return torch.randn(steps, NUM_BINS + 3 * 16 * 16)


def looks(steps: int) -> Tensor:
    """A place as it was and as it is."""
    return torch.randn(steps, 6, 16, 16)


class Talk(nn.Module):
    """Fusion of what `talk` has in one tensor."""

    def __init__(self, sound: nn.Module, pictures: nn.Module, **how: Any) -> None:
        super().__init__()
        self.fusion = Fusion(sound, pictures, **how)
        self.output_dim = self.fusion.output_dim
        self.output_lengths = self.fusion.output_lengths

    def forward(self, x: Padded) -> Padded:
        pictures = x.with_data(x.data[:, :, NUM_BINS:].unflatten(2, (3, 16, 16)))
        return self.fusion(AudioVisual(x.data[:, :, :NUM_BINS], x.lengths, pictures))


def early(**how: Any) -> Talk:
    sound, pictures = TimeConvolution(NUM_BINS, (8,), (1,)), Cnn(PlainCnn(3, (4, 8)), 8, 0.2)
    return Talk(sound, pictures, recurrent=lambda dim: Recurrent(dim, 8, 2), **how)


def late() -> Talk:
    sound = Crnn(NUM_BINS, channels=(4, 4), strides=(1, 1), hidden_dim=8)
    return Talk(sound, CnnRnn(PlainCnn(3, (4, 8)), 8, 8, bidirectional=True))


def small_crnn() -> Crnn:
    return Crnn(NUM_BINS, channels=(4, 4), hidden_dim=8)


@dataclass(frozen=True)
class Case:
    """A module maker and a maker of one valid input of so many steps."""

    make: Callable[[], nn.Module]
    row: Callable[[int], Tensor] = sound

    def run(self, module: nn.Module, x: Padded) -> Tensor | Padded:
        if isinstance(module, WRITERS):
            tokens = torch.arange(1, 5).repeat(len(x.lengths), 1)
            return module(x, Padded(tokens, torch.full((len(x.lengths),), 4)))
        return module(x)


ENCODERS = {
    **{
        f"{cell}-{'bi' if two else 'uni'}": Case(
            lambda cell=cell, two=two: Recurrent(NUM_BINS, 8, 2, cell, two, norm="layer")
        )
        for cell in CELLS
        for two in (False, True)
    },
    "time_convolution": Case(lambda: TimeConvolution(NUM_BINS, (8, 8))),
    "time_frequency_convolution": Case(lambda: TimeFrequencyConvolution(NUM_BINS, (4, 4))),
    "crnn": Case(lambda: Crnn(NUM_BINS, channels=(4, 4), hidden_dim=8, dropout=0.2)),
    "crnn-cures": Case(
        lambda: Crnn(NUM_BINS, "time", (8, 16), hidden_dim=8, dropout=0.2, norm="layer", **CURES)
    ),
    "crnn-time": Case(lambda: Crnn(NUM_BINS, "time", channels=(8, 8), hidden_dim=8)),
    "tdnn": Case(lambda: Tdnn(NUM_BINS, (8, 8, 8), (5, 3, 1), (1, 2, 1))),
    "ecapa": Case(lambda: EcapaTdnn(NUM_BINS, 16, 24, squeeze_dim=4)),
    "cnn_rnn-plain": Case(lambda: CnnRnn(PlainCnn(3, (4, 8)), 8, 8), clip),
    "cnn_rnn-depthwise": Case(
        lambda: CnnRnn(DepthwiseCnn(3, (4, 8)), 8, 8, bidirectional=True), clip
    ),
    "cnn_rnn-backbone": Case(lambda: CnnRnn(TorchvisionBackbone(3, "resnet18"), 8, 8), clip),
    "cnn": Case(lambda: Cnn(PlainCnn(3, (4, 8)), 8), clip),
    "cnn_convlstm": Case(lambda: CnnConvLstm(PlainCnn(3, (4, 8)), 8, 4, dropout=0.2), clip),
    "cnn_convlstm-bi": Case(
        lambda: CnnConvLstm(PlainCnn(3, (4, 8)), 8, 4, bidirectional=True), clip
    ),
    "rnn": Case(lambda: Rnn(NUM_BINS, 8, 8, dropout=0.2)),
    "rnn-bi": Case(lambda: Rnn(NUM_BINS, 8, 8, 2, "gru", bidirectional=True)),
    "cnn_cells": Case(lambda: CnnCells(PooledCnn(3, (4, 8)), 8, 2), clip),
    "fusion-early": Case(early, talk),
    "fusion-gated": Case(lambda: early(combine=Gated), talk),
    "fusion-late": Case(late, talk),
}
MODELS = {
    "ctc": Case(lambda: CtcModel(small_crnn(), 5)),
    "transducer": Case(lambda: Transducer(small_crnn(), 5, 8, 2, 8, 0.2)),
    "attention": Case(lambda: AttentionRecogniser(small_crnn(), 5)),
    "joint": Case(lambda: JointCtcAttention(small_crnn(), 5)),
    **{
        f"classifier-{pooling.__name__}": Case(
            lambda pooling=pooling: Classifier(
                Crnn(NUM_BINS, channels=(4, 4), hidden_dim=8), 5, pooling, dropout=0.2
            )
        )
        for pooling in (MeanPooling, AttentiveStatistics, Statistics, ChannelAttentiveStatistics)
    },
    "classifier-LastPooling": Case(
        # From left to right: the last step is where a backward direction has only begun.
        lambda: Classifier(Recurrent(NUM_BINS, 8), 5, LastPooling)
    ),
    **{
        f"embedder-{head.__name__}": Case(
            lambda head=head: Embedder(
                Crnn(NUM_BINS, channels=(4, 4), hidden_dim=8),
                NUM_BINS,
                5,
                6,
                input_pooling=Statistics,
                head=head,
                dropout=0.2,
            )
        )
        for head in (MarginHead, SoftmaxHead)
    },
    "tagger": Case(lambda: Tagger(small_crnn(), 3, 0.2)),
    "tracker": Case(lambda: Tracker(PlainCnn(3, (4, 8)), 16, 2.0, 2, 8, 8), looks),
    "predictor": Case(lambda: Predictor(NUM_BINS, hidden_dim=8, num_layers=2, dropout=0.2)),
    "predictor-video": Case(lambda: Predictor(3, grid=2, hidden_dim=8), clip),
    "summariser": Case(lambda: ImportanceSummariser(Rnn(NUM_BINS, 8, 8, bidirectional=True), 0.2)),
    "summariser-dpp": Case(lambda: DppSummariser(Rnn(NUM_BINS, 8, 8), 0.2, 4)),
    "tagger-video": Case(lambda: Tagger(CnnRnn(PlainCnn(3, (4, 8)), 8, 8), 3), clip),
    "classifier-video": Case(lambda: Classifier(CnnRnn(PlainCnn(3, (4, 8)), 8, 8), 5), clip),
    "classifier-convlstm": Case(
        lambda: Classifier(CnnConvLstm(PlainCnn(3, (4, 8)), 8, 4), 5), clip
    ),
    "classifier-consensus": Case(lambda: Consensus(Cnn(PlainCnn(3, (4, 8)), 8), 5, 0.2), clip),
    "classifier-talk": Case(lambda: Classifier(early(), 5), talk),
    "ctc-talk": Case(lambda: CtcModel(early(combine=Gated), 5), talk),
    "captioner-talk": Case(lambda: AttentionCaptioner(late(), 6, 8, 8, 8), talk),
    "captioner-video": Case(
        lambda: AttentionCaptioner(CnnRnn(PlainCnn(3, (4, 8)), 8, 8), 6, 8, 8, 8, 0.2), clip
    ),
    "captioner-cells": Case(
        lambda: AttentionCaptioner(CnnCells(PooledCnn(3, (4, 8)), 8, 2), 6, 8, 8, 8), clip
    ),
    **{
        f"captioner-{model.__name__}": Case(
            lambda model=model: model(CnnCells(PooledCnn(3, (4, 8)), 8, 2), 6, 8, 8), clip
        )
        for model in (AdaptiveCaptioner, MeanCaptioner, S2vtCaptioner, TopDownCaptioner)
    },
}


@pytest.fixture(params=[*ENCODERS, *MODELS])
def case(request: pytest.FixtureRequest) -> Case:
    torch.manual_seed(0)
    return {**ENCODERS, **MODELS}[request.param]


@pytest.fixture(params=ENCODERS)
def encoder(request: pytest.FixtureRequest) -> Case:
    torch.manual_seed(0)
    return ENCODERS[request.param]


LENGTHS = (9, 1, 4)


def rows_of(scores: Tensor | Padded | tuple[Padded, ...]) -> list[Tensor]:
    if isinstance(scores, tuple):  # of several heads
        heads = [head.rows() for head in scores]
        return [torch.cat([part.flatten() for part in row]) for row in zip(*heads)]
    return scores.rows() if isinstance(scores, Padded) else list(scores)


def test_alone_equals_in_a_batch_whatever_the_padding_holds(case: Case) -> None:
    module = case.make().eval()
    rows = [case.row(steps) for steps in LENGTHS]
    batch = Padded.stack(rows)
    for row, steps in zip(batch.data, LENGTHS):
        row[steps:] = torch.nan  # nothing that stands there may be looked at
    together = rows_of(case.run(module, batch))
    for row, expected in zip(rows, together):
        (alone,) = rows_of(case.run(module, Padded.stack([row])))
        torch.testing.assert_close(alone, expected, atol=1e-6, rtol=1e-5)


def test_order_and_extra_padding_change_nothing(case: Case) -> None:
    module = case.make().eval()
    rows = [case.row(steps) for steps in LENGTHS]
    usual = rows_of(case.run(module, Padded.stack(rows)))
    mirrored = Padded.stack(rows[::-1])
    longer = Padded(
        torch.cat([mirrored.data, torch.ones_like(mirrored.data[:, :5])], dim=1), mirrored.lengths
    )
    for one, other in zip(usual, rows_of(case.run(module, longer))[::-1]):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-5)


def test_padding_gets_no_gradient_and_every_parameter_gets_one(case: Case) -> None:
    module = case.make().train()
    x = Padded.stack([case.row(steps) for steps in LENGTHS])
    data = x.data.requires_grad_()
    scores = case.run(module, x)
    # The sum alone would vanish behind a norm or a softmax.
    sum((row * torch.randn_like(row)).sum() for row in rows_of(scores)).backward()
    for row, steps in zip(data.grad, LENGTHS):
        assert not row[steps:].any()
    silent = [name for name, p in module.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []


def test_saved_and_loaded_gives_the_same_scores(case: Case, tmp_path: Path) -> None:
    module, other = case.make().eval(), case.make().eval()
    x = Padded.stack([case.row(steps) for steps in LENGTHS])
    save_file(module.state_dict(), tmp_path / "model.safetensors")
    other.load_state_dict(load_file(tmp_path / "model.safetensors"))
    for one, two in zip(rows_of(case.run(module, x)), rows_of(case.run(other, x))):
        torch.testing.assert_close(one, two, atol=0, rtol=0)


def test_output_lengths_are_the_real_lengths(encoder: Case) -> None:
    module = encoder.make().eval()
    if not hasattr(module, "output_lengths"):
        pytest.skip("one step in, one step out, or a grid")
    longest = 200 if encoder.row(1).ndim == 2 else 12
    for steps in range(1, longest + 1):
        y = module(Padded.stack([encoder.row(steps)]))
        assert y.data.shape[1] == int(y.lengths) == int(module.output_lengths(torch.tensor(steps)))


def test_output_dim_is_the_real_size_and_padding_is_zero(encoder: Case) -> None:
    module = encoder.make().eval()
    y = module(Padded.stack([encoder.row(steps) for steps in LENGTHS]))
    assert y.data.shape[-1] == module.output_dim
    assert not y.data[~y.mask].any()
