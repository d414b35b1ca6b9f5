from collections import Counter

import pytest

from rnnmm.data.kinetics import prepare
from rnnmm.manifest import Item, check_manifest

HEADER = "label,youtube_id,time_start,time_end,split\n"
ROWS = {
    "train": [("riding a bike", f"--{n:02d}_aB", 10, 20) for n in range(10)],
    "validate": [("riding a bike", f"va_{n}", 0, 10) for n in range(3)],
    "test": [("riding a bike", f"te_{n}", 107, 117) for n in range(2)],
}


def table(split: str) -> str:
    rows = (f'"{label}",{id},{start},{end},{split}' for label, id, start, end in ROWS[split])
    return HEADER + "\n".join(rows) + "\n"


def tree() -> dict[str, str]:
    files = {f"annotations/{split}.csv": table(split) for split in ROWS}
    for rows in ROWS.values():
        for label, id, start, end in rows:
            files[f"videos/{label}/{id}_{start:06d}_{end:06d}.mp4"] = ""
    return files


def splits_of(manifest) -> Counter:
    return Counter(item.split for item in manifest.items)


def test_what_all_publish_on_is_the_test(make_tree) -> None:
    manifest = prepare(make_tree(tree()), val_fraction=0.2)
    check_manifest(manifest)
    assert splits_of(manifest) == {"train": 8, "val": 2, "test": 3}
    assert all(item.id.startswith("va_") == (item.split == "test") for item in manifest.items)
    assert manifest.findings == (
        "classes: 1 found, 400 in the published release", "split: 8 train, 2 val, 3 test",
    )  # fmt: skip


def test_the_published_parts(make_tree) -> None:
    manifest = prepare(make_tree(tree()), measure_on="test", edition=700)
    assert splits_of(manifest) == {"train": 10, "val": 3, "test": 2}
    assert "classes: 1 found, 700 in the published release" in manifest.findings
    assert manifest.items[-1] == Item(
        "va_2_000000_000010", "videos/riding a bike/va_2_000000_000010.mp4", "val",
        label="riding a bike", group="va_2",
    )  # fmt: skip


def test_flat_clips_and_one_list_are_the_same_corpus(make_tree) -> None:
    files = {path.rpartition("/")[2]: "" for path in tree() if path.endswith(".mp4")}
    rows = "".join(table(split).removeprefix(HEADER) for split in ROWS)
    manifest = prepare(make_tree({**files, "kinetics-400.csv": "\ufeff" + HEADER + rows}))
    assert len(manifest.items) == 13


def test_videos_that_have_gone_are_told(make_tree) -> None:
    files = tree()
    del files["videos/riding a bike/va_1_000000_000010.mp4"]
    manifest = prepare(make_tree(files))
    assert "1 file listed but absent: va_1_000000_000010" in manifest.findings
    assert splits_of(manifest)["test"] == 2


def test_a_test_without_labels_has_nothing_to_measure(make_tree) -> None:
    files = tree()
    files["annotations/test.csv"] = (
        "youtube_id,time_start,time_end,split\nte_0,107,117,test\nte_1,107,117,test\n"
    )
    manifest = prepare(make_tree(files), measure_on="test")
    assert "2 clips without annotation, not used: te_0_000107_000117, te_1_000107_000117" in (
        manifest.findings
    )


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a,b,0,10", r"train.csv:12: expected 5 cells as in the header, got 4"),
        ("a,b,0,10,dev", r"train.csv:12: expected split train, validate or test, got 'dev'"),
        ("a,b,10,10,train", r"train.csv:12: expected time_end after time_start, got 10, 10"),
        ("a,b,x,10,train", r"train.csv:12: expected a whole number .* as 'time_start', got 'x'"),
        ("a,,0,10,train", r"train.csv:12: expected text as 'youtube_id', got none"),
        ("a,va_0,0,10,train", r"validate.csv:2: va_0_000000_000010 is listed already at .*:12"),
    ],
)
def test_bad_rows_are_named(make_tree, row: str, message: str) -> None:
    files = tree()
    files["annotations/train.csv"] += row
    with pytest.raises(ValueError, match=message):
        prepare(make_tree(files))


def test_no_lists_is_an_error(make_tree) -> None:
    with pytest.raises(ValueError, match=r"kinetics: expected \*.csv with the columns label,yout"):
        prepare(make_tree({"a_000000_000010.mp4": ""}))
    with pytest.raises(ValueError, match=r"list.csv:1: expected a header with the columns yout"):
        prepare(make_tree({"list.csv": "path,label\n"}))


def test_an_empty_folder_is_an_error(tmp_path) -> None:
    with pytest.raises(ValueError, match=r"kinetics: found no media below .*ID_000010_000020"):
        prepare(str(tmp_path))
