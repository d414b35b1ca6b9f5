from collections import Counter, defaultdict

import pytest

from rnnmm.data.speechocean import prepare
from rnnmm.manifest import Item, check_manifest

SPEAKERS = {f"{n:04d}": "fm"[n % 2] for n in range(20)}


def kaldi(speakers, folder: str = "", path: str = "wav/{s}/{u}.flac", per_speaker: int = 10):
    rows = [(f"{s}{n:02d}", s) for s in speakers for n in range(per_speaker)]
    tables = {
        "wav.scp": [f"{u}\t" + path.format(s=s, u=u) for u, s in rows],
        "text": [f"{u} SAY {u}" for u, _ in rows],
        "utt2spk": [f"{u} {s}" for u, s in rows],
        "spk2gender": [f"{s} {speakers[s]}" for s in speakers],
    }
    tree = {f"{folder}{name}": "\n".join(lines) + "\n" for name, lines in tables.items()}
    return tree | {path.format(s=s, u=u): "" for u, s in rows}


def sides(manifest) -> dict[str, set[str]]:
    speakers = defaultdict(set)
    for item in manifest.items:
        speakers[item.split].add(item.speaker)
    return speakers


def splits_of(manifest) -> Counter:
    return Counter(item.split for item in manifest.items)


def test_by_speaker_no_speaker_is_shared_and_the_genders_are_balanced(make_tree) -> None:
    manifest = prepare(make_tree(kaldi(SPEAKERS)))
    check_manifest(manifest)
    genders = {
        split: Counter(SPEAKERS[s] for s in names) for split, names in sides(manifest).items()
    }
    assert genders == {
        "train": {"f": 7, "m": 7}, "val": {"f": 1, "m": 1}, "test": {"f": 2, "m": 2},
    }  # fmt: skip
    assert all(item.group == item.speaker for item in manifest.items)


def test_by_utterance_every_speaker_is_everywhere(make_tree) -> None:
    manifest = prepare(make_tree(kaldi(SPEAKERS)), split_by="utterance")
    check_manifest(manifest)
    assert sides(manifest) == {s: set(SPEAKERS) for s in ("train", "val", "test")}
    assert splits_of(manifest) == {"train": 140, "val": 20, "test": 40}


def test_split_by_none_makes_everything_test(make_tree) -> None:
    manifest = prepare(make_tree(kaldi(SPEAKERS)), split_by="none")
    assert splits_of(manifest) == {"test": 200}
    assert "split_by=none: all items count as test" in manifest.findings


def test_an_item_has_text_and_speaker(make_tree) -> None:
    items = {i.id: i for i in prepare(make_tree(kaldi(SPEAKERS)), split_by="none").items}
    assert items["000307"] == Item(
        "000307", "wav/0003/000307.flac", "test",
        text="SAY 000307", speaker="0003", group=None,
    )  # fmt: skip


def test_the_release_keeps_its_test_and_gives_val_out_of_train(make_tree) -> None:
    path = "WAVE/SPEAKER{s}/{u}.WAV"
    test = {"9001": "f", "9002": "m"}
    tree = kaldi(SPEAKERS, "train/", path) | kaldi(test, "test/", path)
    manifest = prepare(make_tree(tree))
    check_manifest(manifest)
    assert sides(manifest)["test"] == set(test)
    assert len(sides(manifest)["val"]) == 2
    assert manifest.items[0].path.startswith("WAVE/SPEAKER0000/")
    assert not any("no split lists" in finding for finding in manifest.findings)


def test_the_release_with_its_test_alone(make_tree) -> None:
    manifest = prepare(make_tree(kaldi({"9001": "f"}, "test/")))
    assert splits_of(manifest) == {"test": 10}


def test_a_speaker_in_both_parts_of_the_release_is_a_leak(make_tree) -> None:
    tree = kaldi(SPEAKERS, "train/") | kaldi({"0003": "m"}, "test/", "x/{u}y.wav", 1)
    with pytest.raises(ValueError, match=r"a leak\): 0003 in test\+train"):
        check_manifest(prepare(make_tree(tree), val_fraction=0.0))


