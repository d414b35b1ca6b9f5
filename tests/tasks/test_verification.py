import itertools
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from rnnmm.batch import LabelBatch, Padded
from rnnmm.features.augment_audio import Speed
from rnnmm.features.chain import Chain
from rnnmm.metrics.interval import redrawn_interval
from rnnmm.metrics.verification import cllr, eer
from rnnmm.models.embedder import Embedder
from rnnmm.nn.recurrent import Recurrent
from rnnmm.speakers.whitening import fit_whitening
from rnnmm.tasks import verification
from rnnmm.tasks.optimisation import AdamW
from rnnmm.tasks.task import Prediction, References
from rnnmm.tasks.verification import Speaker, SpeakerVerification, compare_all


def make_task(*speeds: float, inputs: str = "audio") -> SpeakerVerification:
    target = Speaker(speeds)
    answers = target.learn([("ann",), ("bob",), ("ann",), ("cy",)], 4)
    model = Embedder(Recurrent(4, 4), 4, len(answers.vocabulary), 6)
    return SpeakerVerification("verify", inputs, target, Chain(), model, answers, AdamW())


def embedded(*vectors: tuple[float, ...]) -> list[Prediction]:
    return [
        Prediction(row, "ann", -1.0, embedding=np.array(vector, np.float32))
        for row, vector in enumerate(vectors)
    ]


def cloud(
    num_speakers: int, each: int, spread: float
) -> tuple[list[Prediction], list[References]]:
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((num_speakers, 6))
    voices = [centre + spread * rng.standard_normal(6) for centre in centres for _ in range(each)]
    names: list[References] = [(f"s{n}",) for n in range(num_speakers) for _ in range(each)]
    return embedded(*map(tuple, voices)), names


def test_references_are_the_speaker_column(memory_store) -> None:
    store = memory_store([{"speaker": "ann"}, {"speaker": None}])
    assert Speaker().references(store) == [("ann",), ()]


def test_each_speed_makes_other_speakers() -> None:
    answers = Speaker((0.9, 1.1)).learn([("bob",), ("ann",), ("bob",)], 1)
    assert answers.vocabulary.symbols == (
        "ann", "bob", "ann x 0.9", "bob x 0.9", "ann x 1.1", "bob x 1.1",
    )  # fmt: skip
    assert make_task(0.9, 1.1).num_speakers == make_task().num_speakers == 3


def test_one_speaker_cannot_be_told_apart() -> None:
    with pytest.raises(ValueError, match="two or more in the training split, got 1"):
        Speaker().learn([("ann",), ("ann",)], 1)


