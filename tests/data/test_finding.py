from pathlib import Path

import pytest

from rnnmm.data.finding import report_files, report_sizes, to_manifest
from rnnmm.manifest import Item


def test_report_files_counts_and_names_the_first() -> None:
    assert report_files("absent", []) == ()
    assert report_files("absent", ["a"], "clip") == ("1 clip absent: a",)
    assert report_files("absent", iter("abcdefg")) == ("7 files absent: a, b, c, d, e and 2 more",)


def test_report_sizes_names_every_split() -> None:
    items = [Item("a", "a", "train"), Item("b", "b", "test"), Item("c", "c", "test")]
    assert report_sizes(items) == ("split: 1 train, 0 val, 2 test",)


def test_to_manifest_keeps_items_and_findings() -> None:
    manifest = to_manifest("x", Path("r"), [Item("a", "a", "test")], ["told"])
    assert (manifest.name, manifest.root) == ("x", Path("r"))
    assert (manifest.items, manifest.findings) == ((Item("a", "a", "test"),), ("told",))


def test_to_manifest_stops_when_nothing_is_left_and_says_why() -> None:
    with pytest.raises(ValueError, match=r"x: nothing left of the corpus at r \(why\); set "):
        to_manifest("x", Path("r"), [], ["why"])
