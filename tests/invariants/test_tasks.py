"""What must hold for every task."""

from collections.abc import Callable

import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.decode.attention import AttentionSearch
from rnnmm.decode.transducer import TransducerSearch
from rnnmm.features.chain import Chain
from rnnmm.models.attention import AttentionRecogniser
from rnnmm.models.captioner import AttentionCaptioner
from rnnmm.models.classifier import Classifier
from rnnmm.models.ctc import CtcModel
from rnnmm.models.embedder import Embedder
from rnnmm.models.encoder import CnnRnn, Crnn
from rnnmm.models.joint import JointCtcAttention
from rnnmm.models.language import LanguageModel
from rnnmm.models.recogniser import Recogniser
from rnnmm.models.tagger import Tagger
from rnnmm.models.transducer import Transducer
from rnnmm.nn.frame import PlainCnn
from rnnmm.tasks.captioning import Captioning, Captions
from rnnmm.tasks.classification import Class, Classification
from rnnmm.tasks.labelling import Labelling, Labels
from rnnmm.tasks.language import LanguageModelling
from rnnmm.tasks.optimisation import AdamW
from rnnmm.tasks.recognition import SpeechRecognition, Transcript
from rnnmm.tasks.tagging import Segments, Tagging
from rnnmm.tasks.task import References, Task
from rnnmm.tasks.verification import Speaker, SpeakerVerification

LENGTHS = (24, 15, 20, 18)


def features() -> Padded:
    return Padded.stack([torch.randn(steps, 12) for steps in LENGTHS])


