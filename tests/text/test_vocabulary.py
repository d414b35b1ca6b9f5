import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmm.text.vocabulary import Vocabulary

CTC = Vocabulary.fit(["b a", "ab"], "char", specials=["<blank>"])
CAPTION = Vocabulary.fit(
    ["a man runs", "a dog runs", "a cat"], "word", ["<bos>", "<eos>", "<unk>"], min_count=2
)
LABELS = Vocabulary.fit(["walk left", "run", "run"], "label")


def test_fit_sorts_behind_the_specials():
    assert CTC.symbols == ("<blank>", " ", "a", "b")
    assert CAPTION.symbols == ("<bos>", "<eos>", "<unk>", "a", "runs")
    assert LABELS.symbols == ("run", "walk left")
    assert (len(CTC), CTC.specials, CTC.index("<blank>")) == (4, ("<blank>",), 0)


@given(st.lists(st.text(), min_size=1), st.randoms())
def test_fit_does_not_depend_on_the_order_of_texts(texts, random):
    texts.append("a")
    shuffled = random.sample(texts, len(texts))
    assert Vocabulary.fit(texts, "char") == Vocabulary.fit(shuffled + shuffled, "char")


@given(st.text(min_size=1), st.sampled_from(["char", "word", "label"]))
def test_decode_undoes_encode(text, unit):
    if unit == "word":
        text = " ".join(text.split())
    if not text:
        return
    vocabulary = Vocabulary.fit([text], unit, ["<blank>"])
    assert vocabulary.contains(text)
    assert vocabulary.decode(vocabulary.encode(text)) == text
    assert all(index >= 1 for index in vocabulary.encode(text))


def test_encode_and_decode():
    assert CTC.encode("ab a") == [2, 3, 1, 2]
    assert CTC.decode([0, 2, 0, 3]) == "ab"
    assert CTC.encode("") == [] and CTC.decode([]) == ""
    assert CAPTION.decode([0, 3, 4, 2, 1]) == "a runs"
    assert LABELS.encode("walk left") == [1] and LABELS.decode([1]) == "walk left"


def test_unknown_words_become_unk_where_there_is_one():
    assert CAPTION.encode("a man runs") == [3, 2, 4]
    assert CAPTION.missing("a man and a man") == ["man", "and"]
    assert not CAPTION.contains("a man")


def test_text_never_becomes_a_special():
    assert CAPTION.encode("<eos> a <bos>") == [2, 3, 2]
    vocabulary = Vocabulary.fit(["<eos> a"], "word", ["<eos>"])
    assert vocabulary.symbols == ("<eos>", "a")
    assert vocabulary.missing("<eos> a") == ["<eos>"]


def test_encode_names_what_is_outside():
    with pytest.raises(
        ValueError, match=r"'abc!': expected symbols of the char vocabulary.*'c', '!'"
    ):
        CTC.encode("abc!")
    with pytest.raises(ValueError, match="expected symbols of the label vocabulary, got 'jump'"):
        LABELS.encode("jump")


@pytest.mark.parametrize("index", [-1, 4])
def test_decode_refuses_an_index_outside(index):
    with pytest.raises(ValueError, match=rf"expected indices 0\.\.3 .* got {index}"):
        CTC.decode([1, index])


def test_index_refuses_a_symbol_outside():
    with pytest.raises(ValueError, match="expected a symbol of the char vocabulary, got '<pad>'"):
        CTC.index("<pad>")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((("a",), "letter"), "expected char, word, piece or label, got 'letter'"),
        ((("a", "a"), "char"), "expected distinct symbols, got twice 'a'"),
        ((("ab",), "char"), "expected one char per symbol, got 'ab'"),
        ((("a b",), "word"), "expected one word per symbol, got 'a b'"),
        ((("",), "label"), "expected one label per symbol, got ''"),
        ((("",), "label", 1), "expected one label per symbol, got ''"),
        ((("a",), "char", 2), r"num_specials: expected 0\.\.1, got 2"),
        ((("a",), "char", -1), r"num_specials: expected 0\.\.1, got -1"),
    ],
)
def test_bad_symbols_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Vocabulary(*arguments)


def test_fit_refuses_what_leaves_nothing():
    with pytest.raises(ValueError, match="at least one word that occurs 2 times, got 2 symbols"):
        Vocabulary.fit(["a b"], "word", min_count=2)
    with pytest.raises(ValueError, match="got 0 symbols"):
        Vocabulary.fit([], "char")
    with pytest.raises(ValueError, match="expected min_count >= 1, got 0"):
        Vocabulary.fit(["a"], "char", min_count=0)


@pytest.mark.parametrize("vocabulary", [CTC, CAPTION, LABELS])
def test_json_and_pickle_bring_back_the_same(vocabulary):
    vocabulary.encode(vocabulary.symbols[-1])  # fills the cache, which must not matter
    assert Vocabulary.from_json(vocabulary.to_json()) == vocabulary
    assert pickle.loads(pickle.dumps(vocabulary)) == vocabulary


def _garbled(**changes):
    tree = json.loads(CTC.to_json()) | changes
    return json.dumps({key: value for key, value in tree.items() if value is not None})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected JSON as to_json writes it"),
        ("{", "expected JSON"),
        ("[" * 100_000, "expected JSON"),
        ("[]", "expected an object with num_specials, schema, symbols, unit"),
        (_garbled(unit=None), "expected an object with"),
        (_garbled(extra=1), "expected an object with"),
        (_garbled(schema=2), "expected schema 1, got 2"),
        (_garbled(num_specials=1.0), "expected an integer num_specials, got 1.0"),
        (_garbled(num_specials=True), "expected an integer num_specials, got True"),
        (_garbled(num_specials=9), r"expected 0\.\.4, got 9"),
        (_garbled(symbols="ab"), "expected symbols to be a list of strings"),
        (_garbled(symbols=["a", 1]), "expected symbols to be a list of strings"),
        (_garbled(unit=["char"]), "expected char, word, piece or label"),
    ],
)
def test_garbled_json_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        Vocabulary.from_json(text)


def test_pieces_encode_words_whole_or_in_parts() -> None:
    texts = ["one two one", "two one", "ten"] * 3
    vocabulary = Vocabulary.fit_pieces(texts, 12, ("<blank>",))
    assert len(vocabulary) == 13
    assert vocabulary.symbols[0] == "<blank>"
    for text in ("one two", "ten one", "tone not"):
        assert vocabulary.decode(vocabulary.encode(text)) == text
    assert len(vocabulary.encode("one two")) == 2
    assert vocabulary.missing("one six") == ["s", "i", "x"]
    assert Vocabulary.from_json(vocabulary.to_json()) == vocabulary
    with pytest.raises(ValueError, match="expected one piece per symbol, got 'a b', 'a▁'"):
        Vocabulary(("a b", "a▁", "▁a"), "piece")
