from collections import Counter

import pytest

from rnnmm.data.fsdd import prepare
from rnnmm.manifest import Item, check_manifest

TREE = {
    f"recordings/{digit}_{speaker}_{take}.wav": ""
    for digit in (0, 7)
    for speaker in ("jackson", "theo_b")
    for take in range(12)
}


def splits_of(manifest) -> Counter:
    return Counter(item.split for item in manifest.items)


def test_the_official_split_is_by_take(make_tree) -> None:
    manifest = prepare(make_tree(TREE))
    check_manifest(manifest)
    takes = {split: set() for split in ("train", "val", "test")}
    for item in manifest.items:
        takes[item.split].add(int(item.id.split("_")[-1]))
    assert takes == {"test": {0, 1, 2, 3, 4}, "val": {5, 6, 7, 8, 9}, "train": {10, 11}}


def test_an_item_says_the_digit_as_a_word(make_tree) -> None:
    items = {item.id: item for item in prepare(make_tree(TREE)).items}
    assert items["7_theo_b_3"] == Item(
        "7_theo_b_3", "recordings/7_theo_b_3.wav", "test",
        text="seven", speaker="theo_b", label="seven",
    )  # fmt: skip


def test_a_part_is_told(make_tree) -> None:
    findings = prepare(make_tree(TREE)).findings
    assert findings == (
        "recordings: 48 found, 3000 in the published release",
        "speakers: 2 found, 6 in the published release",
        "split: 8 train, 20 val, 20 test",
    )


def test_val_takes_can_be_left_to_train(make_tree) -> None:
    manifest = prepare(make_tree(TREE), num_val_takes=0)
    assert splits_of(manifest) == {"train": 28, "test": 20}


def test_one_speaker_out_is_the_whole_test(make_tree) -> None:
    manifest = prepare(make_tree(TREE), speaker_out="jackson")
    check_manifest(manifest)
    assert {i.speaker for i in manifest.items if i.split == "test"} == {"jackson"}
    assert {i.speaker for i in manifest.items if i.split != "test"} == {"theo_b"}
    assert splits_of(manifest) == {"test": 24, "val": 10, "train": 14}


def test_files_in_the_root_and_other_extensions_do_too(make_tree) -> None:
    manifest = prepare(make_tree({"3_theo_0.FLAC": "", "3_theo_6.flac": "", "metadata.py": ""}))
    assert [(i.id, i.path, i.split) for i in manifest.items] == [
        ("3_theo_0", "3_theo_0.FLAC", "test"),
        ("3_theo_6", "3_theo_6.flac", "val"),
    ]


def test_files_with_other_names_are_told_and_not_used(make_tree) -> None:
    manifest = prepare(make_tree({"3_theo_0.wav": "", "noise.wav": "", "33_theo_0.wav": ""}))
    assert len(manifest.items) == 1
    assert (
        "2 files not named DIGIT_SPEAKER_TAKE, not used: 33_theo_0.wav, noise.wav"
        in manifest.findings
    )


def test_only_files_with_other_names_is_an_error(make_tree) -> None:
    with pytest.raises(ValueError, match=r"fsdd: nothing left .*not named .*: noise.wav"):
        prepare(make_tree({"noise.wav": ""}), speaker_out="theo")


def test_an_unknown_speaker_is_refused_with_the_nearest(make_tree) -> None:
    with pytest.raises(ValueError, match=r"one of jackson, theo_b, got 'jakson'; did you mean "
                                         r"jackson\?"):  # fmt: skip
        prepare(make_tree(TREE), speaker_out="jakson")


def test_a_negative_number_of_takes_is_refused(make_tree) -> None:
    with pytest.raises(ValueError, match=r"expected dataset.num_val_takes >= 0, got -1"):
        prepare(make_tree(TREE), num_val_takes=-1)


def test_an_empty_folder_is_an_error(tmp_path) -> None:
    with pytest.raises(ValueError, match=r"fsdd: found no media below .*; expected recordings/"):
        prepare(str(tmp_path))


@pytest.mark.corpus
def test_the_real_corpus_is_complete(corpus) -> None:
    manifest = prepare(corpus("fsdd"))
    check_manifest(manifest)
    assert splits_of(manifest) == {"train": 2400, "val": 300, "test": 300}
    assert manifest.findings == ("split: 2400 train, 300 val, 300 test",)


@pytest.mark.corpus
def test_the_real_corpus_without_one_speaker(corpus) -> None:
    manifest = prepare(corpus("fsdd"), speaker_out="lucas")
    assert splits_of(manifest) == {"train": 2250, "val": 250, "test": 500}
