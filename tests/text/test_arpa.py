from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnmm.text.arpa import load_arpa, read_arpa, save_arpa, write_arpa
from rnnmm.text.ngram import Ngram, fit_ngram

AN4 = Path(__file__).parents[3] / "shared/data/an4/etc/an4.ug.lm"

SRILM = """
made by hand\r
\r
\\data\\\r
ngram 1=4\r
ngram 2 = 3\r

\\1-grams:\r
-0.5 </s>\r
-99 <s>\t-0.30103\r
-0.6\ta  -0.25\r
-0.7 <UNK>\r
\\2-grams:\r
-0.1 <s> a\r
-0.2 a </s>\r
-0.9 a a\r
\\end\\\r
signed\r
"""


@given(
    st.lists(st.lists(st.sampled_from(["a", "b", "\u00e9\u2028x", "\u00a0", "0.5"]), max_size=4),
             min_size=1, max_size=6),
    st.integers(1, 4),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_a_model_written_and_read_is_the_same(sentences: list[list[str]], order: int) -> None:
    model = fit_ngram(sentences, order)
    text = write_arpa(model)
    assert read_arpa(text) == model
    assert write_arpa(read_arpa(text)) == text


def test_files_carry_any_word(tmp_path: Path) -> None:
    model = fit_ngram([["\u0436\u0443\u043a", "\u00fc"]], 2)
    save_arpa(model, tmp_path / "lm.arpa")
    assert load_arpa(tmp_path / "lm.arpa") == model
    assert b"\r" not in (tmp_path / "lm.arpa").read_bytes()
    (tmp_path / "bom.arpa").write_bytes(b"\xef\xbb\xbf" + (tmp_path / "lm.arpa").read_bytes())
    assert load_arpa(tmp_path / "bom.arpa") == model


def test_what_is_written_is_what_others_read() -> None:
    model = Ngram({("a",): -0.25, ("</s>",): -0.5, ("a", "</s>"): -1.0}, {("a",): -0.125})
    assert write_arpa(model).splitlines() == [
        "\\data\\", "ngram 1=2", "ngram 2=1",
        "", "\\1-grams:", "-0.5\t</s>", "-0.25\ta\t-0.125",
        "", "\\2-grams:", "-1.0\ta </s>", "", "\\end\\",
    ]  # fmt: skip


def test_other_toolkits_are_read_as_they_write() -> None:
    model = read_arpa(SRILM)
    assert model.log10_probs[("a",)] == -0.6
    assert model.log10_backoffs == {("<s>",): -0.30103, ("a",): -0.25}
    assert model.words == ("a",)
    assert model.score(["a"]) == pytest.approx(-0.3 * 2.302585093)
    assert model.log_prob("zzz", ["a"]) == pytest.approx((-0.25 - 0.7) * 2.302585093)


@pytest.mark.corpus
@pytest.mark.skipif(not AN4.exists(), reason="needs ../shared/data/an4")
def test_the_model_that_comes_with_an4_is_read() -> None:
    model = load_arpa(AN4)
    assert (model.order, len(model.words)) == (2, 104)
    assert read_arpa(write_arpa(model)) == model


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("\\data\\", "data", r"lm: expected \\data\\, got the end of the file"),
        ("ngram 2 = 3", "ngram 3 = 3", r'lm, line 6: expected "ngram 2=COUNT" or .*got \'ngram 3'),
        ("ngram 1=4\r\nngram 2 = 3", "", r'lm, line 7: expected "ngram 1=COUNT"'),
        ("\\1-grams:", "\\2-grams:", r'lm, line 8: expected "\\1-grams:", got'),
        ("1=4", "1=5", r"lm, line 13: expected the 5 1-grams announced, got"),
        ("1=4", "1=3", r'lm, line 12: expected "\\2-grams:" behind the 3 1-grams announced, got'),
        ("2 = 3", "2 = 2", r'lm, line 16: expected "\\end\\" behind the 2 2-grams announced, got'),
        ("-0.9 a a", "-0.9 a", "line 16: expected a log-probability, 2 words and perhaps a back"),
        ("-0.9 a a", "-0.9 a a -0.1", "line 16: expected a log-probability, 2 words"),
        ("-0.9 a a", "-0.9 a b", "line 16: expected words that are unigrams, got '-0.9 a b'"),
        ("-0.9 a a", "-0.9 a </s>", "line 16: expected each n-gram once, got"),
        ("-0.9 a a", "o.9 a a", "line 16: expected finite numbers, got 'o.9 a a'"),
        ("-0.9 a a", "-inf a a", "line 16: expected finite numbers"),
        ("-0.9 a a", "0.9 a a", "line 16: expected a log-probability <= 0, got"),
        ("-0.25", "nan", "line 11: expected finite numbers"),
        ("\\end\\\r\nsigned\r\n", "", r'lm: expected "\\end\\", got the end of the file'),
        ("\r\n-0.9 a a\r\n\\end\\\r\nsigned\r\n", "", "lm: expected the 3 2-grams announced, got"),
        ("</s>", "<e>", 'lm: expected "</s>" among the unigrams, got none'),
    ],
)
def test_faults_are_named_with_their_line(old: str, new: str, expected: str) -> None:
    assert old in SRILM
    with pytest.raises(ValueError, match=expected):
        read_arpa(SRILM.replace(old, new), "lm")


def test_bytes_that_are_no_text_are_named(tmp_path: Path) -> None:
    (tmp_path / "lm.arpa").write_bytes(b"\\data\\\n\xff")
    with pytest.raises(ValueError, match=r"lm\.arpa: expected UTF-8, got"):
        load_arpa(tmp_path / "lm.arpa")


def test_words_with_spaces_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="write_arpa: expected words without spaces, got 'a b'"):
        write_arpa(fit_ngram([["a b"]], 1))
