import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmm.text.normalise import Normaliser

normalisers = st.builds(
    Normaliser, st.sampled_from(["lower", "upper", "keep"]), st.sampled_from(["keep", "strip"])
)
# Plain st.text() seldom meets what breaks a normaliser: marks, odd cases, apostrophes, zero width.
awkward = st.text(
    st.sampled_from("aZ1'\u2019\u02bc.-_ \t\r\n\x00\x1c\u0301\u0345\u0390\u0149\u0130\u1e9e\u03a3")
    | st.sampled_from("\ufeff\u200b\u200d\u00ad\u2028\u3000\u212b\ud800\u0915\u093f")
    | st.characters()
)


@given(normalisers, awkward)
def test_normal_form_stays_as_it_is(normaliser, text):
    once = normaliser(text)
    assert normaliser(once) == once


@given(normalisers, awkward)
def test_normal_form_is_composed_with_single_spaces_and_nothing_unseen(normaliser, text):
    form = normaliser(text)
    assert form == unicodedata.normalize("NFC", form)
    assert form == " ".join(form.split())
    assert not {unicodedata.category(char) for char in form} & {"Cc", "Cf", "Cs"}


@given(awkward)
def test_stripped_text_holds_words_only(text):
    form = Normaliser("keep", "strip")(text)
    kinds = {unicodedata.category(char)[0] for char in form if char not in " '"}
    assert kinds <= {"L", "M", "N"}
    assert " '" not in f" {form}" and "' " not in f"{form} "


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("\ufeffOne\r\nTWO\tthree\u00a0four\u2028five", "one two three four five"),
        ("co\u00adop\u200beration", "cooperation"),
        ("cafe\u0301", "caf\u00e9"),
        ("e\u200d\u0301", "\u00e9"),  # composed after the joiner is gone
        ("Don\u2019t -- 'stop' it's O'Brien's dogs'!", "don't stop it's o'brien's dogs"),
        ("well-known, 3.5 & a_b", "well known 3 5 a b"),
        (
            "\u0928\u093f\u092f\u092e \u0e17\u0e35\u0e48",
            "\u0928\u093f\u092f\u092e \u0e17\u0e35\u0e48",
        ),
        ("... -- !", ""),
        ("", ""),
    ],
)
def test_default_is_lower_case_without_punctuation(text, form):
    assert Normaliser()(text) == form


@pytest.mark.parametrize(
    ("case", "form"),
    [("lower", "it's a b\u00df!"), ("upper", "IT'S A BSS!"), ("keep", "It's a B\u00df!")],
)
def test_case_and_kept_punctuation(case, form):
    assert Normaliser(case, "keep")(" It's  a B\u00df! ") == form


def test_upper_case_is_composed_again():
    assert Normaliser("upper", "keep")("\u0390") == "\u03aa\u0301"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"case": "title"}, r"Normaliser.case: expected lower or upper or keep, got 'title'"),
        ({"punctuation": "drop"}, r"Normaliser.punctuation: expected keep or strip, got 'drop'"),
    ],
)
def test_unknown_values_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Normaliser(**fields)
