import sys
from pathlib import Path

import pytest

from rnnmm.pipelines.cli import main

sys.path.insert(0, str(Path(__file__).parent))  # for tones

from tones import make_tree, words


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tree(tmp_path_factory.mktemp("corpus"), {"train": 6, "val": 2, "test": 3})


@pytest.fixture(scope="session")
def run(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained run on that corpus, to be read and not to be changed."""
    work = tmp_path_factory.mktemp("work")
    assert main(["run", *words(corpus, work)]) == 0
    return work / "run"