def test_a_voice_at_another_speed_is_that_other_speaker() -> None:
    task = make_task(0.5, 2.0)
    inputs = Padded.stack([torch.randn(400), torch.randn(300)])
    batch = task.make_batch(torch.arange(2), inputs, [("cy",), ("ann",)], epoch=0)
    seen = set()
    for step in range(30):
        task.seed_step(0, step)
        changed = task.at_random_speed(batch)
        for row, before, label, speaker in zip(
            changed.inputs.rows(), inputs.rows(), changed.labels.tolist(), (2, 0)
        ):
            assert label % 3 == speaker
            rate = (1.0, 0.5, 2.0)[label // 3]
            alone = Padded(before[None], torch.tensor([len(before)]))
            expected = Speed(rate, rate)(alone, torch.Generator()).data[0]
            torch.testing.assert_close(row, expected)
            seen.add(label)
    assert seen == {0, 2, 3, 5, 6, 8}
    assert make_task().at_random_speed(batch) is batch


def test_only_sound_can_be_played_faster() -> None:
    task = make_task(0.9, inputs="features")
    batch = LabelBatch(torch.arange(1), Padded.stack([torch.randn(5, 4)]), torch.tensor([0]))
    with pytest.raises(ValueError, match=r"expected none for inputs of features, got \[0.9\]"):
        task.at_random_speed(batch)


def test_the_margin_follows_the_training() -> None:
    task = make_task(inputs="features")
    batch = LabelBatch(
        torch.arange(4), Padded.stack([torch.randn(5, 4)] * 2 + [torch.randn(9, 4)] * 2),
        torch.tensor([0, 1, 2, 0]),
    )  # fmt: skip
    losses = []
    for epoch in (0, 9):
        task._trainer = SimpleNamespace(current_epoch=epoch, num_training_batches=1, max_epochs=10)
        losses.append(task.training_step(batch, 0).item())
    assert losses[1] == pytest.approx(task.loss(batch.inputs, batch).item())
    assert losses[1] > losses[0] + 1


def test_figures_by_hand() -> None:
    # Cosines: ann with ann 1, bob with bob 0; across 1, 0, 1, 0.
    predictions = embedded((1, 0), (2, 0), (1, 0), (0, 3))
    references = [("ann",), ("ann",), ("bob",), ("bob",)]
    score = make_task().score(predictions, references)
    assert score.counts == {"speakers": 2, "targets": 2, "nontargets": 4}
    assert score.metrics["eer"] == pytest.approx(0.5)
    targets, nontargets = np.array([1.0, 0.0]), np.array([1.0, 0.0, 1.0, 0.0])
    assert score.metrics["cllr"] == pytest.approx(cllr(targets, nontargets))
    assert score.metrics.keys() == score.floors.keys()
    assert score.floors["eer"] == 0.5


def test_all_pairs_are_compared_once() -> None:
    predictions, references = cloud(4, 3, 0.5)
    compared = compare_all(predictions, references)
    by_hand = []
    for (one, speaker), (two, other) in itertools.combinations(zip(predictions, references), 2):
        a, b = one.embedding, two.embedding
        cosine = float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
        by_hand.append((round(cosine, 5), speaker == other))
    targets, nontargets = compared.sides()
    got = [(round(s, 5), True) for s in targets] + [(round(s, 5), False) for s in nontargets]
    assert sorted(got) == sorted(by_hand)


@pytest.mark.parametrize("names", [("ann", "ann"), ("ann", "bob")])
def test_without_pairs_of_both_kinds_there_is_no_figure(names: tuple[str, str]) -> None:
    score = make_task().score(embedded((1, 0), (0, 1)), [(name,) for name in names])
    assert all(map(math.isnan, score.metrics.values()))
    assert not score.redraws


def test_a_speaker_drawn_twice_is_two_people() -> None:
    predictions, references = cloud(3, 2, 1.0)
    compared = compare_all(predictions, references)
    voices = np.stack([one.embedding for one in predictions]).astype(np.float64)
    voices /= np.linalg.norm(voices, axis=1, keepdims=True)
    drawn = [(0, 0), (0, 1), (2, 0)]  # speaker 0 twice, speaker 1 never, speaker 2 once
    people = [(voices[2 * speaker + clip], copy, speaker) for speaker, copy in drawn
              for clip in (0, 1)]  # fmt: skip
    targets, nontargets = [], []
    for (a, copy, speaker), (b, other_copy, other) in itertools.combinations(people, 2):
        if (copy, speaker) == (other_copy, other):
            targets.append(a @ b)
        elif speaker != other:  # his own double says nothing about strangers
            nontargets.append(a @ b)
    expected = eer(np.array(targets), np.array(nontargets))
    assert compared.redrawn_eer(np.array([2, 0, 1])) == pytest.approx(expected)
    assert math.isnan(compared.redrawn_eer(np.array([3, 0, 0])))


def test_the_interval_lies_around_the_figure() -> None:
    predictions, references = cloud(12, 4, 1.0)
    score = make_task().score(predictions, references)
    redraw = score.redraws["eer"]
    assert redraw.num_units == 12
    low, high = redrawn_interval(redraw, num_resamples=200)
    assert low < score.metrics["eer"] < high
    assert high - low < 0.3


def test_thinning_keeps_both_kinds_and_their_figure() -> None:
    compared = compare_all(*cloud(30, 6, 0.8))
    thin = compared.thinned(150)
    targets, nontargets = thin.sides()
    assert len(targets) <= 150 and 100 < len(nontargets) <= 150
    assert eer(targets, nontargets) == pytest.approx(eer(*compared.sides()), abs=0.05)
    assert len(compared.thinned(10**6).scores) == len(compared.scores)


def test_settling_makes_cosines_likelihood_ratios() -> None:
    task = make_task()
    validated = cloud(12, 4, 0.7)
    before = task.score(*validated).metrics
    task.settle(lambda split: validated)
    after = task.score(*validated).metrics
    assert after["cllr"] < before["cllr"] - 0.1
    assert after["cllr"] - after["min_cllr"] < 0.1
    assert {name: after[name] for name in after if name != "cllr"} == {
        name: before[name] for name in before if name != "cllr"
    }


def test_settling_centres_and_whitens_by_the_training_alone() -> None:
    task = make_task()
    train, val = cloud(12, 4, 0.7), cloud(5, 4, 0.1)
    task.settle(lambda split: {"train": train, "val": val}[split])
    voices = np.stack([one.embedding for one in train[0]])
    torch.testing.assert_close(task.model.centre, torch.from_numpy(voices.mean(0)))
    expected = fit_whitening(voices.astype(np.float64), [name for (name,) in train[1]], 0.3)
    np.testing.assert_allclose(task.model.whitening, expected.matrix, rtol=1e-4, atol=1e-5)


def test_what_tells_nothing_apart_calibrates_nothing(caplog: pytest.LogCaptureFixture) -> None:
    task = make_task()
    task.settle(lambda split: (embedded((1,) * 6, (2,) * 6), [("ann",), ("ann",)]))
    assert "cllr is of bare cosines" in caplog.text
    assert task.model.calibration.tolist() == [1.0, 0.0]


def test_a_prediction_carries_its_embedding() -> None:
    torch.manual_seed(0)
    task = make_task(0.9, inputs="features").eval()
    inputs = Padded.stack([torch.randn(7, 4), torch.randn(5, 4)])
    index = torch.tensor([4, 9])
    predictions = task.predict(index, inputs)
    assert [one.row for one in predictions] == [4, 9]
    np.testing.assert_allclose(
        np.stack([one.embedding for one in predictions]),
        task.embed(index, inputs).detach().numpy(),
    )
    assert {one.hypothesis for one in predictions} <= {"ann", "bob", "cy"}, "no one at a speed"
    assert all(one.score < 0 and one.ranking[0] == one.hypothesis for one in predictions)


def test_of_many_pairs_some_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    speakers = [str(n % 5) for n in range(30)]
    predictions = [
        Prediction(row, name, 0.0, (), rng.standard_normal(3) + 3 * np.eye(5, 3)[int(name)])
        for row, name in enumerate(speakers)
    ]
    references = [(name,) for name in speakers]
    every = compare_all(predictions, references)
    assert len(every.scores) == 30 * 29 // 2
    monkeypatch.setattr(verification, "_MOST_PAIRS", 40)
    some = compare_all(predictions, references)
    targets, nontargets = some.sides()
    assert (len(targets), len(nontargets)) == (40, 40)
    assert set(some.scores.tolist()) <= set(every.scores.tolist())
