import doctest
import math
from pathlib import Path

import pytest

from rnnmm import domain
from rnnmm.domain import Existing, Probability, Range, Seed, Size


@pytest.mark.parametrize(
    ("range_", "inside", "outside", "shown"),
    [
        (Range(1), [1, 1.5, 1e300], [0, 0.99, -1], ">= 1"),
        (Range(0, ends="none"), [1e-300, 3], [0, -0.0, -1], "> 0"),
        (Range(0, 1), [0, 0.5, 1], [-1e-9, 1.01], "in [0, 1]"),
        (Range(0, 1, "low"), [0, 0.99], [1, 1.0], "in [0, 1)"),
        (Range(-0.5, 0.5, "none"), [0, -0.49], [-0.5, 0.5], "in (-0.5, 0.5)"),
    ],
)
def test_a_range_has_its_ends_or_not(
    range_: Range, inside: list[float], outside: list[float], shown: str
) -> None:
    assert all(value in range_ for value in inside)
    assert not any(value in range_ for value in [*outside, math.nan, math.inf, -math.inf])
    assert str(range_) == shown


def test_the_example_in_the_docstring_holds() -> None:
    failed, tried = doctest.testmod(domain)
    assert failed == 0 and tried >= 1


def test_a_seed_is_what_every_generator_takes() -> None:
    (range_,) = Seed.__metadata__
    assert 2**32 - 1 in range_ and 2**32 not in range_ and -1 not in range_


def test_to_python_they_are_plain_types() -> None:
    assert (Size.__origin__, Probability.__origin__) == (int, float)


def test_a_path_must_be_there(tmp_path: Path) -> None:
    file, folder, gone = tmp_path / "list.csv", tmp_path, tmp_path / "gone"
    file.touch()
    assert Existing("folder").fault(str(folder)) is Existing("file").fault(str(file)) is None
    assert Existing("folder").fault(str(file)) == f"expected a folder at {file}, got a file"
    assert Existing("file").fault(str(folder)) == f"expected a file at {folder}, got a folder"
    assert Existing("file").fault(str(gone)) == f"expected a file at {gone}, got nothing"
    assert Existing("folder").fault(f"{file}/below").endswith("got nothing")
