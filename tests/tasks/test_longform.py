"""Words are bursts of sound whose loudness is the word: what was said is known exactly."""

import numpy as np
import pytest
import torch
from scipy.ndimage import label

from rnnmm.batch import Padded
from rnnmm.features.chain import Chain
from rnnmm.features.kaldi import KaldiFbank
from rnnmm.features.mel import LogMel
from rnnmm.models.ctc import CtcModel
from rnnmm.nn.recurrent import Recurrent
from rnnmm.tasks.longform import LongAudio, read_long
from rnnmm.tasks.optimisation import AdamW
from rnnmm.tasks.recognition import SpeechRecognition, Transcript
from rnnmm.tasks.task import Prediction
from rnnmm.text.word import Word

RATE = 1000
BURST_S = 0.2


def recording(*starts_s: float, duration_s: float) -> torch.Tensor:
    """Bursts 1000, 2000, ... loud, in quiet noise."""
    rng = np.random.default_rng(0)
    samples = rng.normal(scale=3, size=round(duration_s * RATE))
    for number, start in enumerate(starts_s, 1):
        place = round(start * RATE)
        size = round(BURST_S * RATE)
        samples[place : place + size] = 1000 * number * np.where(np.arange(size) % 2, 1, -1)
    return torch.tensor(samples.round().astype(np.int16))


def read(inputs: Padded) -> list[Prediction]:
    """Hears every burst that is there as a whole."""
    return [heard(row.numpy()) for row in inputs.rows()]


def heard(samples: np.ndarray) -> Prediction:
    bursts, count = label(np.abs(samples) > 500)
    words = []
    for number in range(1, count + 1):
        (places,) = np.nonzero(bursts == number)
        if len(places) == BURST_S * RATE:
            name = str(round(np.abs(samples[places]).mean() / 1000))
            words.append(Word(name, places[0] / RATE, (places[-1] + 1) / RATE, 0.5))
    return Prediction(0, " ".join(one.text for one in words), -1.0, words=tuple(words))


def test_nothing_is_lost_and_nothing_said_twice() -> None:
    starts = [0.5, 1.0, 3.0, *np.arange(5.0, 14.0, 0.3)]  # the last run is one long stretch
    samples = recording(*starts, duration_s=16.0)
    cut = LongAudio(longest_s=3.0, overlap_s=1.0)
    assert all(len(plan[-1]) > 1 for plan in cut.readings(samples.numpy(), RATE))
    found = read_long(7, samples, RATE, cut, read)
    assert found.row == 7
    assert found.hypothesis.split() == [str(n) for n in range(1, len(starts) + 1)]
    assert [one.start_s for one in found.words] == pytest.approx(starts, abs=2e-3)
    assert found.nbest == ((found.hypothesis, found.score),)


def test_silence_is_an_empty_answer() -> None:
    found = read_long(0, torch.zeros(5 * RATE, dtype=torch.int16), RATE, LongAudio(), read)
    assert (found.hypothesis, found.score, found.words) == ("", 0, ())


def test_a_detector_of_one_s_own_is_asked() -> None:
    samples = recording(1.0, 3.0, duration_s=5.0)
    second = LongAudio(detect=lambda _, rate: np.array([[2.9, 3.4]]))
    assert read_long(0, samples, RATE, second, read).hypothesis == "2"


def test_words_without_times_all_count() -> None:
    samples = recording(1.0, 3.0, duration_s=5.0)

    def mute(inputs: Padded) -> list[Prediction]:
        return [one._replace(words=()) for one in read(inputs)]

    assert read_long(0, samples, RATE, LongAudio(), mute).hypothesis == "1 2"


def by_length(inputs: Padded) -> list[Prediction]:
    """The length of each window in tenths of a second; the shorter one the surer."""
    return [
        Prediction(0, str(round(10 * int(size) / RATE)), -float(size)) for size in inputs.lengths
    ]


