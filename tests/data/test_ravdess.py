from collections import Counter

import pytest

from rnnmm.data.ravdess import prepare
from rnnmm.manifest import Item, check_manifest


def name(modality=3, channel=1, emotion=1, intensity=1, statement=1, repetition=1, actor=1) -> str:
    parts = (modality, channel, emotion, intensity, statement, repetition, actor)
    return f"Actor_{actor:02d}/" + "-".join(f"{part:02d}" for part in parts)


SPOKEN = {
    f"{name(emotion=emotion, actor=actor)}.wav": ""
    for emotion in range(1, 9)
    for actor in range(1, 25)
}
SUNG = {f"{name(channel=2, emotion=emotion)}.wav": "" for emotion in range(1, 7)}


def test_no_actor_is_in_two_splits_and_either_gender_in_each(make_tree) -> None:
    manifest = prepare(make_tree(SPOKEN))
    check_manifest(manifest)
    actors = {(item.split, int(item.speaker[-2:])) for item in manifest.items}
    assert len(actors) == 24
    assert Counter((split, actor % 2) for split, actor in actors) == {
        ("train", 0): 7, ("train", 1): 7, ("val", 0): 2, ("val", 1): 2, ("test", 0): 3,
        ("test", 1): 3,
    }  # fmt: skip


def test_a_name_says_all_about_an_item(make_tree) -> None:
    file = name(emotion=6, intensity=2, statement=2, repetition=2, actor=12)
    (item,) = prepare(make_tree({f"{file}.wav": ""})).items
    assert item == Item(
        "03-01-06-02-02-02-12", f"{file}.wav", item.split, text="dogs are sitting by the door",
        speaker="Actor_12", label="fearful", group="Actor_12",
    )  # fmt: skip


def test_a_part_has_the_splits_of_the_whole(make_tree, tmp_path) -> None:
    whole = {item.id: item.split for item in prepare(make_tree(SPOKEN)).items}
    for path in (tmp_path / "corpus").glob("Actor_0*"):
        for file in path.iterdir():
            file.unlink()
    part = {item.id: item.split for item in prepare(str(tmp_path / "corpus")).items}
    assert len(part) == 15 * 8
    assert part.items() <= whole.items()


def test_speech_and_song_are_told_apart(make_tree) -> None:
    root = make_tree({**SPOKEN, **SUNG, f"{name(modality=1)}.wav": ""})
    spoken = prepare(root)
    assert len(spoken.items) == 192
    assert "recordings: 192 found, 1440 in the published release" in spoken.findings
    assert any(one.startswith("7 files not speech alone, not used: ") for one in spoken.findings)
    assert {item.label for item in prepare(root, channel="song").items} == {
        "neutral", "calm", "happy", "sad", "angry", "fearful",
    }  # fmt: skip


@pytest.mark.parametrize("odd", ["03-01-09-01-01-01-01", "03-01-01-01-01-01", "3-1-1-1-1-1-1"])
def test_other_names_are_told_and_not_used(make_tree, odd: str) -> None:
    manifest = prepare(make_tree({f"{name()}.wav": "", f"Actor_01/{odd}.wav": ""}))
    assert len(manifest.items) == 1
    assert f"1 file not named as published, not used: Actor_01/{odd}.wav" in manifest.findings


def test_fractions_must_leave_something(make_tree) -> None:
    with pytest.raises(ValueError, match=r"in all below 1, got dataset\.val_fraction=0\.5"):
        prepare(make_tree(SPOKEN), val_fraction=0.5, test_fraction=0.5)


def test_an_empty_folder_is_an_error(tmp_path) -> None:
    with pytest.raises(ValueError, match=r"ravdess: found no media below .*; expected Actor_NN/"):
        prepare(str(tmp_path))
