import csv
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnmm.text.tokenise import tokenise_caption

CAPTIONS = Path(__file__).parents[2] / "../shared/data/flickr8k_1k/captions.txt"

# Right: what CoreNLP 3.4.1 answers to the left, less pycocoevalcap's punctuation.
STANFORD = {
    "A man riding a wave.": "a man riding a wave",
    "The man's dog isn't here, he can't come.": "the man 's dog is n't here he ca n't come",
    "we'll see they've gone I'm sure she'd": "we 'll see they 've gone i 'm sure she 'd",
    "He DIDN'T, who's? don\u2019t": "he did n't who 's do n't",
    "cannot gonna wanna gotta gimme 'tis": "can not gon na wan na got ta gim me 't is",
    "the dogs' bowls and boys' toys": "the dogs bowls and boys toys",
    "ATV 's and X's": "atv 's and x 's",
    "Mr. Smith vs. Dr. No at St. John's Ave.": "mr. smith vs. dr. no at st. john 's ave.",
    "in the U.S. at 5 p.m. with J. K.": "in the u.s. at 5 p.m. with j. k.",
    "in. No. 5 said no. Miss. I miss.": "in no. 5 said no miss. i miss",
    "10:30 and 3.5 miles, 10,000": "10:30 and 3.5 miles 10,000",
    "50% off $5 \u00a33": "50 % off $ 5 # 3",
    'a sign says "Stop!" and \u201csmart\u201d': "a sign says stop and smart",
    "(in) [brackets] {curly}": "-lrb- in -rrb- -lsb- brackets -rsb- -lcb- curly -rcb-",
    "and/or black/white w/o": "and/or black/white w/o",
    "half-eaten T-shirt -- dash - single \u2013 en": "half-eaten t-shirt dash single en",
    "wait... what.. ok\u2026 wow!! eh?": "wait what ok wow !! eh",
    "AT&T a & b @home #tag a+b=c 50\u00b0": "at&t a & b @home #tag a + b = c 50 \u00b0",
    "1/2 cup 24/7 2nd 1980s '80s 80's": "1/2 cup 24/7 2nd 1980s '80s 80 's",
    "wave,and man;dog hello.there dog.He's": "wave and man dog hello.there dog.he 's",
    "rock 'n' roll o'clock O'Brien y'all": "rock 'n' roll o'clock o'brien y' all",
    "http://a.b/c?d=e foo@bar.com <unk>": "http://a.b/c?d=e foo@bar.com <unk>",
    "caf\u00e9's \u65e5\u672c \U0001f600 ok": "caf\u00e9 's \u65e5\u672c ok",
    "\u0939\u093f\u0928\u094d\u0926\u0940": "\u0939\u093f\u0928\u094d\u0926\u0940",
    "5-year-old 4x4 5k": "5-year-old 4x4 5k",
    "": "",
    ' . "': "",
}  # fmt: skip


@pytest.mark.parametrize("caption", STANFORD)
def test_tokens_are_those_of_stanford(caption):
    assert tokenise_caption(caption) == STANFORD[caption].split()


@pytest.mark.parametrize(
    "space", ["\r", "\n", "\r\n", "\x0b", "\x0c", "\x85", "\u2028", "\u2029", "\xa0"]
)
def test_line_and_page_ends_inside_a_caption_are_spaces(space):
    assert tokenise_caption(f"a{space}man runs.{space}") == ["a", "man", "runs"]


@settings(max_examples=60)
@given(st.text() | st.text(st.sampled_from("aB1 '\u2019-./,&@<>(!_\x00\u200b\u0915\u093f\ud800")))
def test_tokens_are_lower_case_without_space_or_unseen_characters(caption):
    for token in tokenise_caption(caption):
        assert token.split() == [token]
        assert token == token.lower()
        assert not set(token) & set("\x00\u200b\ud800\ufeff")


@pytest.mark.parametrize(
    "unit", ["a", "1", "\u0915", "\u093f", "a.", "1-", "a'", "<a", "+-", "1,", "a@", ".", "a-1/"]
)
def test_time_grows_no_faster_than_the_caption(unit):
    start = time.process_time()
    tokenise_caption(unit * 3000 + "\x00")
    assert time.process_time() - start < 2  # a few ms; backtracking gone wild: minutes


@pytest.mark.corpus
def test_equals_stanford_on_flickr8k(tmp_path):
    if not CAPTIONS.exists():
        pytest.skip("shared/data/flickr8k_1k is absent")
    package = pytest.importorskip("pycocoevalcap.tokenizer.ptbtokenizer")
    if shutil.which("java") is None:
        pytest.skip("java is absent")
    with CAPTIONS.open(newline="", encoding="utf-8") as file:
        captions = [row["caption"] for row in csv.DictReader(file)]
    (tmp_path / "captions.txt").write_text("\n".join(captions), encoding="utf-8")
    jar = Path(package.__file__).with_name(package.STANFORD_CORENLP_3_4_1_JAR)
    command = ["java", "-cp", str(jar), "edu.stanford.nlp.process.PTBTokenizer"]
    command += ["-preserveLines", "-lowerCase", str(tmp_path / "captions.txt")]
    lines = subprocess.run(command, capture_output=True, check=True, encoding="utf-8").stdout
    theirs = [
        [t for t in line.split() if t not in package.PUNCTUATIONS] for line in lines.splitlines()
    ]
    assert list(map(tokenise_caption, captions)) == theirs
