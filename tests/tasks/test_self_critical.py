import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.decode.sample import Drawn
from rnnmm.features.chain import Chain
from rnnmm.metrics.caption import bleu, cider_d
from rnnmm.models.captioner import AttentionCaptioner
from rnnmm.nn.recurrent import Recurrent
from rnnmm.tasks import self_critical
from rnnmm.tasks.captioning import Captioning
from rnnmm.tasks.optimisation import AdamW
from rnnmm.tasks.schedule import ScheduledSampling
from rnnmm.tasks.self_critical import Reward, RewardedCaptions, SelfCritical

TRAIN = {7: ("a red dog runs", "the dog runs"), 3: ("a red cat sleeps",), 5: ("two birds",)}
ENDED = [[[*text.split(), "<eos>"] for text in texts] for texts in TRAIN.values()]


def make(**settings) -> SelfCritical:
    torch.manual_seed(0)
    target = RewardedCaptions(**settings)
    answers = target.learn(list(TRAIN.values()), 4)
    model = AttentionCaptioner(Recurrent(4, 4), len(answers.vocabulary), 4, 8, 4)
    task = SelfCritical("caption", "features", target, Chain(), model, answers, AdamW())
    task.learn_rewards(TRAIN)
    return task


def batch_of(task: SelfCritical):
    inputs = Padded.stack([torch.randn(3, 4), torch.randn(2, 4), torch.randn(1, 4)])
    return task.make_batch(torch.tensor([*TRAIN]), inputs, list(TRAIN.values()), epoch=0)


def test_a_reward_is_the_metrics_own_figure_with_the_end_as_a_word() -> None:
    answers = [["a", "dog", "runs", "<eos>"], ["a", "red", "cat"], ["two", "birds", "<eos>"]]
    reward = Reward.of(TRAIN, RewardedCaptions(cider_weight=2.0, bleu_weight=3.0))
    cider, blue = cider_d(ENDED, answers).items, bleu(ENDED, answers).items
    expected = [2 * c + 3 * b[3] for c, b in zip(cider, blue)]
    assert reward.all_worth([*TRAIN], answers) == pytest.approx(expected)
    assert reward.worth(5, ["two", "birds"]) < reward.worth(5, ["two", "birds", "<eos>"])
    only_bleu = Reward.of(TRAIN, RewardedCaptions(cider_weight=0.0, bleu_weight=1.0))
    assert only_bleu.worth(3, answers[1]) == pytest.approx(blue[1][3])


def test_an_answer_given_twice_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reward, asked = Reward.of(TRAIN, RewardedCaptions()), []
    worth = Reward.worth
    monkeypatch.setattr(Reward, "worth", lambda *one: asked.append(one[1:]) or worth(*one))
    found = reward.all_worth([3, 5, 3], [["a"], ["a"], ["a"]])
    assert found[0] == found[2] and len(asked) == 2


def drawing(task: SelfCritical, texts: list[str], monkeypatch: pytest.MonkeyPatch):
    """Lets these captions be drawn; gives what the loss sees of each: its log-probabilities."""
    encode = task.answers.vocabulary.encode
    rows = [torch.tensor([*encode(text), task.eos]) for text in texts]
    tokens = Padded.stack(rows)
    scores = torch.zeros(tokens.data.shape, requires_grad=True)
    monkeypatch.setattr(self_critical, "draw", lambda *_: Drawn(tokens, tokens.with_data(scores)))
    return scores


def test_what_is_better_than_the_others_becomes_likelier(monkeypatch: pytest.MonkeyPatch) -> None:
    task = make(samples=3)
    texts = ["a red dog runs", "two birds", "the cat"] * 3
    scores = drawing(task, texts, monkeypatch)
    batch = batch_of(task)
    task.loss(batch.inputs, batch).backward()
    captions = [[*text.split(), "<eos>"] for text in texts]
    worth = task._reward.all_worth([row for row in TRAIN for _ in range(3)], captions)
    num_words = sum(map(len, captions))
    for first in (0, 3, 6):
        for place in range(first, first + 3):
            others = [worth[at] for at in range(first, first + 3) if at != place]
            advantage = worth[place] - sum(others) / 2
            length = len(captions[place])
            expected = [-advantage / num_words] * length + [0.0] * (5 - length)
            assert scores.grad[place].tolist() == pytest.approx(expected, abs=1e-6)


def taught(task: SelfCritical, num_steps: int) -> SelfCritical:
    """After the first stage, or its beginning."""
    batch = batch_of(task)
    optimiser = torch.optim.Adam(task.parameters(), 1e-2)
    for _ in range(num_steps):
        optimiser.zero_grad()
        Captioning.loss(task, batch.inputs, batch).backward()
        optimiser.step()
    return task


def test_the_greedy_baseline_is_what_the_model_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    task = taught(make(samples=1, baseline="greedy", max_tokens=6), 60)
    batch = batch_of(task)
    task.eval()
    greedy = [one.hypothesis for one in task.predict(batch.rows, batch.inputs)]
    task.train()
    assert all(len(text.split()) < 6 for text in greedy)  # each has ended
    scores = drawing(task, greedy, monkeypatch)
    task.loss(batch.inputs, batch).backward()
    assert task.model.training
    assert float(scores.grad.abs().max()) < 1e-7  # no better than itself


@pytest.mark.parametrize("baseline", ["others", "greedy"])
def test_training_raises_the_reward_of_what_is_drawn(
    baseline: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = taught(make(samples=8, baseline=baseline, max_tokens=6), 25)
    batch = batch_of(task)
    optimiser = torch.optim.Adam(task.parameters(), 1e-2)
    rewards: list[float] = []
    usual = SelfCritical._rewards

    def watched(self: SelfCritical, rows: torch.Tensor, tokens: list[list[int]]) -> torch.Tensor:
        found = usual(self, rows, tokens)
        if len(found) > 3:  # not the baseline
            rewards.append(float(found.mean()))
        return found

    monkeypatch.setattr(SelfCritical, "_rewards", watched)
    for step in range(40):
        task.seed_step(0, step)
        optimiser.zero_grad()
        task.loss(batch.inputs, batch).backward()
        optimiser.step()
    assert sum(rewards[-5:]) > 1.4 * sum(rewards[:5])
    task.eval()
    answers = task.predict(batch.rows, batch.inputs)
    assert task.score(answers, list(TRAIN.values())).counts["cut"] == 0.0


def test_a_step_draws_the_same_for_the_same_seed() -> None:
    task = make()
    batch = batch_of(task)
    losses = []
    for step in (0, 0, 1):
        task.seed_step(0, step)
        losses.append(float(task.loss(batch.inputs, batch).detach()))
    assert losses[0] == losses[1] != losses[2]


@pytest.mark.parametrize(
    "setting",
    [
        {"label_smoothing": 0.1}, {"per_step": 2}, {"bag_weight": 0.1}, {"coverage_weight": 1.0},
        {"sampling": ScheduledSampling()},
    ],
)  # fmt: skip
def test_what_would_have_no_effect_is_refused(setting) -> None:
    (name,) = setting
    with pytest.raises(ValueError, match=f"expected no {name}, which the self-critical loss"):
        RewardedCaptions(**setting)
    with pytest.raises(ValueError, match="expected no per_step or bag_weight, which"):
        RewardedCaptions(per_step=3, bag_weight=0.5)


def test_a_reward_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="expected samples >= 2 for the baseline others, got 1"):
        RewardedCaptions(samples=1)
    with pytest.raises(ValueError, match="expected a cider_weight or a bleu_weight above 0"):
        RewardedCaptions(cider_weight=0.0)
