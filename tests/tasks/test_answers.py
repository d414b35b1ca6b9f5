import pytest

from rnnmm.tasks.answers import Answers
from rnnmm.text.vocabulary import Vocabulary


def test_answers_survive_the_file() -> None:
    answers = Answers(Vocabulary(("<blank>", "é", " "), "char", 1), ("", "naïve"), 13)
    assert Answers.from_json(answers.to_json()) == answers


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 2}', '{"schema": 1}', "null"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="answers: expected what training wrote"):
        Answers.from_json(text)
