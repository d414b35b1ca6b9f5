"""What the wheel carries: one top-level name, and everything the commands need beside the code."""

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Folders of the repository and where the wheel puts them.
FOLDERS = {
    "rnnmm": "rnnmm",
    "pipelines": "rnnmm/pipelines",
    "configs": "rnnmm/configs",
    "data": "rnnmm/data",
}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """A wheel built from a copy, so that the build leaves nothing in the working tree."""
    tree = tmp_path_factory.mktemp("tree")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree / name)
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tree)]
    subprocess.run([*build, str(tree)], check=True, capture_output=True)
    (path,) = tree.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


def test_one_top_level_name(wheel: zipfile.ZipFile) -> None:
    tops = {name.partition("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"rnnmm"}


def test_nothing_is_left_behind(wheel: zipfile.ZipFile) -> None:
    expected = {
        f"{target}/{path.relative_to(ROOT / folder).as_posix()}"
        for folder, target in FOLDERS.items()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {"rnnmm/py.typed", "rnnmm/report/page.html", "rnnmm/configs/config.yaml"} <= expected
    assert expected - set(wheel.namelist()) == set()


def test_the_command_is_declared(wheel: zipfile.ZipFile) -> None:
    (entry,) = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    assert "rnnmm = rnnmm.pipelines.cli:main" in wheel.read(entry).decode()
