import pytest

from rnnmm.text.vocabulary import Vocabulary
from rnnmm.text.word import locate_words

BLANK = "<blank>"


@pytest.mark.parametrize(
    ("unit", "symbols", "tokens", "expected"),
    [
        ("char", " abé", [1, 2, 3, 1, 1, 4, 1], [("ab", [1, 2]), ("é", [5])]),
        ("char", " abé", [2, 0, 3], [("ab", [0, 2])]),
        ("word", ["on", "so"], [1, 2, 1], [("on", [0]), ("so", [1]), ("on", [2])]),
        (
            "piece",
            ["▁", "▁a", "b", "▁ab"],
            [2, 3, 4, 1, 3, 3, 1],
            [("ab", [0, 1]), ("ab", [2]), ("bb", [4, 5])],
        ),
        ("piece", ["▁", "b"], [2, 1, 2], [("b", [0]), ("b", [2])]),
        ("char", " ab", [], []),
        ("char", " ab", [1, 1], []),
    ],
)
def test_words_and_their_places(unit, symbols, tokens, expected) -> None:
    vocabulary = Vocabulary((BLANK, *symbols), unit, 1)
    found = locate_words(vocabulary, tokens)
    assert found == expected
    assert [word for word, _ in found] == vocabulary.decode(tokens).split()
