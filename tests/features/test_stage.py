"""What every stage and every augmentation promises, on each of them: a new one is a line here."""

import contextlib
import copy

import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.features.augment import FrequencyWarp, SpecAugment, TimeStretch, TimeWarp
from rnnmm.features.augment_audio import Gain, Noise, Speed
from rnnmm.features.augment_babble import Babble
from rnnmm.features.augment_cepstra import CepstralWarp
from rnnmm.features.augment_colour import ColourJitter
from rnnmm.features.augment_edges import QuietEdges, Silence, Trim
from rnnmm.features.augment_erase import RandomErasing
from rnnmm.features.augment_frames import FrameShift, HorizontalFlip, TemporalJitter, Zoom
from rnnmm.features.augment_room import Equaliser, Reverberation
from rnnmm.features.chain import Chain
from rnnmm.features.crop import MotionCrop
from rnnmm.features.dct import PictureDct
from rnnmm.features.delta import Deltas
from rnnmm.features.frames import FrameDifferences, Pixels
from rnnmm.features.kaldi import KaldiFbank
from rnnmm.features.mel import LogMel, Mfcc
from rnnmm.features.normalise import (
    NormaliseGlobal,
    NormaliseRunning,
    NormaliseUtterance,
    NormaliseWindow,
)
from rnnmm.features.reference import LibrosaMfcc
from rnnmm.features.sample import ByRate, Dense, RandomSample, Sample, Segments, Uniform
from rnnmm.features.scale import Floor, Scale
from rnnmm.features.sometimes import Sometimes


def pcm(lengths):
    return [torch.randint(-9000, 9000, (n,), dtype=torch.int16) for n in lengths]


def float_samples(lengths):
    return [torch.randn(n) / 4 for n in lengths]


def features(lengths):
    return [torch.randn(n, 24) * 20 - 70 for n in lengths]


def pictures(lengths):
    return [torch.randn(n, 3, 8, 6) for n in lengths]


def clips(lengths):
    return [torch.randint(0, 256, (n, 20, 16, 3), dtype=torch.uint8) for n in lengths]


SAMPLES = (3000, 1, 799, 6400, 160)
STEPS = (30, 1, 7, 2, 64)

# name: stage, inputs, lengths
STAGES = {
    "log_mel": (LogMel(16_000), pcm, SAMPLES),
    "log_mel float": (LogMel(8_000, num_mels=40), float_samples, SAMPLES),
    "log_mel top_db": (LogMel(16_000, top_db=30.0), pcm, SAMPLES),
    "mfcc": (Mfcc(16_000, num_mfcc=13), pcm, SAMPLES),
    "librosa mfcc": (LibrosaMfcc(16_000, num_mfcc=13), pcm, SAMPLES),
    "kaldi": (KaldiFbank(16_000, 40), pcm, SAMPLES),
    "kaldi mirrored": (KaldiFbank(8_000, 23, snip_edges=False), float_samples, SAMPLES),
    "deltas": (Deltas(), features, STEPS),
    "normalise": (NormaliseUtterance(), features, STEPS),
    "centre": (NormaliseUtterance(variance=False), features, STEPS),
    "global": (NormaliseGlobal([-70.0] * 24, [20.0] * 24), features, STEPS),
    "running": (NormaliseRunning(), features, STEPS),
    "window": (NormaliseWindow(20), features, STEPS),
    "scale": (Scale(), features, STEPS),
    "floor": (Floor(), features, STEPS),
    "pixels": (Pixels(), clips, STEPS),
    "differences": (FrameDifferences(), pictures, STEPS),
    "differences only": (FrameDifferences(only=True), pictures, STEPS),
    **{
        f"sample {type(rule).__name__}": (Chain([Sample(rule), Pixels()]), clips, STEPS)
        for rule in (Dense(6, 3), Uniform(5), Segments(4), ByRate(15, 4))
    },
    "motion_crop": (Chain([MotionCrop(7, 9), Pixels()]), clips, STEPS),
    "picture_dct": (PictureDct(4, 6), clips, STEPS),
    "no chain": (Chain([]), features, STEPS),
    "chain": (Chain([Mfcc(16_000), Deltas(), NormaliseUtterance()]), pcm, SAMPLES),
}
AUGMENTATIONS = {
    "spec_augment": (SpecAugment(), features, STEPS),
    "spec_augment mean": (SpecAugment(fill="mean"), features, STEPS),
    "time_stretch": (TimeStretch(0.5, 2.0), features, STEPS),
    "time_warp": (TimeWarp(), features, STEPS),
    "frequency_warp": (FrequencyWarp(), features, STEPS),
    "gain": (Gain(), pcm, SAMPLES),
    "white noise": (Noise(), pcm, SAMPLES),
    "pink noise": (Noise(colour="pink"), float_samples, SAMPLES),
    "babble": (Babble(), pcm, SAMPLES),
    "speed": (Speed(0.5, 2.0), pcm, SAMPLES),
    "silence": (Silence(16_000, 0.1), float_samples, SAMPLES),
    "trim": (Trim(0.1, 3.0), pcm, SAMPLES),
    "quiet_edges": (QuietEdges(16_000, high_s=0.1), pcm, SAMPLES),
    "sometimes": (Sometimes(Silence(16_000, 0.1)), pcm, SAMPLES),
    "sometimes clips": (Sometimes(HorizontalFlip(1.0)), clips, STEPS),
    "equaliser": (Equaliser(), pcm, SAMPLES),
    "reverberation": (Reverberation(16_000), float_samples, SAMPLES),
    "cepstral_warp": (CepstralWarp(), features, STEPS),
    "frame_shift": (FrameShift(0.5), clips, STEPS),
    "frame_shift zero": (FrameShift(0.5, "zero"), clips, STEPS),
    "flip": (HorizontalFlip(0.5), clips, STEPS),
    "flip flow": (HorizontalFlip(0.5, negate=[0]), clips, STEPS),
    "erasing": (RandomErasing(), clips, STEPS),
    **{
        f"sample {type(rule).__name__}": (RandomSample(rule), clips, STEPS)
        for rule in (Dense(6, 3), Uniform(5), Segments(4))
    },
    "colour": (ColourJitter(), clips, STEPS),
    "zoom": (Zoom(0.5, 2.0), clips, STEPS),
    "zoom zero": (Zoom(0.5, 2.0, "zero"), clips, STEPS),
    "temporal": (TemporalJitter(0.5, 2.0), clips, STEPS),
}