def clips() -> Padded:
    return Padded.stack([torch.randn(steps // 4, 3, 32, 32) for steps in LENGTHS])


def recognition(make: Callable[[Crnn, int], Recogniser]) -> tuple[Task, Padded, list[References]]:
    references: list[References] = [("on",), ("no no",), ("noon",), ("oo",)]
    target = Transcript(input_rate=100.0)
    answers = target.learn(references, 12)
    encoder = Crnn(12, channels=(8, 8), strides=(1, 2), hidden_dim=32)
    parts = (target, Chain(), make(encoder, len(answers.vocabulary)), answers, AdamW())
    return SpeechRecognition("asr", "features", *parts), features(), references


def asr() -> tuple[Task, Padded, list[References]]:
    return recognition(CtcModel)


def asr_transducer() -> tuple[Task, Padded, list[References]]:
    return recognition(lambda *parts: Transducer(*parts, 32, search=TransducerSearch(3)))


def asr_attention() -> tuple[Task, Padded, list[References]]:
    search = AttentionSearch(3, 0.5, 0.1)
    return recognition(lambda *parts: AttentionRecogniser(*parts, search=search))


def asr_joint() -> tuple[Task, Padded, list[References]]:
    return recognition(JointCtcAttention)


def speaker() -> tuple[Task, Padded, list[References]]:
    references: list[References] = [("ann",), ("bob",), ("ann",), ("cy",)]
    target = Class("speaker")
    answers = target.learn(references, 12)
    model = Classifier(Crnn(12, channels=(8, 8), hidden_dim=16), len(answers.vocabulary))
    parts = (target, Chain(), model, answers, AdamW())
    return Classification("speaker", "features", *parts), features(), references


def action() -> tuple[Task, Padded, list[References]]:
    """As `speaker`, of three clips of each item."""
    references: list[References] = [("run",), ("hop",), ("run",), ("sit",)]
    target = Class("label", num_clips=3, clip_steps=8)
    answers = target.learn(references, 12)
    model = Classifier(Crnn(12, channels=(8, 8), hidden_dim=16), len(answers.vocabulary))
    parts = (target, Chain(), model, answers, AdamW())
    return Classification("action", "features", *parts), features(), references


def labels() -> tuple[Task, Padded, list[References]]:
    references: list[References] = [("read|sit",), ("",), ("read",), ("eat|sit",)]
    target = Labels()
    answers = target.learn(references, 12)
    model = Classifier(Crnn(12, channels=(8, 8), hidden_dim=16), len(answers.vocabulary))
    parts = (target, Chain(), model, answers, AdamW())
    return Labelling("labels", "features", *parts), features(), references


def caption() -> tuple[Task, Padded, list[References]]:
    references: list[References] = [("a red dog",), ("a dog runs",), ("two cats",), ("a red cat",)]
    target = Captions()
    answers = target.learn(references, 3)
    encoder = CnnRnn(PlainCnn(3, (8, 8)), 16, 16)
    model = AttentionCaptioner(encoder, len(answers.vocabulary), 16, 32, 16)
    parts = (target, Chain(), model, answers, AdamW())
    return Captioning("caption", "frames", *parts), clips(), references


def verify() -> tuple[Task, Padded, list[References]]:
    references: list[References] = [("ann",), ("bob",), ("ann",), ("cy",)]
    target = Speaker()
    answers = target.learn(references, 12)
    encoder = Crnn(12, channels=(8, 8), hidden_dim=16)
    parts = (target, Chain(), Embedder(encoder, 12, len(answers.vocabulary), 16), answers, AdamW())
    return SpeakerVerification("verify", "features", *parts), features(), references


def tagging() -> tuple[Task, Padded, list[References]]:
    references: list[References] = [
        ("0.2-0.6 sit; 0.4-1.2 read",), ("0-0.4 sit",), ("",), ("0.5-0.9 read",)
    ]  # fmt: skip
    target = Segments(20.0)
    answers = target.learn(references, 12)
    model = Tagger(Crnn(12, channels=(8, 8), strides=(1, 2), hidden_dim=32), 2)
    parts = (target, Chain(), model, answers, AdamW())
    return Tagging("tagging", "features", *parts), features(), references


def language() -> tuple[Task, Padded, list[References]]:
    references: list[References] = [("on",), ("no no",), ("noon",), ("oo",)]
    target = Transcript()
    answers = target.learn(references, 1)
    letters = Padded.stack([torch.tensor([*map(ord, text)]) for (text,) in references])
    model = LanguageModel(len(answers.vocabulary), 8, 16)
    parts = (target, Chain(), model, answers, AdamW())
    return LanguageModelling("lm", "text", *parts), letters, references


ASR = (asr, asr_transducer, asr_attention, asr_joint)


@pytest.fixture(params=[*ASR, language, speaker, action, labels, caption, verify, tagging])
def parts(request: pytest.FixtureRequest) -> tuple[Task, Padded, list[References]]:
    torch.manual_seed(0)
    make: Callable[[], tuple[Task, Padded, list[References]]] = request.param
    return make()


def test_one_batch_can_be_learned_by_heart(
    parts: tuple[Task, Padded, list[References]],
) -> None:
    task, inputs, references = parts
    index = torch.arange(len(references))
    optimiser = torch.optim.AdamW(task.parameters(), lr=1e-2, weight_decay=0)
    batch = task.make_batch(index, inputs, references, epoch=0)
    for _ in range(120):
        optimiser.zero_grad()
        loss = task.loss(task.augmented_frames(batch.inputs), batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(task.parameters(), 1.0)
        optimiser.step()
        if loss.item() < 0.02:
            break
    task.eval()
    predictions = task.predict(index, inputs)
    assert [prediction.hypothesis for prediction in predictions] == [r[0] for r in references]
    score = task.score(predictions, references)
    best = score.metrics[task.metric]
    assert best < score.floors[task.metric] if task.is_lower_better else best > 0.99
    assert set(score.floors) == set(score.metrics)


def test_answers_do_not_depend_on_the_batch(
    parts: tuple[Task, Padded, list[References]],
) -> None:
    task, inputs, _ = parts
    task.eval()
    together = task.predict(torch.arange(4), inputs)
    for row, expected in enumerate(together):
        one = Padded.stack([inputs.rows()[row]])
        (alone,) = task.predict(torch.tensor([row]), one)
        assert alone.hypothesis == expected.hypothesis
        assert alone.ranking == expected.ranking
        assert alone.score == pytest.approx(expected.score, abs=1e-5)
        assert [word.text for word in alone.words] == [word.text for word in expected.words]
        for one, other in zip(alone.words, expected.words):
            assert one[1:] == pytest.approx(other[1:], abs=1e-5)
        assert [text for text, _ in alone.nbest] == [text for text, _ in expected.nbest]


@pytest.mark.parametrize("make", ASR)
def test_every_recogniser_tells_when_its_words_are_said_and_how_surely(
    make: Callable[[], tuple[Task, Padded, list[References]]],
) -> None:
    """Before training as well: whatever comes out stands somewhere in the input."""
    for seed in range(3):
        torch.manual_seed(seed)
        task, inputs, _ = make()
        assert isinstance(task, SpeechRecognition)
        task.eval()
        assert task.step_s == pytest.approx(0.02)  # stride 2 at 100 frames a second
        for prediction, steps in zip(task.predict(torch.arange(4), inputs), LENGTHS):
            assert " ".join(word.text for word in prediction.words) == prediction.hypothesis
            starts = [word.start_s for word in prediction.words]
            assert starts == sorted(starts)
            for word in prediction.words:
                assert 0 <= word.start_s < word.end_s <= (steps + 1) / 100
                assert 0 <= word.confidence <= 1
            assert prediction.nbest[0] == (prediction.hypothesis, prediction.score)


def test_a_step_is_a_function_of_seed_epoch_and_step(
    parts: tuple[Task, Padded, list[References]],
) -> None:
    task, *_ = parts
    draws = []
    for epoch, step in ((0, 0), (0, 0), (0, 1), (1, 0)):
        task.seed_step(epoch, step)
        draws.append(torch.rand(3).tolist())
    assert draws[0] == draws[1]
    assert len({str(draw) for draw in draws}) == 3


def test_an_item_of_several_captions_takes_turns() -> None:
    task, inputs, _ = caption()
    references: list[References] = [("a red dog", "a dog runs")] * 4
    batches = [task.make_batch(torch.arange(4), inputs, references, epoch) for epoch in (0, 1, 2)]
    assert not torch.equal(batches[0].targets.data, batches[1].targets.data)
    assert torch.equal(batches[0].targets.data, batches[2].targets.data)


@pytest.mark.parametrize(
    ("make", "reference", "steps", "fault"),
    [
        (asr, "on", 24, None),
        (asr, "xenon", 24, "symbols outside the vocabulary: 'x' 'e'"),
        (asr, "", 24, "an empty transcript"),
        (asr, "noon", 8, "too short for its transcript: 4 steps, CTC needs 5"),
        (asr_joint, "noon", 8, "too short for its transcript: 4 steps, CTC needs 5"),
        (asr_transducer, "noon", 8, None),
        (asr_attention, "noon", 8, None),
        (speaker, "ann", 24, None),
        (speaker, "dot", 24, "a class unseen in training: 'dot'"),
        (verify, "dot", 24, None),
        (caption, "a zebra", 6, None),
        (caption, "", 6, "an empty caption"),
    ],
)
def test_what_cannot_be_trained_on_is_told(
    make: Callable[[], tuple[Task, Padded, list[References]]],
    reference: str,
    steps: int,
    fault: str | None,
) -> None:
    task, *_ = make()
    assert task.fault((reference,), steps) == fault