def test_another_extension_is_found(make_tree) -> None:
    tree = kaldi({"0001": "f"})
    moved = {path.replace(".flac", ".wav"): text for path, text in tree.items()}
    assert "wav.scp" in tree and ".flac" in moved["wav.scp"]
    items = prepare(make_tree(moved), split_by="none").items
    assert items[0].path == "wav/0001/000100.wav"
    assert len(items) == 10


def test_absolute_paths_and_paths_below_the_table_are_found(make_tree, tmp_path) -> None:
    tree = kaldi({"0001": "f"}, per_speaker=1)
    tree["wav.scp"] = f"000100 {tmp_path}/corpus/wav/0001/000100.flac\n"
    assert prepare(make_tree(tree), split_by="none").items[0].path == "wav/0001/000100.flac"
    part = kaldi({"0002": "f"}, "test/", per_speaker=1) | {"test/wav/0002/000200.wav": ""}
    del part["wav/0002/000200.flac"]
    assert [i.path for i in prepare(make_tree(part)).items] == ["test/wav/0002/000200.wav"]


def test_without_genders_the_split_is_by_speaker_all_the_same(make_tree) -> None:
    tree = kaldi(SPEAKERS)
    del tree["spk2gender"]
    speakers = sides(prepare(make_tree(tree)))
    assert {split: len(names) for split, names in speakers.items()} == {
        "train": 14, "val": 2, "test": 4,
    }  # fmt: skip


def test_what_is_missing_is_told(make_tree) -> None:
    tree = kaldi({"0001": "f"}, per_speaker=5)
    del tree["wav/0001/000100.flac"]
    tree["text"] = tree["text"].replace("000101 SAY 000101\n", "")
    tree["utt2spk"] = tree["utt2spk"].replace("000102 0001\n", "")
    tree["extra.wav"] = ""
    manifest = prepare(make_tree(tree), split_by="none")
    assert [item.id for item in manifest.items] == ["000103", "000104"]
    assert manifest.findings[2:6] == (
        "1 file listed but absent: 000100",
        "1 utterance without a text, not used: 000101",
        "1 utterance without a speaker, not used: 000102",
        "1 file in no list, not used: extra.wav",
    )


@pytest.mark.parametrize("value", ["sph2pipe -f wav a.sph |", "| cat > x"])
def test_commands_are_refused(make_tree, value: str) -> None:
    tree = kaldi({"0001": "f"}) | {"wav.scp": f"000100 {value}\n"}
    with pytest.raises(ValueError, match=r"wav.scp: 000100: expected a file, got the command"):
        prepare(make_tree(tree))


def test_a_missing_table_is_named(make_tree) -> None:
    tree = kaldi({"0001": "f"})
    del tree["utt2spk"]
    with pytest.raises(ValueError, match=r"expected wav.scp, text, utt2spk in .*, got no utt2spk"):
        prepare(make_tree(tree))


def test_fractions_are_checked(make_tree) -> None:
    with pytest.raises(ValueError, match=r"below 1, got dataset.val_fraction=0.5, dataset.test_f"):
        prepare(make_tree(kaldi(SPEAKERS)), val_fraction=0.5, test_fraction=0.6)


def test_files_that_lie_elsewhere_leave_nothing(make_tree) -> None:
    tree = kaldi({"0001": "f"}) | {"wav.scp": "000100 /elsewhere/000100.wav\n"}
    with pytest.raises(
        ValueError, match=r"speechocean: nothing left .*1 file listed but absent: 000100"
    ):
        prepare(make_tree(tree))


@pytest.mark.corpus
def test_the_real_part_by_speaker(corpus) -> None:
    manifest = prepare(corpus("speechocean"))
    check_manifest(manifest)
    assert splits_of(manifest) == {"train": 272, "val": 32, "test": 80}
    assert manifest.findings[:2] == (
        "utterances: 384 found, 5000 in the published release",
        "speakers: 48 found, 250 in the published release",
    )


@pytest.mark.corpus
def test_the_real_part_by_utterance(corpus) -> None:
    manifest = prepare(corpus("speechocean"), split_by="utterance")
    check_manifest(manifest)
    assert splits_of(manifest) == {"train": 240, "val": 48, "test": 96}
    assert all(len(names) == 48 for names in sides(manifest).values())
