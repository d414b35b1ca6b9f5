import json

import pytest

from rnnmm.data.msrvtt import prepare
from rnnmm.manifest import Item, check_manifest


def video(number: int, split: str, url: str | None = None) -> dict[str, object]:
    return {
        "category": 9, "url": url or f"https://www.youtube.com/watch?v=u{number}",
        "video_id": f"video{number}", "start time": 137.72, "end time": 149.44, "split": split,
        "id": number,
    }  # fmt: skip


def sentence(number: int, caption: str) -> dict[str, object]:
    return {"caption": caption, "video_id": f"video{number}", "sen_id": 0}


def info(*videos: dict[str, object]) -> str:
    numbers = [one["id"] for one in videos]
    sentences = [sentence(n, text) for text in ("a man", "a car") for n in numbers]
    return json.dumps({"info": {"year": "2016"}, "videos": videos, "sentences": sentences})


TRAIN_VAL = (video(0, "train"), video(1, "train"), video(6513, "validate"))
TEST = (video(7010, "test"),)
CLIPS = {f"TrainValVideo/video{n}.mp4": "" for n in (0, 1, 6513)} | {"TestVideo/video7010.mp4": ""}
PARTS = {
    "train_val_videodatainfo.json": info(*TRAIN_VAL), "test_videodatainfo.json": info(*TEST),
}  # fmt: skip


@pytest.mark.parametrize(
    "lists",
    [
        PARTS,
        {"videodatainfo_2016.json": info(*TRAIN_VAL, *TEST)},
        {"annotation/MSRVTT_data.json": info(*TRAIN_VAL, *TEST)},
    ],
)
def test_every_layout_has_the_published_split(make_tree, lists: dict[str, str]) -> None:
    manifest = prepare(make_tree(CLIPS | lists))
    check_manifest(manifest)
    assert [(item.id, item.split) for item in manifest.items] == [
        ("video0", "train"), ("video1", "train"), ("video6513", "val"), ("video7010", "test"),
    ]  # fmt: skip
    assert manifest.items[0] == Item(
        "video0", "TrainValVideo/video0.mp4", "train", captions=("a man", "a car"),
        group="https://www.youtube.com/watch?v=u0",
    )  # fmt: skip
    assert manifest.findings == (
        "train clips: 2 found, 6513 in the published release",
        "val clips: 1 found, 497 in the published release",
        "test clips: 1 found, 2990 in the published release",
        "split: 2 train, 1 val, 1 test",
    )


def test_the_test_alone_is_a_part(make_tree) -> None:
    manifest = prepare(make_tree({p: t for p, t in (CLIPS | PARTS).items() if "est" in p}))
    assert [item.split for item in manifest.items] == ["test"]


def test_a_video_that_the_release_shares_is_told(make_tree) -> None:
    lists = {"videodatainfo.json": info(video(0, "train", "u"), video(1, "test", "u"))}
    manifest = prepare(make_tree(CLIPS | lists))
    check_manifest(manifest)
    assert "1 video in two splits of the published lists (a leak): u" in manifest.findings


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", r"info.json: expected a JSON object, got a list"),
        ('{"videos": []}', r"info.json: sentences: expected a list, got nothing"),
        ('{"videos": [3], "sentences": []}', r"videos, entry 1: expected an object, got a number"),
        (
            info(video(0, "dev")),
            r"videos, entry 1: expected split train, validate or test, got 'dev",
        ),
        (
            info(video(0, "train"), video(0, "test")),
            r"entry 2: video0 is listed already at .*entry 1",
        ),
        (
            '{"videos": [], "sentences": [{"video_id": "a", "caption": 3}]}',
            r"entry 1: caption: expec",
        ),
    ],
)
def test_bad_entries_are_named(make_tree, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        prepare(make_tree(CLIPS | {"videodatainfo.json": text}))


def test_no_lists_is_an_error(make_tree) -> None:
    with pytest.raises(ValueError, match=r"msrvtt: expected train_val_videodatainfo.json, .*none"):
        prepare(make_tree(CLIPS))


def test_an_empty_folder_is_an_error(tmp_path) -> None:
    with pytest.raises(ValueError, match=r"msrvtt: found no media below .*video0.mp4"):
        prepare(str(tmp_path))
