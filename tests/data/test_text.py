from collections import Counter
from pathlib import Path

import pytest

from rnnmm.data.text import prepare
from rnnmm.manifest import Item, check_manifest

STORY = "".join(f"line number {n}\n" for n in range(40))


def write(path: Path, text: str | bytes) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def splits_of(manifest) -> Counter:
    return Counter(item.split for item in manifest.items)


def test_every_line_with_a_word_is_an_item(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.txt",
        b"\xef\xbb\xbfOnce upon\r\n\r\n * * *\r\n a time. \rGr\xc3\xbc\xc3\x9fe",
    )
    manifest = prepare(path)
    check_manifest(manifest)
    assert manifest.items == (
        Item("a.txt:1", "a.txt", "test", text="Once upon"),
        Item("a.txt:4", "a.txt", "test", text="a time."),
        Item("a.txt:5", "a.txt", "test", text="Grüße"),
    )
    assert manifest.root == tmp_path.resolve()
    assert manifest.findings == (
        "no split: every line counts as test (3; dataset.split=seeded draws splits)",
        "split: 0 train, 0 val, 3 test",
        "1 line without a letter or digit, not used: a.txt:3",
    )


def test_splits_are_drawn_by_the_seed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", STORY)
    manifest = prepare(path, split="seeded")
    assert splits_of(manifest) == {"train": 32, "val": 4, "test": 4}
    assert manifest.findings[0] == "splits drawn by line, equal lines together (seed 0)"
    assert manifest == prepare(path, split="seeded")
    assert manifest.items != prepare(path, split="seeded", split_seed=1).items
    larger = prepare(path, split="seeded", val_fraction=0.0, test_fraction=0.5)
    assert splits_of(larger) == {"train": 20, "test": 20}


def test_a_drawn_line_is_in_one_split_however_often_it_occurs(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", STORY + STORY.upper().replace("\n", "!\n"))
    manifest = prepare(path, split="seeded")
    homes: dict[str, set[str]] = {}
    for item in manifest.items:
        homes.setdefault(item.text.lower().rstrip("!"), set()).add(item.split)
    assert len(manifest.items) == 80
    assert len(homes) == 40
    assert all(len(found) == 1 for found in homes.values())
    once = prepare(write(tmp_path / "b.txt", STORY), split="seeded")
    assert {item.text: {item.split} for item in once.items} == homes


def test_given_files_are_the_splits_and_share_no_line(tmp_path: Path) -> None:
    manifest = prepare(
        write(tmp_path / "train.txt", "one\none\ntwo\n"),
        write(tmp_path / "more" / "val.txt", "Two.\nthree\n"),
        write(tmp_path / "test.txt", "four\nthree\nONE\n"),
    )
    check_manifest(manifest)
    assert [(item.id, item.split) for item in manifest.items] == [
        ("train.txt:1", "train"), ("train.txt:2", "train"), ("train.txt:3", "train"),
        ("more/val.txt:2", "val"), ("test.txt:1", "test"),
    ]  # fmt: skip
    assert manifest.findings == (
        "split: 3 train, 1 val, 1 test",
        "3 lines that an earlier split has, not used: more/val.txt:1, test.txt:2, test.txt:3",
    )


def test_only_what_has_no_file_is_drawn(tmp_path: Path) -> None:
    test = write(tmp_path / "test.txt", "something else\n")
    manifest = prepare(write(tmp_path / "a.txt", STORY), test_path=test, split="seeded")
    assert splits_of(manifest) == {"train": 36, "val": 4, "test": 1}
    assert [item.id for item in manifest.items if item.split == "test"] == ["test.txt:1"]


def test_a_link_is_followed(tmp_path: Path) -> None:
    link = tmp_path / "shelf" / "mine.txt"
    link.parent.mkdir()
    link.symlink_to(write(tmp_path / "a.txt", "one\n"))
    check_manifest(prepare(str(link)))


def test_a_long_line_is_told(tmp_path: Path) -> None:
    findings = prepare(write(tmp_path / "a.txt", "a\n" + "b" * 2001)).findings
    assert findings[-1] == "1 line longer than 2000 characters, slow to train on: a.txt:2"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            None,
            r"text: expected a text file at .*a\.txt, got no such file; set dataset\.path=FILE",
        ),
        (" \n--\n", r"text: expected a line with a word in .*a\.txt, got none"),
        (b"ok\n\xff\n", r"a\.txt:2: expected UTF-8 text, got the byte 0xff"),
    ],
)
def test_a_file_without_text(content: str | bytes | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.txt" if content is None else write(tmp_path / "a.txt", content)
    with pytest.raises(ValueError, match=message):
        prepare(str(path))


def test_fractions_are_checked(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"below 1, got dataset.val_fraction=0.5, dataset.test_f"):
        prepare(write(tmp_path / "a.txt", STORY), val_fraction=0.5, test_fraction=0.5)
