import json
from collections import Counter

import pytest

from rnnmm.data.sthsth import prepare
from rnnmm.manifest import Item, check_manifest

TEMPLATES = ("Pushing [something] from left to right", "Pushing [something] from right to left")
LABELS = {
    template.replace("[", "").replace("]", ""): str(n) for n, template in enumerate(TEMPLATES)
}


def entry(id: int) -> dict[str, object]:
    template = TEMPLATES[id % 2]
    filled = template.replace("[something]", "a cup")
    return {"id": str(id), "label": filled, "template": template, "placeholders": ["a cup"]}


def tree(folder: str = "labels/", prefix: str = "") -> dict[str, str]:
    lists = {
        "labels": LABELS,
        "train": [entry(id) for id in range(20)],
        "validation": [entry(id) for id in range(20, 24)],
        "test": [{"id": "30"}, {"id": "31"}],
    }
    files = {f"{folder}{prefix}{name}.json": json.dumps(one) for name, one in lists.items()}
    clips = [*range(24), 30, 31]
    return files | {f"20bn-something-something-v2/{id}.webm": "" for id in clips}


def test_validation_is_the_test_and_val_comes_out_of_train(make_tree) -> None:
    manifest = prepare(make_tree(tree()), val_fraction=0.2)
    check_manifest(manifest)
    assert Counter(item.split for item in manifest.items) == {"train": 16, "val": 4, "test": 4}
    items = {item.id: item for item in manifest.items}
    assert items["21"] == Item(
        "21", "20bn-something-something-v2/21.webm", "test",
        label="Pushing something from right to left",
    )  # fmt: skip
    assert manifest.findings == (
        "train+val clips: 20 found, 168913 in the published release",
        "test clips: 4 found, 24777 in the published release",
        "classes: 2 found, 174 in the published release",
        "2 clips of the published test, which has no labels, not used",
        "split: 16 train, 4 val, 4 test",
    )


def test_longer_names_in_the_root_do_too(make_tree) -> None:
    files = tree("", "something-something-v2-")
    del files["something-something-v2-test.json"]
    manifest = prepare(make_tree(files))
    assert len(manifest.items) == 24
    assert "2 files in no list, not used: 30, 31" in manifest.findings


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("train", "{}", r"train.json: expected a list, got an object"),
        ("train", '[{"id": 7}]', r"train.json, entry 1: expected text as 'template', got none"),
        (
            "train",
            '[{"id": "7", "template": "Eating [x]"}]',
            r"entry 1: expected a label of .*labels",
        ),
        (
            "train",
            json.dumps([entry(20)]),
            r"validation.json, entry 1: 20 is listed already at .*tr",
        ),
        ("train", json.dumps([entry(1) | {"id": 1}]), r"entry 1: id: expected text, got 1"),
        ("labels", "[]", r"labels.json: expected a JSON object, got a list"),
        ("validation", "[", r"validation.json:1: expected JSON"),
    ],
)
def test_bad_entries_are_named(make_tree, name: str, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        prepare(make_tree(tree() | {f"labels/{name}.json": text}))


def test_no_lists_is_an_error(make_tree) -> None:
    files = tree()
    del files["labels/train.json"]
    with pytest.raises(
        ValueError, match=r"expected something-something-v2-train.json or train.js"
    ):
        prepare(make_tree(files))


def test_an_empty_folder_is_an_error(tmp_path) -> None:
    with pytest.raises(ValueError, match=r"sthsth: found no media below .*ID.webm"):
        prepare(str(tmp_path))
