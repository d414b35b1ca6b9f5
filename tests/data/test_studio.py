import dataclasses
import itertools
import json
from collections import Counter
from pathlib import Path

import av
import numpy as np
import pytest

from rnnmm.data.studio import prepare
from rnnmm.data.studio.clip import make_clip, make_noise, record
from rnnmm.data.studio.crew import make_clips
from rnnmm.data.studio.grammar import ACTIONS, captions, sentences
from rnnmm.data.studio.plan import MIN_CLIPS, Clip, plan_clips
from rnnmm.data.studio.pose import MOVES, Tempo, trace_limbs
from rnnmm.data.studio.stage import BACKGROUNDS, COLOURS, draw_scene, film
from rnnmm.data.studio.voice import SPEAKERS, Speaker, speak
from rnnmm.manifest import Manifest, check_manifest

SEED = 3
TEMPO = Tempo(cycles=2.5, phase=0.1, start=0.1, stop=0.9)
CLIPS = plan_clips(MIN_CLIPS, SEED)


def parts(clips: tuple[Clip, ...], *fields: str) -> dict[str, set]:
    """split -> the values, or pairs of values, that occur in it."""
    found: dict[str, set] = {"train": set(), "val": set(), "test": set()}
    for clip in clips:
        found[clip.split].add(tuple(getattr(clip, field) for field in fields))
    return found


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def decode(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    with av.open(str(path)) as container:
        sound = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
    return np.stack(frames), np.concatenate(sound)


# The plan


@pytest.mark.parametrize(("num_clips", "seed"), [(MIN_CLIPS, 0), (MIN_CLIPS, 7), (672, 0)])
def test_val_and_test_hold_out_sentences_and_combinations(num_clips: int, seed: int) -> None:
    clips = plan_clips(num_clips, seed)
    assert len({clip.text for clip in clips}) == num_clips
    combinations = parts(clips, "action", "colour", "background")
    for one, other in itertools.combinations(combinations.values(), 2):
        assert not one & other


def test_train_has_every_pair_of_what_is_held_out() -> None:
    fields = ("action", "colour", "background")
    for pair in itertools.combinations(fields, 2):
        found = parts(plan_clips(672, 0), *pair)
        assert found["val"] | found["test"] <= found["train"]


@pytest.mark.parametrize(("num_clips", "seed"), [(MIN_CLIPS, 0), (MIN_CLIPS, 7), (672, 0)])
def test_train_has_every_part_of_what_is_held_out(num_clips: int, seed: int) -> None:
    clips = plan_clips(num_clips, seed)
    words = {split: {w for (t,) in texts for w in t.split()}
             for split, texts in parts(clips, "text").items()}  # fmt: skip
    assert words["val"] | words["test"] <= words["train"]
    for field, everyone in (("action", ACTIONS), ("colour", COLOURS), ("speaker", SPEAKERS)):
        assert len(parts(clips, field)["train"]) == len(everyone)


@pytest.mark.parametrize("num_clips", [MIN_CLIPS, 200, 672])
def test_every_speaker_and_action_is_in_every_split(num_clips: int) -> None:
    clips = plan_clips(num_clips, 0)
    assert all(len(found) == len(SPEAKERS) for found in parts(clips, "speaker").values())
    assert all(len(found) == len(ACTIONS) for found in parts(clips, "action").values())


def test_the_default_deals_every_pair_of_speaker_and_action_equally_often() -> None:
    counts = Counter((clip.split, clip.speaker.name, clip.action) for clip in plan_clips(672, 0))
    assert Counter(counts.values()) == {5: 96, 1: 192}


@pytest.mark.parametrize("field", ["speaker", "action"])
def test_a_split_is_balanced_at_any_size(field: str) -> None:
    for split in ("train", "val", "test"):
        counts = Counter(getattr(c, field) for c in plan_clips(205, 1) if c.split == split)
        assert max(counts.values()) - min(counts.values()) <= 1


def test_another_seed_is_another_corpus() -> None:
    assert plan_clips(MIN_CLIPS, SEED) == CLIPS
    assert {c.text for c in CLIPS} != {c.text for c in plan_clips(MIN_CLIPS, SEED + 1)}


def test_the_grammar_has_short_sentences_of_few_words() -> None:
    every = [text.split() for text in sentences()]
    assert {len(words) for words in every} == {3, 4, 5}
    assert len({word for words in every for word in words}) == 24


def test_a_caption_tells_colour_action_and_background() -> None:
    assert captions("walk left", "orange", "olive") == (
        "an orange figure walks left in front of an olive wall",
        "an orange figure walks left and the wall behind it is olive",
        "there is an olive wall and an orange figure walks left in front of it",
    )


# The voice


def test_a_voice_says_the_same_whatever_was_said_before() -> None:
    first = [speak("push red ball two", speaker) for speaker in SPEAKERS]
    again = [speak("push red ball two", speaker) for speaker in reversed(SPEAKERS)]
    for one, other in zip(first, reversed(again)):
        np.testing.assert_array_equal(one, other)


def test_a_voice_starts_and_ends_with_speech() -> None:
    for speaker in SPEAKERS:
        voice = np.abs(speak("drop cup nine", speaker))
        assert 0.5 < len(voice) / 16_000 < 2.0
        assert voice[:1600].max() > 0.01
        assert voice[-1600:].max() > 0.01


def test_a_shorter_tract_speaks_faster_and_a_slower_rate_longer() -> None:
    plain = Speaker("plain", "en-us+Denis", 50, 160)
    length = len(speak("lift lamp four", plain))
    short = len(speak("lift lamp four", dataclasses.replace(plain, tract=1.25)))
    assert short == pytest.approx(length / 1.25, rel=0.01)
    assert len(speak("lift lamp four", plain, rate_scale=0.7)) > 1.2 * length


def test_an_unknown_voice_is_named() -> None:
    with pytest.raises(ValueError, match=r"speaker nobody: expected a voice .*, got 'no-such'"):
        speak("lift", Speaker("nobody", "no-such", 50, 160))


def test_a_sentence_without_sound_is_named() -> None:
    with pytest.raises(ValueError, match="a sentence that espeak-ng can say, got ''"):
        speak("", SPEAKERS[0])


def test_noise_has_the_level_one() -> None:
    noise = make_noise(30_001, np.random.default_rng(0))
    assert noise.shape == (30_001,)
    assert np.sqrt(np.mean(noise**2)) == pytest.approx(1.0)


# The picture


def floor_and_head(action: str, time: float) -> tuple[float, float, float]:
    lines, head = trace_limbs(MOVES[action](time, TEMPO))
    return max(y for line in lines for _, y in line), head[0], head[1]


def test_the_two_directions_are_one_movement_forwards_and_backwards() -> None:
    for time in np.linspace(0, 1, 7):
        left, right = MOVES["walk left"](time, TEMPO), MOVES["walk right"](time, TEMPO)
        assert left == dataclasses.replace(right, x=-right.x)
        down = floor_and_head("crouch down", time)
        assert floor_and_head("stand up", 1 - time) == pytest.approx(down)
    assert floor_and_head("walk left", 0)[1] > 0 > floor_and_head("walk left", 1)[1]
    assert floor_and_head("crouch down", 0)[2] < floor_and_head("crouch down", 1)[2] - 0.1


def test_only_a_jump_leaves_the_floor() -> None:
    lifted = {a for a in MOVES for t in np.linspace(0, 1, 20) if floor_and_head(a, t)[0] < -0.05}
    assert lifted == {"jump"}


@pytest.mark.parametrize("action", list(MOVES))
def test_every_action_moves_and_stays_in_the_picture(action: str) -> None:
    chance = np.random.default_rng(1)
    scene = dataclasses.replace(draw_scene(action, "black", "pink", chance), centre_px=48.0)
    frames = film(scene, 12, chance)
    assert frames.shape == (12, 96, 96, 3)
    figure = frames.max(-1) < 60
    assert figure.sum((1, 2)).min() > 400
    assert not figure[:, 0].any()
    assert np.mean(figure.any(0) & ~figure.all(0)) > 0.03


def test_every_figure_stands_out_from_every_wall() -> None:
    for colour, background in itertools.product(COLOURS.values(), BACKGROUNDS.values()):
        assert np.linalg.norm(np.subtract(colour, background)) > 60


# The clips


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Manifest]:
    root = str(tmp_path_factory.mktemp("studio"))
    return root, prepare(root, MIN_CLIPS, SEED)