def test_of_two_readings_of_a_stretch_the_surer_counts() -> None:
    samples = recording(1.0, 5.0, duration_s=9.0)
    given = lambda _, rate: np.array([[1.0, 2.0], [5.0, 7.0]])  # noqa: E731

    def answer(margin_s: float, other_margin_s: float | None) -> str:
        cut = LongAudio(margin_s=margin_s, other_margin_s=other_margin_s, detect=given)
        return read_long(0, samples, RATE, cut, by_length).hypothesis

    assert answer(0.2, None) == answer(0.2, 0.5) == answer(0.5, 0.2) == "14 24"
    assert answer(0.5, None) == "20 30"
    # Half-way to the other stretch, and at both ends, there is no more to hear: 35 and 55.
    assert answer(4.0, 1.0) == "30 40"


def test_each_stretch_has_its_own_surer_reading() -> None:
    samples = recording(1.0, 5.0, duration_s=9.0)
    heard_of: list[int] = []

    def read(inputs: Padded) -> list[Prediction]:
        sizes = inputs.lengths.tolist()
        heard_of.extend(sizes)
        return [Prediction(0, str(size), {1400: -1, 2400: -9}.get(size, -5)) for size in sizes]

    cut = LongAudio(
        margin_s=0.2, other_margin_s=0.5, detect=lambda _, rate: np.array([[1.0, 2], [5.0, 7]])
    )
    found = read_long(0, samples, RATE, cut, read)
    assert (found.hypothesis, found.score) == ("1400 3000", -6)
    assert sorted(heard_of) == [1400, 2000, 2400, 3000]


def test_an_overlap_as_long_as_a_window_is_refused() -> None:
    with pytest.raises(ValueError, match="expected overlap_s below longest_s, got 2 and 2"):
        LongAudio(longest_s=2.0, overlap_s=2.0)


@pytest.fixture(scope="module")
def task() -> SpeechRecognition:
    torch.manual_seed(0)
    target = Transcript(input_rate=8000, long_audio=LongAudio(longest_s=1.0, overlap_s=0.3))
    answers = target.learn([("a b c",)], 1)
    model = CtcModel(Recurrent(20, 16), len(answers.vocabulary))
    with torch.no_grad():
        model.head.weight.mul_(20)
    features = Chain([LogMel(8000, 20)])
    return SpeechRecognition("asr", "audio", target, features, model, answers, AdamW()).eval()


def test_long_and_short_recordings_share_a_batch(task: SpeechRecognition) -> None:
    rng = np.random.default_rng(1)
    rows = [
        torch.tensor((3000 * rng.normal(size=size)).astype(np.int16))
        for size in (4000, 30_000, 7000)
    ]
    with torch.inference_mode():
        together = {one.row: one for one in task.predict(torch.arange(3), Padded.stack(rows))}
        for place, row in enumerate(rows):
            (alone,) = task.predict(torch.tensor([place]), Padded.stack([row]))
            assert alone.hypothesis == together[place].hypothesis
            assert alone.score == pytest.approx(together[place].score, abs=1e-4)
            assert [one.text for one in alone.words] == [one.text for one in together[place].words]
            numbers = [list(one[1:]) for one in alone.words]
            expected = [list(one[1:]) for one in together[place].words]
            np.testing.assert_allclose(numbers, expected, atol=1e-5)
        plans = task.target.long_audio.readings(rows[1].numpy(), 8000)
    assert [len(plan) for plan in plans] == [1, 1]
    assert all(len(stretch) > 1 for plan in plans for stretch in plan)
    ends = [one.end_s for one in together[1].words]
    assert ends and max(ends) > 2.5


def test_what_is_too_short_for_a_frame_says_nothing(task: SpeechRecognition) -> None:
    short, long = torch.zeros(50, dtype=torch.int16), torch.full((4000,), 99, dtype=torch.int16)
    features = Chain([KaldiFbank(8000, num_mels=20)])
    kaldi = SpeechRecognition(
        "asr", "audio", task.target, features, task.model, task.answers, AdamW()
    ).eval()
    with torch.inference_mode():
        alone = kaldi.predict(torch.tensor([0]), Padded.stack([short]))
        both = kaldi.predict(torch.arange(2), Padded.stack([short, long]))
    assert [one.hypothesis for one in alone] == [""]
    assert both[0] == alone[0]
    with torch.inference_mode():
        (other,) = kaldi.predict(torch.tensor([1]), Padded.stack([long]))
    assert both[1].hypothesis == other.hypothesis
