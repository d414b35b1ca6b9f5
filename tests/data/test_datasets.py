"""What holds for every dataset a user can name."""

import inspect
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from rnnmm.manifest import Manifest

ROOT = Path(__file__).parents[2]
CONFIGS = sorted((ROOT / "configs/dataset").glob("*.yaml"))


def test_there_are_datasets() -> None:
    assert {path.stem for path in CONFIGS} >= {
        "fsdd", "an4", "speechocean", "gesture17", "grid_s1", "flickr8k_1k", "folder", "manifest",
    }  # fmt: skip


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_config_fits_its_recipe(path: Path) -> None:
    config = yaml.safe_load(path.read_text())
    module, _, function = config.pop("_target_").rpartition(".")
    assert module == f"rnnmm.data.{path.stem}" and function == "prepare"
    signature = inspect.signature(getattr(import_module(module), function))
    signature.bind(**config)
    assert {"root", "path"} & set(signature.parameters)
    assert signature.return_annotation is Manifest


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_config_starts_with_what_the_dataset_is(path: Path) -> None:
    assert path.read_text().startswith("# ")


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_the_readme_has_a_section_for_it(path: Path) -> None:
    readme = (ROOT / "data/README.md").read_text()
    assert f"\n## {path.stem}\n" in readme
    assert f"| [`{path.stem}`](#{path.stem}) |" in readme