def test_the_manifest_passes_the_gate_and_says_synthetic(made: tuple[str, Manifest]) -> None:
    _, manifest = made
    check_manifest(manifest)
    assert manifest.findings[0].startswith("synthetic: made by rnnmm")
    assert Counter(item.split for item in manifest.items) == {"train": 60, "val": 12, "test": 12}
    item, clip = manifest.items[5], CLIPS[5]
    assert (item.text, item.speaker, item.label) == (clip.text, clip.speaker.name, clip.action)
    assert item.captions == captions(clip.action, clip.colour, clip.background)


def test_the_list_has_every_clip(made: tuple[str, Manifest]) -> None:
    _, manifest = made
    rows = [json.loads(row) for row in (manifest.root / "clips.jsonl").read_text().splitlines()]
    assert [row["path"] for row in rows] == [item.path for item in manifest.items]
    assert all(row["synthetic"] for row in rows)
    assert set(contents(manifest.root)) == {"clips.jsonl", *(row["path"] for row in rows)}


def test_the_bytes_depend_on_the_seed_alone(made: tuple[str, Manifest], tmp_path: Path) -> None:
    _, manifest = made
    make_clips(CLIPS[8::-4], SEED, tmp_path, workers=1)  # other order, other process
    made_here, made_there = contents(tmp_path), contents(manifest.root)
    assert made_here == {name: made_there[name] for name in made_here}
    make_clip(CLIPS[0], SEED + 1, tmp_path)
    assert contents(tmp_path)[CLIPS[0].file_name] != made_there[CLIPS[0].file_name]


