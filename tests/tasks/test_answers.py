from dataclasses import replace

import pytest

from rnnmm.speakers.calibration import Calibration
from rnnmm.tasks.answers import Answers
from rnnmm.text.vocabulary import Vocabulary


def test_answers_survive_the_file() -> None:
    answers = Answers(Vocabulary(("<blank>", "é", " "), "char", 1), ("", "naïve"), 13)
    assert Answers.from_json(answers.to_json()) == answers
    calibrated = replace(answers, confidence=Calibration(0.8, -1.5))
    assert Answers.from_json(calibrated.to_json()) == calibrated != answers


def test_a_faulty_calibration_is_refused() -> None:
    text = Answers(Vocabulary(("a",), "char"), ("",), 1, None, Calibration(1.0, 0.0)).to_json()
    with pytest.raises(ValueError, match="answers: expected what training wrote, got calibration"):
        Answers.from_json(text.replace('"slope": 1.0', '"slope": -1.0'))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 2}', '{"schema": 1}', "null"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="answers: expected what training wrote"):
        Answers.from_json(text)
