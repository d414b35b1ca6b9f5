"""What may be answered, learned from the training split and kept beside the weights."""

import json
from dataclasses import dataclass
from typing import Any, Self

from rnnmm.speakers.calibration import Calibration
from rnnmm.text.ngram import Ngram
from rnnmm.text.vocabulary import Vocabulary

_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers a task knows.

    Args:
        vocabulary: symbols, words or classes.
        constants: the best answers that ignore the input, best first (five for classes, one
            elsewhere): the floor every figure stands beside.
        input_dim: the last axis of what the store holds (1 for PCM, 3 for RGB, F for features).
        ngram: how the words of the training texts follow each other; None: nobody asked.
        confidence: what a model's own confidence in a word is worth, see
            `rnnmm.tasks.confidence`, learned from the validation split; None: nobody knows.
    """

    vocabulary: Vocabulary
    constants: tuple[str, ...]
    input_dim: int
    ngram: Ngram | None = None
    confidence: Calibration | None = None

    def to_json(self) -> str:
        """One JSON object, without the n-gram, which has a file format of its own."""
        fields: dict[str, Any] = {
            "schema": _SCHEMA,
            "input_dim": self.input_dim,
            "constants": self.constants,
            "vocabulary": json.loads(self.vocabulary.to_json()),
        }
        if self.confidence is not None:
            fields["confidence"] = json.loads(self.confidence.to_json())
        return json.dumps(fields, ensure_ascii=False, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Reads what `to_json` wrote.

        Raises:
            ValueError: It is not such an object.
        """
        try:
            fields = json.loads(text)
            if fields["schema"] != _SCHEMA:
                raise ValueError(f"expected schema {_SCHEMA}, got {fields['schema']!r}")
            vocabulary = Vocabulary.from_json(json.dumps(fields["vocabulary"]))
            constants = tuple(str(constant) for constant in fields["constants"])
            line = fields.get("confidence")
            confidence = None if line is None else Calibration.from_json(json.dumps(line))
            return cls(vocabulary, constants, int(fields["input_dim"]), confidence=confidence)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"answers: expected what training wrote, got {error}") from error
