"""Small trees in the true layout of a corpus, and the real corpora where they are there."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

_CORPORA = Path(__file__).parents[2] / "../shared/data"

MakeTree = Callable[[Mapping[str, str | bytes]], str]


@pytest.fixture
def make_tree(tmp_path: Path) -> MakeTree:
    """Writes path -> content below a fresh root, in reverse order, and returns the root."""

    def make(files: Mapping[str, str | bytes]) -> str:
        root = tmp_path / "corpus"
        for name in reversed(files):
            content = files[name]
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(root)

    return make


@pytest.fixture
def corpus() -> Callable[[str], str]:
    """The folder of a real corpus; the test skips itself where it is absent."""

    def find(name: str) -> str:
        if not (_CORPORA / name).is_dir():
            pytest.skip(f"real media absent: no {_CORPORA / name}")
        return str(_CORPORA / name)

    return find
