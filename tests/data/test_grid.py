from collections import Counter, defaultdict

import pytest

from rnnmm.data.grid import prepare
from rnnmm.manifest import Item, Segment, check_manifest

ALIGNMENT = "0 25000 sil\n25000 50000 bin\n50000 62500 blue\n62500 75000 sil\n"
SPEAKERS = [f"s{n}" for n in range(1, 35) if n != 21]
IDS = [f"bbaf{n}n" for n in range(20)]


def tree(ids=IDS) -> dict[str, str]:
    files = {f"{speaker}/{id}.mpg": "" for speaker in SPEAKERS for id in ids}
    return files | {f"align/{id}.align": ALIGNMENT for id in ids}


def test_nobody_is_in_two_splits_and_lipnets_four_are_the_test(make_tree) -> None:
    manifest = prepare(make_tree(tree(["bbaf1n"])))
    check_manifest(manifest)
    splits = defaultdict(set)
    for item in manifest.items:
        splits[item.split].add(item.speaker)
    assert splits["test"] == {"s1", "s2", "s20", "s22"}
    assert len(splits["val"]) == 3 and len(splits["train"]) == 26
    assert manifest.findings == (
        "clips: 33 found, 34000 in the published release",
        "speakers: 33 found, 34 in the published release",
        "split: 26 train, 3 val, 4 test",
    )


def test_a_part_has_the_splits_of_the_whole(make_tree) -> None:
    files = {path: t for path, t in tree(["bbaf1n"]).items() if not path.startswith("s3/")}
    part = {item.id: item.split for item in prepare(make_tree(files)).items}
    whole = {item.id: item.split for item in prepare(make_tree(tree(["bbaf1n"]))).items}
    assert len(part) == 32 and part.items() <= whole.items()


def test_overlapping_speakers_are_all_in_every_split(make_tree) -> None:
    manifest = prepare(make_tree(tree()), split_by="overlap")
    check_manifest(manifest)
    counts = Counter((item.speaker, item.split) for item in manifest.items)
    for speaker in SPEAKERS:
        assert [counts[speaker, split] for split in ("train", "val", "test")] == [13, 2, 5]
    assert {item.group for item in manifest.items} == {None}


def test_an_item_has_its_words_and_their_times(make_tree) -> None:
    files = {"s3/video/mpg_6000/bbaf2n.mpg": "", "s3/align/bbaf2n.align": ALIGNMENT}
    assert prepare(make_tree(files)).items[0] == Item(
        "s3/bbaf2n", "s3/video/mpg_6000/bbaf2n.mpg", "train", text="bin blue", speaker="s3",
        group="s3", segments=(Segment(1.0, 2.0, "bin"), Segment(2.0, 2.5, "blue")),
    )  # fmt: skip


def test_a_speakers_own_alignment_goes_first(make_tree) -> None:
    files = {
        "s1/a.mpg": "", "s2/a.mpg": "", "align/a.align": "0 9 blue\n",
        "align/s1/a.align": "0 9 red\n",
    }  # fmt: skip
    assert [item.text for item in prepare(make_tree(files)).items] == ["red", "blue"]


def test_pictures_go_before_sound(make_tree) -> None:
    files = {"audio/s1/a.wav": "", "audio/s2/a.wav": "", "video/s1/a.mpg": "", "a.align": "0 9 a"}
    items = prepare(make_tree(files)).items
    assert [item.path for item in items] == ["video/s1/a.mpg", "audio/s2/a.wav"]


def test_clips_without_speaker_or_words_are_told(make_tree) -> None:
    files = {"s1/a.mpg": "", "s1/b.mpg": "", "s40/a.mpg": "", "a.align": "0 9 a"}
    manifest = prepare(make_tree(files))
    assert manifest.findings[2:4] == (
        "1 clip outside the folders s1 to s34, not used: s40/a.mpg",
        "1 clip without an alignment, not used: s1/b",
    )


def test_a_bad_alignment_is_named(make_tree) -> None:
    with pytest.raises(ValueError, match=r"a.align:1: expected 'start end word', got '0 9'"):
        prepare(make_tree({"s1/a.mpg": "", "a.align": "0 9\n"}))


def test_fractions_must_leave_something(make_tree) -> None:
    with pytest.raises(ValueError, match=r"in all below 1, got dataset.val_fraction=1"):
        prepare(make_tree(tree(["a"])), val_fraction=1)


def test_an_empty_folder_is_an_error(tmp_path) -> None:
    with pytest.raises(ValueError, match=r"grid: found no media below .*sN/ID.mpg"):
        prepare(str(tmp_path))
