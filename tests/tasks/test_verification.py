import math
from pathlib import Path
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
from rnnmm.speakers.backend import SCORINGS, Scoring, fit_backend
from rnnmm.speakers.calibration import fit_calibration
from rnnmm.speakers.scoring import unit
from rnnmm.speakers.trials import Trials, all_pairs, read_trials, sample_pairs, write_trials
from rnnmm.speakers.whitening import fit_whitening
from rnnmm.tasks import verification
from rnnmm.tasks.optimisation import AdamW
from rnnmm.tasks.task import Prediction, References
from rnnmm.tasks.verification import Speaker, SpeakerVerification


def make_task(
    *speeds: float, inputs: str = "audio", scoring: Scoring = "cosine", trials: str | None = None
) -> SpeakerVerification:
    target = Speaker(speeds, scoring=scoring, trials=trials)
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


def embeddings_of(predictions: list[Prediction]) -> np.ndarray:
    return np.stack([one.embedding for one in predictions]).astype(np.float64)


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
    det = {"false_accept_rates": [1.0, 0.0], "miss_rates": [0.0, 1.0]}
    assert score.counts == {
        "scoring": "cosine", "speakers": 2, "targets": 2, "nontargets": 4, "det": det,
    }  # fmt: skip
    assert score.metrics["eer"] == pytest.approx(0.5)
    targets, nontargets = np.array([1.0, 0.0]), np.array([1.0, 0.0, 1.0, 0.0])
    assert score.metrics["cllr"] == pytest.approx(cllr(targets, nontargets))
    assert score.metrics.keys() == score.floors.keys()
    assert score.floors["eer"] == 0.5


@pytest.mark.parametrize("names", [("ann", "ann"), ("ann", "bob")])
def test_without_pairs_of_both_kinds_there_is_no_figure(names: tuple[str, str]) -> None:
    score = make_task().score(embedded((1, 0), (0, 1)), [(name,) for name in names])
    assert all(map(math.isnan, score.metrics.values()))
    assert not score.redraws


def test_the_interval_lies_around_the_figure() -> None:
    predictions, references = cloud(12, 4, 1.0)
    score = make_task().score(predictions, references)
    redraw = score.redraws["eer"]
    assert redraw.num_units == 12
    low, high = redrawn_interval(redraw, num_resamples=200)
    assert low < score.metrics["eer"] < high
    assert high - low < 0.3


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
    voices = embeddings_of(train[0])
    np.testing.assert_allclose(task.model.centre, voices.mean(0), rtol=1e-5)
    expected = fit_whitening(voices, [name for (name,) in train[1]], 0.3)
    np.testing.assert_allclose(task.model.whitening, expected.matrix, rtol=1e-4, atol=1e-5)


def test_what_tells_nothing_apart_calibrates_nothing(caplog: pytest.LogCaptureFixture) -> None:
    task = make_task()
    task.settle(lambda split: (embedded((1,) * 6, (2,) * 6), [("ann",), ("ann",)]))
    assert "cllr is of bare cosine scores" in caplog.text
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


def settled(scoring: Scoring = "cosine", trials: str | None = None) -> SpeakerVerification:
    task = make_task(scoring=scoring, trials=trials)
    splits = {"train": cloud(24, 4, 0.5), "val": cloud(12, 4, 0.7)}
    task.settle(splits.__getitem__)
    return task


def ask(task: SpeakerVerification, references: list[References]) -> None:
    ids = {row: f"clip{row}" for row in range(len(references))}
    task.ask(ids, dict(enumerate(references)))


def test_cosines_are_what_they_were_to_the_bit() -> None:
    predictions, references = cloud(12, 4, 0.7)
    rows = unit(embeddings_of(predictions))
    pairs = sample_pairs([name for (name,) in references], 10**6, 10**6)
    scores = (rows[pairs.enrolled] * rows[pairs.tests]).sum(axis=1)
    task = settled()
    found = task.score(predictions, references).metrics
    line = fit_calibration(scores[pairs.is_target], scores[~pairs.is_target])
    slope, intercept = np.array([line.slope, line.intercept], np.float32).tolist()
    ratios = slope * scores + intercept
    assert found["cllr"] == cllr(ratios[pairs.is_target], ratios[~pairs.is_target])
    assert found["eer"] == eer(scores[pairs.is_target], scores[~pairs.is_target])
    assert task.validation_score(predictions, references).metrics == found


