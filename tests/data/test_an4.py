from collections import Counter, defaultdict
from pathlib import Path

import pytest

from rnnmm.data.an4 import prepare
from rnnmm.manifest import Item, check_manifest

SPEAKERS = [f"f{letter}" for letter in "abcdefghij"]
TRAIN_IDS = [f"an4_clstk/{s}/an{n}-{s}-b" for s in SPEAKERS for n in (1, 2)]
TEST_IDS = [f"an4test_clstk/m{letter}/cen{letter}-m{letter}-b" for letter in "ab"]


def part(name: str, ids: list[str], line: str = "YES {n} ({id})") -> dict[str, str]:
    transcripts = [line.format(n=n, id=i.split("/")[-1]) for n, i in enumerate(ids)]
    return {
        f"etc/an4_{name}.fileids": "\n".join(ids) + "\n",
        f"etc/an4_{name}.transcription": "\n".join(transcripts) + "\n",
    }


def files(ids: list[str], folder: str = "feat", extension: str = ".mfc") -> dict[str, str]:
    return {f"{folder}/{i}{extension}": "" for i in ids}


TRAIN = part("train", TRAIN_IDS) | files(TRAIN_IDS)
TEST = part("test", TEST_IDS, "<s> NO {n} </s> ({id})") | files(TEST_IDS)


def splits_of(manifest) -> Counter:
    return Counter(item.split for item in manifest.items)


def test_val_is_whole_speakers_of_train_and_the_official_test_stays(make_tree) -> None:
    manifest = prepare(make_tree(TRAIN | TEST), val_speakers=3)
    check_manifest(manifest)
    speakers = defaultdict(set)
    for item in manifest.items:
        speakers[item.split].add(item.speaker)
    assert {split: len(names) for split, names in speakers.items()} == {
        "train": 7, "val": 3, "test": 2,
    }  # fmt: skip
    assert speakers["test"] == {"ma", "mb"}
    assert not speakers["train"] & speakers["val"]


def test_an_item_has_its_words_without_marks_and_its_speaker_as_group(make_tree) -> None:
    items = {item.id: item for item in prepare(make_tree(TRAIN | TEST)).items}
    assert items["cena-ma-b"] == Item(
        "cena-ma-b", "feat/an4test_clstk/ma/cena-ma-b.mfc", "test",
        text="NO 0", speaker="ma", group="ma",
    )  # fmt: skip
    assert items["an2-fa-b"].text == "YES 1"


def test_the_val_speakers_are_stable_and_change_with_the_seed(make_tree) -> None:
    def val(root, **options):
        return {i.speaker for i in prepare(root, **options).items if i.split == "val"}

    root = make_tree(TRAIN)
    assert val(root, val_speakers=2) < val(root, val_speakers=4)
    assert val(root, val_speakers=4, split_seed=1) != val(root, val_speakers=4)


def test_the_split_looks_at_the_lists_and_not_at_the_files_there(make_tree) -> None:
    whole = {i.id: i.split for i in prepare(make_tree(TRAIN), val_speakers=3).items}
    absent = TRAIN_IDS[::3]
    root = make_tree(TRAIN)
    for stem in absent:
        Path(root, f"feat/{stem}.mfc").unlink()
    manifest = prepare(root, val_speakers=3)
    assert {i.id: i.split for i in manifest.items}.items() <= whole.items()
    assert len(manifest.items) == len(TRAIN_IDS) - len(absent)
    assert any(f.startswith(f"{len(absent)} files listed but absent: ") for f in manifest.findings)


def test_never_more_than_half_of_the_speakers_are_val(make_tree) -> None:
    assert splits_of(prepare(make_tree(TRAIN), val_speakers=100)) == {"train": 10, "val": 10}


def test_no_val_speakers(make_tree) -> None:
    assert splits_of(prepare(make_tree(TRAIN), val_speakers=0)) == {"train": 20}
    with pytest.raises(ValueError, match=r"expected dataset.val_speakers >= 0, got -1"):
        prepare(make_tree(TRAIN), val_speakers=-1)


def test_the_test_part_alone(make_tree) -> None:
    manifest = prepare(make_tree(TEST))
    check_manifest(manifest)
    assert splits_of(manifest) == {"test": 2}
    assert manifest.findings == (
        "train utterances: 0 found, 948 in the published release",
        "test utterances: 2 found, 130 in the published release",
        "split: 0 train, 0 val, 2 test",
    )


def test_sound_in_wav_and_other_extensions_do_too(make_tree) -> None:
    manifest = prepare(make_tree(part("test", TEST_IDS) | files(TEST_IDS, "wav", ".SPH")))
    assert [i.path for i in manifest.items] == [f"wav/{i}.SPH" for i in TEST_IDS]


def test_a_part_without_fileids_is_what_its_transcripts_name(make_tree) -> None:
    tree = {path: text for path, text in TEST.items() if not path.endswith(".fileids")}
    assert splits_of(prepare(make_tree(tree))) == {"test": 2}


def test_without_the_named_lists_every_transcribed_file_is_test(make_tree) -> None:
    tree = files(TRAIN_IDS) | {"etc/mine.transcription": TRAIN["etc/an4_train.transcription"]}
    manifest = prepare(make_tree(tree))
    assert splits_of(manifest) == {"test": 20}
    assert {i.speaker for i in manifest.items} == set(SPEAKERS)
    assert "no split lists: every item counts as test (20)" in manifest.findings


def test_files_without_a_transcript_or_a_place_in_a_list_are_told(make_tree) -> None:
    tree = TEST | files(["an4test_clstk/mc/cenc-mc-b"])
    tree["etc/an4_test.transcription"] = "NO (cena-ma-b)\n"
    manifest = prepare(make_tree(tree))
    assert [i.id for i in manifest.items] == ["cena-ma-b"]
    assert "1 file in no list, not used: an4test_clstk/mc/cenc-mc-b" in manifest.findings
    assert (
        "1 file without a transcript in etc, not used: an4test_clstk/mb/cenb-mb-b"
        in manifest.findings
    )


def test_a_speaker_in_both_parts_is_a_leak(make_tree) -> None:
    ids = ["an4test_clstk/fa/an9-fa-b"]
    manifest = prepare(make_tree(TRAIN | part("test", ids) | files(ids)))
    with pytest.raises(ValueError, match=r"a leak\): fa in "):
        check_manifest(manifest)


def test_no_transcripts_at_all_is_an_error(make_tree) -> None:
    with pytest.raises(ValueError, match=r"an4: nothing left of the corpus .*2 files without a t"):
        prepare(make_tree(files(TEST_IDS)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("NO\n", r"an4_test.transcription:1: expected 'WORDS \(utterance-id\)', got 'NO'"),
        ("A (x)\nB (x)\n", r"an4_test.transcription:2: x is already there above"),
    ],
)
def test_a_bad_transcript_is_named_with_its_line(make_tree, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        prepare(make_tree(TEST | {"etc/an4_test.transcription": text}))


def test_an_empty_folder_is_an_error(tmp_path) -> None:
    with pytest.raises(ValueError, match=r"an4: found no media below .*; expected feat/"):
        prepare(str(tmp_path))


@pytest.mark.corpus
def test_the_real_training_part(corpus) -> None:
    manifest = prepare(corpus("an4"))
    check_manifest(manifest)
    assert splits_of(manifest) == {"train": 857, "val": 91}
    assert len({i.speaker for i in manifest.items}) == 74
    assert len({i.speaker for i in manifest.items if i.split == "val"}) == 7
    assert manifest.findings == (
        "test utterances: 0 found, 130 in the published release",
        "split: 857 train, 91 val, 0 test",
    )
