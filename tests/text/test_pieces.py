import io

import pytest
import sentencepiece

from rnnmm.text.pieces import join_pieces, learn_pieces, split_pieces

TEXTS = ["seven eight seven", "eleven seven", "eight one", "one one two", "naïve café"] * 3


def test_the_first_pieces_are_the_commonest_and_all_characters_are_there() -> None:
    pieces = learn_pieces(TEXTS, 30)
    assert len(pieces) == 30
    assert "▁seven" in pieces
    assert set("".join(TEXTS).replace(" ", "")) <= set(pieces)
    assert learn_pieces(reversed(TEXTS), 30) == pieces


def test_texts_are_split_as_sentencepiece_splits_them() -> None:
    pieces = learn_pieces(TEXTS, 30)
    ranks = {piece: rank for rank, piece in enumerate(pieces)}
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sorted(TEXTS)), model_writer=model, model_type="bpe",
        vocab_size=31, character_coverage=1.0, normalization_rule_name="identity", bos_id=-1,
        eos_id=-1, pad_id=-1, num_threads=1, minloglevel=2, shuffle_input_sentence=False,
    )  # fmt: skip
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    for text in [*TEXTS, "twelve sevens", "even leven en", "one"]:
        found = split_pieces(text, ranks)
        assert found == processor.encode(text, out_type=str)
        assert join_pieces(found) == text


def test_long_texts_teach_as_well() -> None:
    assert "c" in learn_pieces(["c" + "ab " * 3000, "ba ab"], 8)


def test_a_character_unknown_stays_by_itself() -> None:
    assert split_pieces("ab x", {"▁a": 0, "▁ab": 1, "b": 2}) == ["▁ab", "▁", "x"]
    assert split_pieces("", {}) == []


def test_texts_must_allow_so_many_pieces() -> None:
    with pytest.raises(ValueError, match="expected texts to learn from, got none"):
        learn_pieces(["", " "], 10)
    with pytest.raises(ValueError, match="expected a count that 15 texts allow, got 500"):
        learn_pieces(TEXTS, 500)
    with pytest.raises(ValueError, match="expected a count that 15 texts allow, got 3"):
        learn_pieces(TEXTS, 3)
