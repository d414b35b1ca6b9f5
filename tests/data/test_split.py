from collections import Counter

import pytest

from rnnmm.data.split import assign_splits, carve_val, hash_order, split_by_hash

NAMES = [f"n{i}" for i in range(40)]


def test_hash_order_depends_on_names_and_seed_alone() -> None:
    order = hash_order(NAMES, 0)
    assert order == hash_order(reversed(NAMES), 0)
    assert sorted(order) == sorted(NAMES) != order
    assert order != hash_order(NAMES, 1)


def test_hash_order_without_a_name_leaves_the_rest_in_order() -> None:
    rest = [name for name in hash_order(NAMES, 0) if name != "n7"]
    assert hash_order([name for name in NAMES if name != "n7"], 0) == rest


def test_hash_order_is_the_same_on_every_machine() -> None:
    assert hash_order("abcdef", 0) == ["f", "d", "a", "e", "b", "c"]


def test_each_stratum_gives_its_share() -> None:
    strata = {name: "even" if i % 2 == 0 else "odd" for i, name in enumerate(NAMES)}
    splits = split_by_hash(strata, 0.1, 0.2, 0)
    sizes = Counter((strata[name], split) for name, split in splits.items())
    for stratum in ("even", "odd"):
        assert [sizes[stratum, split] for split in ("train", "val", "test")] == [14, 2, 4]
    assert splits == split_by_hash(dict(reversed(strata.items())), 0.1, 0.2, 0)


@pytest.mark.parametrize(
    ("size", "expected"), [(1, (1, 0, 0)), (2, (2, 0, 0)), (3, (1, 1, 1)), (4, (2, 1, 1))]
)
def test_small_strata_keep_train_first(size: int, expected: tuple[int, int, int]) -> None:
    splits = Counter(split_by_hash(dict.fromkeys(NAMES[:size], "s"), 0.1, 0.1, 0).values())
    assert tuple(splits[split] for split in ("train", "val", "test")) == expected


def test_large_fractions_still_leave_one_for_train() -> None:
    splits = split_by_hash(dict.fromkeys("ab", "s"), 0.0, 0.9, 0)
    assert sorted(splits.values()) == ["test", "train"]


def test_a_fraction_of_zero_gives_nothing() -> None:
    assert set(split_by_hash(dict.fromkeys(NAMES, "s"), 0.0, 0.0, 0).values()) == {"train"}


@pytest.mark.parametrize("fractions", [(-0.1, 0.2), (0.5, 0.5), (0.2, float("nan"))])
def test_fractions_out_of_range_are_refused(fractions: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match=r"fractions >= 0 and in all below 1, got dataset.v"):
        split_by_hash({"a": "s"}, *fractions, 0)


def test_carve_val_takes_a_share_of_train_alone() -> None:
    listed = dict.fromkeys(NAMES, "train") | {"t": "test"}
    carved = carve_val(listed, 0.1, 0)
    assert Counter(carved.values()) == {"train": 36, "val": 4, "test": 1}
    assert list(carved) == list(listed)


def test_carve_val_leaves_a_given_val() -> None:
    listed = {"a": "train", "b": "val"}
    assert carve_val(listed, 0.5, 0) == listed


def test_without_lists_everything_is_test_and_said_so() -> None:
    splits, findings = assign_splits({"a": "a.wav", "b": "b.wav"}, {})
    assert splits == {"a": "test", "b": "test"}
    assert findings == ("no split lists: every item counts as test (2)",)


def test_absent_and_unlisted_files_are_told() -> None:
    splits, findings = assign_splits({"a": "", "new": ""}, {"a": "train", "gone": "test"})
    assert splits == {"a": "train"}
    assert findings == ("1 file listed but absent: gone", "1 file in no list, not used: new")
