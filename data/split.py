"""Splits that depend on names and a seed alone, never on the order or number of other files."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping

from rnnmm.data.finding import report_files
from rnnmm.manifest import SPLITS
from rnnmm.units import round_half_up


def hash_order(names: Iterable[str], seed: int) -> list[str]:
    """The names in an order that looks random; removing one leaves the rest in their order."""
    return sorted(set(names), key=lambda name: (_digest(name, seed), name))


def split_by_hash(
    strata: Mapping[str, str], val_fraction: float, test_fraction: float, seed: int
) -> dict[str, str]:
    """Splits names so that each stratum gives its share to every split.

    A stratum of three names or more gives at least one to each split whose fraction is not
    zero; the rounding of smaller ones favours train, which always keeps one.

    Args:
        strata: name -> stratum (a class, a gender).
        val_fraction: in [0, 1).
        test_fraction: in [0, 1); the two together below 1.
        seed: any integer.

    Returns:
        Name -> "train", "val" or "test".

    Raises:
        ValueError: A fraction is out of range.
    """
    check_fractions(val_fraction=val_fraction, test_fraction=test_fraction)
    members = defaultdict(list)
    for name, stratum in strata.items():
        members[stratum].append(name)
    splits: dict[str, str] = {}
    for names in members.values():
        num_test = _share(len(names), test_fraction, len(names) - 1)
        num_val = _share(len(names), val_fraction, len(names) - 1 - num_test)
        sizes = {"test": num_test, "val": num_val, "train": len(names) - num_test - num_val}
        order = [split for split, size in sizes.items() for _ in range(size)]
        splits.update(zip(hash_order(names, seed), order, strict=True))
    return splits


def check_fractions(**fractions: float) -> None:
    """Stops at fractions that leave nothing to train on.

    Raises:
        ValueError: A fraction is negative, or their sum is 1 or more.
    """
    if min(fractions.values()) < 0 or not sum(fractions.values()) < 1:
        given = ", ".join(f"dataset.{name}={value:g}" for name, value in fractions.items())
        raise ValueError(f"expected fractions >= 0 and in all below 1, got {given}")


def carve_val(listed: Mapping[str, str], val_fraction: float, seed: int) -> dict[str, str]:
    """Turns a share of the listed train names into val, chosen by hash.

    Lists that have a val of their own are left as they are. The choice looks at the lists alone,
    so that it is the same whether all the files are there or not.

    Raises:
        ValueError: ``val_fraction`` is not in [0, 1).
    """
    check_fractions(val_fraction=val_fraction)
    if "val" in listed.values():
        return dict(listed)
    train = hash_order((name for name, split in listed.items() if split == "train"), seed)
    val = set(train[: round_half_up(len(train) * val_fraction)])
    return {name: "val" if name in val else split for name, split in listed.items()}


def assign_splits(
    found: Mapping[str, str], listed: Mapping[str, str]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Brings split lists and files together; without lists every file counts as test.

    Args:
        found: file stem -> anything.
        listed: file stem -> split; empty when the corpus came without lists.

    Returns:
        Stem -> split for the stems both found and listed, in the order of ``found``; and findings
        on the files that are listed and absent, or present and not listed.
    """
    if not listed:
        return dict.fromkeys(found, "test"), (
            f"no split lists: every item counts as test ({len(found)})",
        )
    absent = [stem for stem in listed if stem not in found]
    unlisted = [stem for stem in found if stem not in listed]
    return {stem: listed[stem] for stem in found if stem in listed}, (
        *report_files("listed but absent", absent),
        *report_files("in no list, not used", unlisted),
    )


def _share(total: int, fraction: float, available: int) -> int:
    least = 1 if fraction > 0 and total >= len(SPLITS) else 0
    return max(0, min(available, max(least, round_half_up(total * fraction))))


def _digest(name: str, seed: int) -> bytes:
    return hashlib.blake2b(f"{seed}\0{name}".encode(), digest_size=16).digest()