def with_garbage(rows, extra=0):
    """The rows padded with what must never be looked at."""
    x = Padded.stack(rows)
    data = torch.cat([x.data, x.data[:, :extra]], dim=1)
    garbage = float("nan") if data.is_floating_point() else 77
    padded = Padded(data, x.lengths)
    mask = padded.mask.reshape(*data.shape[:2], *[1] * (data.ndim - 2))
    return padded.with_data(data.masked_fill(~mask, garbage))


def assert_same_rows(found, expected, tolerance=1e-6):
    assert found.lengths.tolist() == expected.lengths.tolist()
    for one, other in zip(found.rows(), expected.rows(), strict=True):
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


def padding(x):
    return torch.cat([row[n:].flatten() for row, n in zip(x.data, x.lengths.tolist())])


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_treats_a_sequence_alone_as_in_a_batch(name):
    stage, make, lengths = STAGES[name]
    rows = make(lengths)
    together = stage(with_garbage(rows, extra=1)).rows()
    for row, found in zip(rows, together, strict=True):
        alone = stage(Padded.stack([row])).rows()[0]
        torch.testing.assert_close(found, alone, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_leaves_zeros_behind_the_end(name):
    stage, make, lengths = STAGES[name]
    y = stage(with_garbage(make(lengths), extra=0 if name == "no chain" else 1))
    if name != "no chain":
        assert y.data.dtype == torch.float32
        assert len(padding(y)) > 0
        assert not padding(y).any()
    assert not y.zeroed().data.isnan().any()


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_knows_its_shapes(name):
    stage, make, lengths = STAGES[name]
    rows = make(lengths)
    y = stage(Padded.stack(rows))
    assert y.lengths.tolist() == [stage.num_frames(n) for n in lengths]
    input_dim = 3 if rows[0].ndim == 4 else rows[0].shape[-1] if rows[0].ndim == 2 else 1
    assert y.data.shape[2] == stage.output_dim(input_dim)


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_has_nothing_to_learn_nor_to_store(name):
    stage, _, _ = STAGES[name]
    assert list(stage.parameters()) == []
    assert stage.state_dict() == {}


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_does_not_change_its_input(name):
    stage, make, lengths = STAGES[name]
    x = Padded.stack(make(lengths))
    before = x.data.clone()
    stage(x)
    assert torch.equal(x.data, before)


@pytest.mark.parametrize(
    "name", ["log_mel top_db", "librosa mfcc", "kaldi mirrored", "normalise", "chain"]
)
def test_what_needs_the_whole_says_so(name):
    stage, make, _ = STAGES[name]
    message = "cannot stream: its outputs depend on the whole sequence; use a stage with a step"
    with pytest.raises(ValueError, match=message):
        stage.initial_state(2)
    if name in ("librosa mfcc", "normalise"):
        with pytest.raises(ValueError, match=message):
            stage.step(make([3])[0], ())


@pytest.fixture
def _meta_autocast(monkeypatch):
    """The meta device has no autocast to switch off."""
    monkeypatch.setattr(torch, "autocast", lambda *args, **kwargs: contextlib.nullcontext())


# A meta tensor has a device but no values: whoever asks for one, or brings in a tensor of the CPU,
# raises. On a GPU these would be a wait for the device, and a crash.
@pytest.mark.usefixtures("_meta_autocast")
@pytest.mark.parametrize("name", [name for name in STAGES if name != "librosa mfcc"])
def test_a_stage_never_waits_for_a_value_of_the_device(name):
    stage, make, lengths = STAGES[name]
    x = with_garbage(make(lengths), extra=1)
    y = copy.deepcopy(stage).to("meta")(x.to("meta"))
    assert (y.data.device.type, y.data.shape) == ("meta", stage(x).data.shape)


# How long edges leave an utterance hangs on its values: those two wait, and say so.
@pytest.mark.usefixtures("_meta_autocast")
@pytest.mark.parametrize("name", sorted(AUGMENTATIONS.keys() - {"trim", "quiet_edges"}))
def test_an_augmentation_never_waits_for_a_value_of_the_device(name):
    augment, make, lengths = AUGMENTATIONS[name]
    x = with_garbage(make(lengths), extra=1)
    there = copy.deepcopy(augment).to("meta")(x.to("meta"), torch.Generator().manual_seed(1))
    here = augment(x, torch.Generator().manual_seed(1))
    assert (there.data.device.type, there.data.shape) == ("meta", here.data.shape)
    assert torch.equal(there.lengths, here.lengths)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", STAGES)
def test_a_stage_gives_the_same_on_a_gpu(name):
    stage, make, lengths = STAGES[name]
    x = with_garbage(make(lengths), extra=1)
    found = copy.deepcopy(stage).to("cuda")(x.to("cuda"))
    assert_same_rows(found.to("cpu"), stage(x), tolerance=1e-3)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_an_augmentation_gives_the_same_on_a_gpu(name):
    augment, make, lengths = AUGMENTATIONS[name]
    x = with_garbage(make(lengths), extra=1)
    there = copy.deepcopy(augment).to("cuda")(x.to("cuda"), torch.Generator().manual_seed(1))
    here = augment(x, torch.Generator().manual_seed(1))
    # Bytes may be rounded the other way.
    tolerance = 1.0 if here.data.dtype == torch.uint8 else 1e-4
    rows = zip(there.to("cpu").rows(), here.rows(), strict=True)
    assert all((one.double() - other.double()).abs().max() <= tolerance for one, other in rows)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_an_augmentation_is_a_function_of_its_generator(name):
    augment, make, lengths = AUGMENTATIONS[name]
    x = Padded.stack(make(lengths))
    before = x.data.clone()
    once, again = (augment(x, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(once.data, again.data)
    assert torch.equal(x.data, before), "the input was changed"
    others = [augment(x, torch.Generator().manual_seed(seed)).data for seed in range(4, 8)]
    assert any(o.shape != once.data.shape or not torch.equal(o, once.data) for o in others)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_an_augmentation_ignores_padding_and_neighbours(name):
    augment, make, lengths = AUGMENTATIONS[name]
    rows = make(lengths)
    whole = augment(with_garbage(rows, extra=1), torch.Generator().manual_seed(5))
    first = augment(Padded.stack(rows[:2]), torch.Generator().manual_seed(5))
    assert_same_rows(Padded.stack(whole.rows()[:2]), first)
    neighbours = [rows[0], *make(reversed(lengths[1:]))]
    changed = augment(Padded.stack(neighbours), torch.Generator().manual_seed(5))
    assert_same_rows(Padded.stack(changed.rows()[:1]), Padded.stack(whole.rows()[:1]))


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_an_augmentation_keeps_sequences_whole(name):
    augment, make, lengths = AUGMENTATIONS[name]
    x = with_garbage(make(lengths), extra=1)
    for seed in range(8):
        y = augment(x, torch.Generator().manual_seed(seed))
        assert y.lengths.min() >= 1
        assert (y.lengths <= 2 * x.lengths + 3200).all()
        assert y.data.shape[1] >= y.lengths.max()
        assert not padding(y).any()
        assert not y.data.float().isnan().any()
        assert y.data.dtype == (torch.uint8 if x.data.dtype == torch.uint8 else torch.float32)
