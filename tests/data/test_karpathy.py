import json
from pathlib import Path

import pytest

from rnnmm.data.karpathy import read_photos
from rnnmm.data.listed import Entry


def write(tmp_path: Path, *images: object) -> Path:
    path = tmp_path / "dataset.json"
    path.write_text(json.dumps({"images": images, "dataset": "demo"}))
    return path


def image(filename: str, split: str, *sentences: str) -> dict[str, object]:
    texts = [{"tokens": text.split(), "raw": text, "imgid": 0, "sentid": 0} for text in sentences]
    return {"sentids": [0], "imgid": 0, "sentences": texts, "split": split, "filename": filename}


def test_photos_have_split_and_sentences(tmp_path: Path) -> None:
    path = write(tmp_path, image("a b.jpg", "train", " A dog . ", ""), image("c.jpg", "restval"))
    assert list(read_photos(path, ("train", "restval"))) == [
        (f"{path}: images, entry 1", "a b", Entry("train", captions=("A dog .",))),
        (f"{path}: images, entry 2", "c", Entry("restval")),
    ]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (image("a.jpg", "dev"), r"entry 1: expected split train, test, got 'dev'"),
        (
            image("/etc/a.jpg", "train"),
            r"entry 1: expected a path below the corpus folder, got '/et",
        ),
        (image("", "train"), r"entry 1: expected text as 'filename', got none"),
        (
            image("a.jpg", "train") | {"sentences": None},
            r"sentences: expected a list, got nothing",
        ),
        (
            image("a.jpg", "train") | {"sentences": [{"raw": 3}]},
            r"entry 1: raw: expected text, got 3",
        ),
    ],
)
def test_bad_entries_are_named(tmp_path: Path, entry: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        list(read_photos(write(tmp_path, entry), ("train", "test")))