@pytest.mark.parametrize("scoring", SCORINGS)
def test_every_scoring_is_calibrated_by_itself_and_lasts(scoring: Scoring) -> None:
    task, again, validated = settled(scoring), make_task(scoring=scoring), cloud(12, 4, 0.7)
    again.model.load_state_dict(task.model.state_dict())
    score = task.score(*validated)
    assert score.counts["scoring"] == scoring
    assert score.metrics["cllr"] - score.metrics["min_cllr"] < 0.1
    assert again.score(*validated).metrics == score.metrics
    cosine = settled().score(*validated).metrics
    assert (score.metrics == cosine) == (scoring == "cosine")
    assert task.validation_score(*validated).metrics == cosine, "how the best epoch is chosen"


def test_the_backend_sees_what_comparisons_see() -> None:
    task = settled("plda")
    predictions, references = cloud(24, 4, 0.5)
    raw = torch.from_numpy(embeddings_of(predictions)).float()
    expected = fit_backend(task.model.whiten(raw).double().numpy(), [n for (n,) in references])
    np.testing.assert_allclose(task._backend().cohort, expected.cohort, atol=1e-5)


def test_only_the_trials_that_are_asked_for_are_scored(tmp_path: Path) -> None:
    predictions, references = cloud(4, 2, 0.7)
    path, ids = tmp_path / "trials.txt", [f"clip{row}" for row in range(8)]
    pairs = all_pairs([name for (name,) in references])
    kept = np.arange(len(pairs)) % 3 == 0
    write_trials(path, Trials(pairs.tests[kept], pairs.enrolled[kept], pairs.is_target[kept]), ids)
    task = settled("plda", str(path))
    ask(task, references)
    score = task.score(predictions, references)
    assert score.counts["targets"] + score.counts["nontargets"] == kept.sum()
    lines = [line.split("\t") for line in score.lists["scores.txt"]()]
    assert [" ".join(line[:3]) for line in lines] == path.read_text().splitlines()
    compare = task._backend().comparison("plda", embeddings_of(predictions))
    scores = compare(pairs.tests[kept], pairs.enrolled[kept])
    assert [float(line[3]) for line in lines] == pytest.approx(scores)
    assert [float(line[4]) for line in lines] == pytest.approx(task._calibration("plda")(scores))
    backwards = task.score(predictions[::-1], references[::-1])
    assert list(backwards.lists["scores.txt"]()) == ["\t".join(line) for line in lines]
    assert task.validation_score(predictions, references).counts["targets"] == 4


def test_not_too_many_pairs_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    predictions, references = cloud(4, 2, 0.7)
    task = settled()
    assert not task.score(predictions, references).lists, "nobody said what the items are called"
    ask(task, references)
    lines = list(task.score(predictions, references).lists["scores.txt"]())
    path, ids = tmp_path / "trials.txt", [f"clip{row}" for row in range(8)]
    path.write_text("\n".join(" ".join(line.split()[:3]) for line in lines))
    assert len(read_trials(path, ids)) == 28
    monkeypatch.setattr(verification, "_MOST_LISTED", 27)
    assert task.score(predictions, references).lists == {"scores.txt": None}


def test_what_cannot_be_scored_is_said_before_anything_is_answered(tmp_path: Path) -> None:
    references = [("ann",), ("ann",), ("bob",)]
    for scoring in ("as_norm", "plda"):
        with pytest.raises(ValueError, match=f"scoring={scoring}: expected .* knows cosine alone"):
            ask(make_task(scoring=scoring), references)
    path = tmp_path / "trials.txt"
    for line, message in (
        ("clip0 clip9 target", r"trials.txt:1: expected ids out of 3 known ones, got 'clip9'"),
        ("clip0 clip1 same", r"expected 'enrol test target\|nontarget', got 'clip0 clip1 same'"),
        ("clip0 clip2 target", r"got 1 of 1 trials otherwise \(clip0 of ann, clip2 of bob\)"),
    ):
        path.write_text(line)
        with pytest.raises(ValueError, match=message):
            ask(make_task(trials=str(path)), references)
    with pytest.raises(ValueError, match=r"scoring=plda: .* got 2 of one each; choose cosine"):
        Speaker(scoring="plda").learn([("ann",), ("bob",)], 1)


def test_few_speakers_level_nothing_and_that_is_said(caplog: pytest.LogCaptureFixture) -> None:
    task = make_task(scoring="as_norm")
    task.settle(lambda split: cloud(5, 4, 0.5))
    ask(task, cloud(5, 4, 0.5)[1])
    assert "as_norm: 5 training speakers are too few to level scores by" in caplog.text
