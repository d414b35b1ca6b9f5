import pytest
import torch

from rnnmm.batch import AudioVisual, Padded
from rnnmm.features.augment import Views
from rnnmm.features.augment_audio import Noise, Speed
from rnnmm.features.augment_frames import FrameShift, TemporalJitter
from rnnmm.features.chain import Chain
from rnnmm.features.frames import FrameDifferences, Pixels
from rnnmm.features.mel import LogMel
from rnnmm.features.paired import DropModality, OnBoth, OnPictures, OnSound, Paired

SAMPLES, PICTURES = (1600, 0, 800, 320), (5, 4, 0, 2)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def media(samples=SAMPLES, pictures=PICTURES) -> AudioVisual:
    torch.manual_seed(0)
    sound = [torch.randint(-9000, 9000, (n,), dtype=torch.int16) for n in samples]
    clips = [torch.randint(0, 256, (n, 20, 16, 3), dtype=torch.uint8) for n in pictures]
    heard = Padded.stack(sound)
    return AudioVisual(heard.data, heard.lengths, Padded.stack(clips))


@pytest.fixture
def features() -> Paired:
    return Paired(LogMel(16_000, 40), Chain([Pixels(), FrameDifferences()]))


def test_each_part_goes_through_its_own_stage_and_what_is_missing_stays_missing(features) -> None:
    x = media()
    y = features(x)
    assert y.lengths.tolist() == [11, 0, 6, 3]
    assert y.pictures.lengths.tolist() == list(PICTURES)
    (alone,) = LogMel(16_000, 40)(Padded.stack([x.sound.rows()[2]])).rows()
    torch.testing.assert_close(y.rows()[2], alone)
    assert not y.data[1].any() and not y.pictures.data[2].any()
    assert y.pictures.data.shape[2] == 6


@pytest.mark.parametrize("lengths", [((0, 0), (3, 2)), ((800, 160), (0, 0))])
def test_what_no_item_has_is_passed_by(features, lengths) -> None:
    y = OnSound(Speed())(OnPictures(FrameShift(0.2))(media(*lengths), seeded()), seeded())
    y = features(y)
    assert (y.lengths > 0).tolist() == [n > 0 for n in lengths[0]]
    assert y.pictures.lengths.tolist() == list(lengths[1])


def test_the_pair_counts_as_its_sound_does(features) -> None:
    assert features.output_dim(1) == 40
    assert features.frame_rate(16_000) == 100
    assert features.num_frames(16_000) == 101


def test_an_augmentation_of_one_part_leaves_the_other(features) -> None:
    x = media()
    heard = OnSound(Noise(0, 10))(x, seeded())
    assert heard.pictures is x.pictures
    assert not torch.equal(heard.data, x.data) and heard.lengths.equal(x.lengths)
    seen = OnPictures(FrameShift(0.5))(x, seeded())
    assert seen.data is x.data
    assert not torch.equal(seen.pictures.data, x.pictures.data)
    assert seen.pictures.lengths.equal(x.pictures.lengths)


@pytest.mark.parametrize("augment", [Speed(0.5, 2.0), TemporalJitter(0.5, 2.0)])
def test_what_is_missing_stays_missing_where_lengths_change(augment) -> None:
    wrap = OnSound if isinstance(augment, Speed) else OnPictures
    y = wrap(augment)(media(), seeded())
    assert (y.lengths == 0).tolist() == [n == 0 for n in SAMPLES]
    assert (y.pictures.lengths == 0).tolist() == [n == 0 for n in PICTURES]


def test_both_parts_are_changed_by_the_same_draws() -> None:
    x = media((1000, 1000, 1000), (1000, 1000, 1000))
    generator = seeded(3)
    y = OnBoth(TemporalJitter(0.5, 2.0))(x, generator)
    assert y.lengths.equal(y.pictures.lengths)
    assert len(set(y.lengths.tolist())) == 3
    after = seeded(3)
    TemporalJitter(0.5, 2.0)(x.sound, after)
    assert generator.get_state().equal(after.get_state())
    assert OnBoth(Views(3))(x, seeded()).pictures.lengths.shape == (9,)


def test_a_modality_is_dropped_where_the_other_is_left(features) -> None:
    x = features(media((160,) * 400 + (0, 160), (2,) * 400 + (2, 0)))
    y = DropModality(0.3, 0.2)(x, seeded())
    mute, blind = y.lengths == 0, y.pictures.lengths == 0
    assert not (mute & blind).any()
    assert (mute[:400].sum().item(), blind[:400].sum().item()) == (
        pytest.approx(120, abs=25), pytest.approx(80, abs=25),
    )  # fmt: skip
    assert (mute[400], blind[400], mute[401], blind[401]) == (True, False, False, True)
    assert not y.data[mute].any() and not y.pictures.data[blind].any()
    again = DropModality(0.3, 0.2)(x, seeded())
    assert again.lengths.equal(y.lengths)
    assert DropModality(0.0, 0.0)(x, seeded()).lengths.equal(x.lengths)
    assert not DropModality(1.0, 0.0)(x, seeded()).lengths[:400].any()


def test_parts_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="DropModality: expected shares >= 0 that are at most 1"):
        DropModality(0.6, 0.5)
    with pytest.raises(ValueError, match="Paired: expected stages of features, got Linear"):
        Paired(LogMel(16_000), torch.nn.Linear(1, 1))


@pytest.mark.parametrize(
    "change", [OnSound(Noise()), OnPictures(FrameShift()), OnBoth(Views()), DropModality()]
)
def test_one_modality_alone_is_no_pair(change, features) -> None:
    with pytest.raises(ValueError, match=r"expected sound and pictures, .*task.inputs=audio\+fr"):
        change(media().sound, seeded())
    with pytest.raises(ValueError, match="Paired: expected sound and pictures, got one of them"):
        features(media().sound)
