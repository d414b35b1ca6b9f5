"""Corpora of files that tell the fake decoder what to do."""

import sys
from pathlib import Path

import pytest

from rnnmm.manifest import Item, Manifest

sys.path.insert(0, str(Path(__file__).parent))  # for fake_decoders, here and in the workers


@pytest.fixture(scope="session")
def write_corpus():
    """Makes a manifest below a folder from the contents of its files."""

    def write(root, contents, name="fake", **fields):
        root.mkdir(parents=True, exist_ok=True)
        items = []
        for n, content in enumerate(contents):
            path = f"{n:03}.txt"
            (root / path).write_text(content + "\n" * n)  # no two files are the same
            split = ("train", "val", "test")[n % 3]
            items.append(Item(f"item{n}", path, split, text=f"text {n}", captions=("a", "b")))
        return Manifest(name, root, tuple(items), **fields)

    return write


@pytest.fixture
def corpus(tmp_path, write_corpus):
    """The same below the test's own folder."""

    def make(contents, folder="media", **fields):
        return write_corpus(tmp_path / folder, contents, **fields)

    return make
