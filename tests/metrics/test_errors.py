import functools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmm.metrics.errors import Edit, ErrorCounts, align, count_errors

texts = st.text("abc", max_size=8)
words = st.lists(st.sampled_from(["one", "two", "three"]), max_size=8)


@functools.cache
def distance(a, b):
    """The definition, by recursion."""
    if not a or not b:
        return len(a) + len(b)
    return min(
        distance(a[1:], b) + 1, distance(a, b[1:]) + 1, distance(a[1:], b[1:]) + (a[0] != b[0])
    )


@given(texts, texts)
def test_errors_are_the_edit_distance(reference, hypothesis):
    counts = count_errors(reference, hypothesis)
    assert counts.errors == distance(reference, hypothesis)
    assert counts.reference_length == len(reference)
    assert counts.hits + counts.substitutions + counts.insertions == len(hypothesis)


@given(words, words)
def test_an_alignment_spells_both_sides(reference, hypothesis):
    edits = align(reference, hypothesis)
    assert [edit.reference for edit in edits if edit.op != "insertion"] == reference
    assert [edit.hypothesis for edit in edits if edit.op != "deletion"] == hypothesis
    for op, asked, answered in edits:
        assert (op == "hit") == (asked == answered)
        assert (op == "insertion") == (asked is None)
        assert (op == "deletion") == (answered is None)
    ops = [edit.op for edit in edits]
    assert count_errors(reference, hypothesis) == ErrorCounts(
        *map(ops.count, ("hit", "substitution", "deletion", "insertion"))
    )


@pytest.mark.parametrize(
    ("reference", "hypothesis", "ops"),
    [
        ("aa", "a", "HD"),  # what both begin with is aligned first
        ("ab", "bc", "SS"),  # a substitution before an insertion
        ("abc", "bcd", "DHHI"),  # but never where that costs more
        ("abcd", "acbd", "HIHDH"),  # a deletion before a substitution
        ("abc", "", "DDD"),
        ("", "abc", "III"),
        ("", "", ""),
    ],
)
def test_ties_follow_the_rule(reference, hypothesis, ops):
    assert "".join(edit.op[0].upper() for edit in align(reference, hypothesis)) == ops


def test_words_are_aligned():
    assert align(["the", "cat", "sat"], ["a", "cat", "sat", "down"]) == (
        Edit("substitution", "the", "a"),
        Edit("hit", "cat", "cat"),
        Edit("hit", "sat", "sat"),
        Edit("insertion", None, "down"),
    )


def slow_ops(reference, hypothesis):
    """The rule as it is written, on the whole table."""
    a, b, ops = reference, hypothesis, ""
    while a and b:
        left = distance(a, b)
        if left == distance(a[:-1], b) + 1:
            a, ops = a[:-1], "D" + ops
        elif a[-1] != b[-1] and left == distance(a[:-1], b[:-1]) + 1:
            a, b, ops = a[:-1], b[:-1], "S" + ops
        elif left == distance(a, b[:-1]) + 1:
            b, ops = b[:-1], "I" + ops
        else:
            a, b, ops = a[:-1], b[:-1], "H" + ops
    return "D" * len(a) + "I" * len(b) + ops


@given(texts, texts)
def test_the_rule_between_what_both_begin_and_end_with(reference, hypothesis):
    reference, hypothesis = f"<{reference}>", f"[{hypothesis}]"  # nothing to cut off
    ops = "".join(edit.op[0].upper() for edit in align(reference, hypothesis))
    assert ops == slow_ops(reference, hypothesis)


def test_long_sequences_are_no_special_case():
    reference = [str(i) for i in range(2000)]
    edits = {0: [], 5: ["x"]}  # every tenth deleted, every tenth replaced
    hypothesis = [token for i, same in enumerate(reference) for token in edits.get(i % 10, [same])]
    hypothesis = [token for same in hypothesis for token in [same, "y"][: 1 + same.endswith("8")]]
    assert count_errors(reference, hypothesis) == ErrorCounts(1600, 200, 200, 200)


def test_counts_add_and_rates_come_from_sums():
    parts = [count_errors("ab", "ab"), count_errors("abcd", "xbc"), count_errors("", "a")]
    total = sum(parts, ErrorCounts())
    assert total == ErrorCounts(hits=4, substitutions=1, deletions=1, insertions=1)
    assert total.rate == 3 / 6


def test_rate_of_an_empty_reference():
    assert ErrorCounts().rate == 0.0
    assert count_errors("", "a").rate == math.inf
    assert count_errors("a", "bcd").rate == 3.0