@pytest.mark.parametrize("is_listed", [True, False])
def test_a_rerun_makes_only_what_is_missing(made: tuple[str, Manifest], is_listed: bool) -> None:
    root, manifest = made
    before = contents(manifest.root)
    untouched = (manifest.root / CLIPS[2].file_name).stat().st_mtime_ns
    (manifest.root / CLIPS[0].file_name).unlink()
    if is_listed:
        (manifest.root / CLIPS[1].file_name).write_bytes(b"cut off")
    else:
        (manifest.root / "clips.jsonl").unlink()
    assert prepare(root, MIN_CLIPS, SEED, workers=1) == manifest
    assert contents(manifest.root) == before
    assert (manifest.root / CLIPS[2].file_name).stat().st_mtime_ns == untouched


def test_an_interrupted_clip_leaves_nothing(tmp_path: Path, monkeypatch) -> None:
    def break_off(path: Path, *_: object) -> None:
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr("rnnmm.data.studio.clip.write_mp4", break_off)
    with pytest.raises(KeyboardInterrupt):
        make_clip(CLIPS[0], SEED, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_clip_holds_what_was_played(made: tuple[str, Manifest]) -> None:
    _, manifest = made
    path, chance = manifest.root / CLIPS[0].file_name, np.random.default_rng([SEED, 0])
    sound = record(CLIPS[0], chance)
    scene = draw_scene(CLIPS[0].action, CLIPS[0].colour, CLIPS[0].background, chance)
    frames, heard = decode(path)
    filmed = film(scene, round(len(sound) / 16_000 * 12), chance)
    assert frames.shape == filmed.shape
    assert np.mean((frames.astype(float) - filmed) ** 2) < 100
    assert 0 <= len(heard) - len(sound) < 2048
    # No delay: picture and sound both start at zero.
    assert np.corrcoef(heard[: len(sound)], sound)[0, 1] > 0.95


def test_a_clip_is_h264_and_aac_of_the_promised_size(made: tuple[str, Manifest]) -> None:
    _, manifest = made
    with av.open(str(manifest.root / manifest.items[0].path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec.name, video.width, video.height) == ("h264", 96, 96)
        assert video.average_rate == 12
        assert (audio.codec.name, audio.rate, audio.channels) == ("aac", 16_000, 1)
        assert 2.0 <= video.frames / 12 <= 2.8


def test_sound_is_at_a_sensible_level() -> None:
    for clip in CLIPS[:6]:
        sound = record(clip, np.random.default_rng([SEED, clip.index]))
        assert -32 < 20 * np.log10(np.sqrt(np.mean(sound**2))) < -18
        assert np.mean(np.abs(sound) > 0.999) < 1e-3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_clips": 83}, "dataset.num_clips: expected 84 to 3600 .*, got 83"),
        ({"num_clips": 3601}, "dataset.num_clips: expected 84 to 3600 .*, got 3601"),
        ({"seed": -1}, "dataset.seed: expected at least 0, got -1"),
        ({"workers": 0}, "dataset.workers: expected at least 1, got 0"),
    ],
)
def test_numbers_out_of_range_are_refused(tmp_path: Path, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        prepare(str(tmp_path), **options)
    assert not list(tmp_path.iterdir())
