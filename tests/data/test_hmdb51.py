from collections import Counter

import pytest

from rnnmm.data.hmdb51 import prepare
from rnnmm.manifest import Item, check_manifest

LISTS = "testTrainMulti_7030_splits"
CLASSES = ("brush_hair", "clap")
SOURCES = [f"#20_Rhythm, (take {n})!" for n in range(20)]


def clip(label: str, source: str, number: int = 0) -> str:
    return f"{source}_{label}_u_nm_np1_ba_goo_{number}.avi"


def tree(folder: str = "") -> dict[str, str]:
    """Two clips of each source; the first 12 sources are train, four test, four unused."""
    files = {f"{folder}{c}/{clip(c, s, n)}": "" for c in CLASSES for s in SOURCES for n in (0, 1)}
    for label in CLASSES:
        numbers = [1] * 12 + [2] * 4 + [0] * 4
        lines = [f"{clip(label, s, n)} {k} " for s, k in zip(SOURCES, numbers) for n in (0, 1)]
        files[f"{LISTS}/{label}_test_split1.txt"] = "\n".join(lines) + "\n"
    return files


def splits_of(manifest) -> Counter:
    return Counter(item.split for item in manifest.items)


def test_one_is_train_two_is_test_and_nought_is_unused(make_tree) -> None:
    manifest = prepare(make_tree(tree()), val_fraction=0.25)
    check_manifest(manifest)
    assert splits_of(manifest) == {"train": 36, "val": 12, "test": 16}
    assert len({item.group for item in manifest.items if item.split == "val"}) == 6
    assert manifest.findings == (
        "train+val clips: 48 found, 3570 in the published release",
        "test clips: 16 found, 1530 in the published release",
        "classes: 2 found, 51 in the published release",
        "16 clips in neither part of this published split, not used",
        "split: 36 train, 12 val, 16 test",
    )


def test_an_item_has_class_and_source(make_tree) -> None:
    items = {item.id: item for item in prepare(make_tree(tree("hmdb51_org/"))).items}
    name = clip("brush_hair", SOURCES[13], 1)
    assert items[name[:-4]] == Item(
        name[:-4], f"hmdb51_org/brush_hair/{name}", "test", label="brush_hair",
        group=f"brush_hair/{SOURCES[13]}",
    )  # fmt: skip


def test_the_published_split_is_kept_where_it_shares_a_source(make_tree) -> None:
    files = tree()
    shared = clip("clap", SOURCES[0], 7)
    files[f"clap/{shared}"] = ""
    files[f"{LISTS}/clap_test_split1.txt"] += f"{shared} 2\n"
    manifest = prepare(make_tree(files))
    check_manifest(manifest)
    assert f"1 source video in two splits of the published lists (a leak): clap/{SOURCES[0]}" in (
        manifest.findings
    )


def test_without_lists_every_clip_is_test(make_tree) -> None:
    files = {path: "" for path in tree() if path.endswith(".avi")}
    manifest = prepare(make_tree(files))
    check_manifest(manifest)
    assert splits_of(manifest) == {"test": 80}
    assert "no split lists: every item counts as test (80)" in manifest.findings


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "a.avi 3",
            r"brush_hair_test_split1.txt:41: expected 'NAME.avi' and 0, 1 or 2, got 'a' an",
        ),
        ("a.avi", r"txt:41: expected 'NAME.avi' and 0, 1 or 2, got 'a' and None"),
        ("../a.avi 1", r"txt:41: expected a path below the corpus folder"),
        (clip("brush_hair", SOURCES[0]) + " 2", r"txt:41: .* is listed already at .*split1.txt:1"),
    ],
)
def test_bad_lines_are_named(make_tree, line: str, message: str) -> None:
    files = tree()
    files[f"{LISTS}/brush_hair_test_split1.txt"] += line
    with pytest.raises(ValueError, match=message):
        prepare(make_tree(files))


def test_an_empty_folder_is_an_error(tmp_path) -> None:
    with pytest.raises(ValueError, match=r"hmdb51: found no media below .*CLASS/\*\.avi"):
        prepare(str(tmp_path))
