import hashlib

import pytest

from rnnmm.data.speech_commands import prepare
from rnnmm.manifest import Item, check_manifest

SPEAKERS = ("004ae714", "00970ce1", "0ab3b47d", "1b88bf70")
TREE = {
    **{f"{word}/{speaker}_nohash_{take}.wav": "" for word in ("right", "bed")
       for speaker in SPEAKERS for take in (0, 1)},
    "_background_noise_/pink_noise.wav": "",
    "README.md": "",
}  # fmt: skip
LISTS = {
    "validation_list.txt": "right/00970ce1_nohash_0.wav\nright/00970ce1_nohash_1.wav\n"
                           "bed/00970ce1_nohash_0.wav\nbed/00970ce1_nohash_1.wav\n",
    "testing_list.txt": "".join(f"{word}/1b88bf70_nohash_{take}.wav\n" for word in ("right", "bed")
                                for take in (0, 1)) + "bed/gone_nohash_0.wav\n",
}  # fmt: skip


def test_the_lists_are_kept_and_the_rest_is_train(make_tree) -> None:
    manifest = prepare(make_tree({**TREE, **LISTS}))
    check_manifest(manifest)
    splits = {item.speaker: item.split for item in manifest.items}
    assert splits == dict(zip(SPEAKERS, ("train", "val", "train", "test")))
    assert manifest.findings == (
        "utterances: 16 found, 105829 in the published release",
        "words: 2 found, 35 in the published release",
        "1 file listed but absent: bed/gone_nohash_0",
        "split: 8 train, 4 val, 4 test",
    )


def test_an_item_is_a_word_of_a_speaker(make_tree) -> None:
    items = {item.id: item for item in prepare(make_tree({**TREE, **LISTS})).items}
    assert items["right/004ae714_nohash_1"] == Item(
        "right/004ae714_nohash_1", "right/004ae714_nohash_1.wav", "train",
        text="right", speaker="004ae714", label="right", group="004ae714",
    )  # fmt: skip


def test_without_lists_the_release_s_rule_holds(make_tree) -> None:
    """As its `which_set` says: sha1 modulo 2^27, in percent: below 10 val, below 20 test."""
    speakers = [f"{number:08x}" for number in range(200)]
    manifest = prepare(make_tree({f"bed/{name}_nohash_0.wav": "" for name in speakers}))
    splits = {item.speaker: item.split for item in manifest.items}
    expected = {}
    for name in speakers:
        number = int(hashlib.sha1(name.encode()).hexdigest(), 16) % 2**27
        percent = number * 100.0 / (2**27 - 1)
        expected[name] = "val" if percent < 10 else "test" if percent < 20 else "train"
    assert splits == expected
    assert set(splits.values()) == {"train", "val", "test"}
    assert "no split lists: split by the release's own rule" in manifest.findings


def test_files_with_other_names_are_told(make_tree) -> None:
    manifest = prepare(make_tree({**TREE, "right/noise.wav": "", "ab_nohash_0.wav": ""}))
    assert (
        "2 files not named WORD/SPEAKER_nohash_TAKE, not used: ab_nohash_0.wav, right/noise.wav"
        in manifest.findings
    )


def test_noise_alone_is_no_corpus(make_tree) -> None:
    with pytest.raises(ValueError, match="speech_commands: nothing left of the corpus"):
        prepare(make_tree({"_background_noise_/pink_noise.wav": ""}))
