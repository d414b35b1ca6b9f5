import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.decode.sample import Sampling
from rnnmm.decode.writer import Beam, DiverseBeam, Search
from rnnmm.features.chain import Chain
from rnnmm.losses import bag_loss, coverage_loss
from rnnmm.models.captioner import AttentionCaptioner
from rnnmm.nn.recurrent import Recurrent
from rnnmm.tasks.captioning import Captioning, Captions
from rnnmm.tasks.optimisation import AdamW
from rnnmm.tasks.schedule import ScheduledSampling
from rnnmm.tasks.task import Prediction, Task

TRAIN = [("a red dog runs", "the dog runs"), ("a red cat sleeps",), ("two birds",)]


def make(**settings) -> Captioning:
    target = Captions(**settings)
    answers = target.learn(TRAIN, 4)
    model = AttentionCaptioner(Recurrent(4, 4), len(answers.vocabulary), 4, 4, 4)
    return Captioning("caption", "features", target, Chain(), model, answers, AdamW())


def predicted(*texts: str) -> list[Prediction]:
    return [Prediction(row, text, -1.0) for row, text in enumerate(texts)]


def test_references_are_tokens_and_none_where_there_is_no_caption(memory_store) -> None:
    store = memory_store([{"captions": ["A dog, running.", "Two dogs"]}, {}, {"captions": []}])
    assert Captions().references(store) == [("a dog running", "two dogs"), (), ()]


def test_the_words_begin_with_the_specials_and_rare_ones_are_left_out() -> None:
    vocabulary = make(min_count=2).answers.vocabulary
    assert vocabulary.symbols == ("<bos>", "<eos>", "<unk>", "a", "dog", "red", "runs")
    batch = make(min_count=2).make_batch(
        torch.tensor([0]), Padded.stack([torch.zeros(2, 4)]), [("a cat runs",)], epoch=0
    )
    assert batch.targets.data.tolist() == [[0, 3, 2, 6, 1]]


def test_the_floor_is_one_caption_for_everything() -> None:
    task = make()
    constant = task.answers.constants[0]
    references = [("a red dog runs",), ("a blue bird",), ("two cats",)]
    score = task.score(predicted(constant, constant, constant), references)
    assert score.metrics == score.floors
    assert score.counts["constant_caption"] == constant
    assert constant in {text for texts in TRAIN for text in texts}


def test_figures_by_hand() -> None:
    references = [("a red dog runs",), ("two big cats sleep",)]
    perfect = make().score(predicted("a red dog runs", "two big cats sleep"), references)
    assert perfect.metrics["bleu_4"] == pytest.approx(1, abs=1e-6)
    assert perfect.metrics["rouge_l"] == pytest.approx(1)
    assert perfect.metrics["cider_d"] == pytest.approx(10)
    half = make().score(predicted("a red cat sits", "two small cats sit"), references)
    for name, (values, ones) in half.tallies.items():
        assert sum(values) / sum(ones) == pytest.approx(half.metrics[name])
    assert set(half.tallies) == {"rouge_l", "cider_d"}
    assert half.metrics["bleu_1"] == pytest.approx(4 / 8, abs=1e-6)
    # One bigram ("a red") of 3 + 3.
    assert half.metrics["bleu_2"] == pytest.approx((4 / 8 * 1 / 6) ** 0.5, abs=1e-6)
    # In each answer a common subsequence of 2 of 4 words, both ways.
    assert half.metrics["rouge_l"] == pytest.approx(0.5)
    assert set(half.metrics) == {f"bleu_{n}" for n in (1, 2, 3, 4)} | {"rouge_l", "cider_d"}


def test_how_varied_the_answers_are_is_told() -> None:
    score = make().score(predicted("a dog", "a dog"), [("a red zebra",), ("the dog", "a yak")])
    # 2 of 7 words in the references were never seen: zebra, yak.
    assert score.counts["unknown_reference_words"] == pytest.approx(2 / 7)
    assert score.counts["unique_ratio"] == pytest.approx(0.5)
    assert score.counts["vocabulary_used"] == 2


def test_which_answers_are_new_is_told_to_who_knows_what_was_learned() -> None:
    task, references = make(), [("a red zebra",), ("the dog", "a yak")]
    answers = predicted("a red dog", "a dog")
    assert "novelty" not in task.score(answers, references).counts
    task.recall([("a red dog runs", "a dog"), ("the dog",)])
    assert task.score(answers, references).counts["novelty"] == 0.5


def test_an_answer_is_cut_at_the_longest_allowed() -> None:
    torch.manual_seed(0)
    task = make(max_tokens=3).eval()
    with torch.no_grad():
        task.model.head[-1].bias[task.answers.vocabulary.index("dog")] += 100
    (prediction,) = task.predict(torch.tensor([4]), Padded.stack([torch.randn(2, 4)]))
    assert (prediction.row, prediction.hypothesis) == (4, "dog dog dog")


def test_an_answer_of_no_words_at_most_is_refused() -> None:
    with pytest.raises(ValueError, match="expected max_tokens >= 1, got 0"):
        Captions(max_tokens=0)


def test_no_answer_has_a_hole_in_it() -> None:
    task = make(min_count=2, max_tokens=3).eval()
    unknown = task.answers.vocabulary.index("<unk>")
    with torch.no_grad():  # a model that would say "<unk>" for ever
        for parameter in task.model.head.parameters():
            parameter.zero_()
        task.model.head[1].bias[unknown] = 5.0
        task.model.head[1].bias[4] = 1.0
    (prediction,) = task.predict(torch.tensor([0]), Padded.stack([torch.zeros(2, 4)]))
    assert prediction.hypothesis == "dog dog dog"


def test_several_captions_of_an_item_share_one_look_and_cost_their_mean() -> None:
    torch.manual_seed(0)
    one, two = make(), make(per_step=2)
    two.load_state_dict(one.state_dict())
    texts = ("a red dog", "the cat sleeps")  # of one length: each word counts the same
    inputs = Padded.stack([torch.randn(3, 4), torch.randn(2, 4)])
    rows = torch.tensor([0, 2])
    both = two.make_batch(rows, inputs, [texts, texts], epoch=0)
    assert both.targets.data.shape == (4, 5)
    apart = [one.make_batch(rows, inputs, [texts, texts], epoch) for epoch in (0, 1)]
    expected = sum(one.loss(inputs, batch) for batch in apart) / 2
    torch.testing.assert_close(two.loss(inputs, both), expected)
    following = two.make_batch(rows, inputs, [("a dog", "a cat", "birds")] * 2, epoch=1)
    assert not torch.equal(following.targets.data, both.targets.data)


def test_naming_words_is_a_second_loss() -> None:
    torch.manual_seed(0)
    plain, naming = make(), make(bag_weight=0.5)
    naming.load_state_dict(plain.state_dict())
    inputs = Padded.stack([torch.randn(3, 4), torch.randn(2, 4)])
    batch = plain.make_batch(torch.tensor([0, 1]), inputs, [("a dog",), ("a cat",)], epoch=0)
    words = plain.model.name(plain.model.start(inputs).memory)
    expected = plain.loss(inputs, batch) + 0.5 * bag_loss(words, batch.targets)
    torch.testing.assert_close(naming.loss(inputs, batch), expected)


def test_answers_are_searched_for_as_the_target_says() -> None:
    torch.manual_seed(0)
    greedy, wide = (
        make(max_tokens=4).eval(),
        make(max_tokens=4, search=Beam(4, min_tokens=2)).eval(),
    )
    wide.load_state_dict(greedy.state_dict())
    inputs = Padded.stack([torch.randn(2, 4)])
    (one,), (other,) = (task.predict(torch.tensor([0]), inputs) for task in (greedy, wide))
    assert len(other.hypothesis.split()) >= 2
    assert one.hypothesis != other.hypothesis


def test_looking_everywhere_is_a_third_loss() -> None:
    torch.manual_seed(0)
    plain, looking = make(), make(coverage_weight=0.5, per_step=2)
    looking.load_state_dict(plain.state_dict())
    inputs = Padded.stack([torch.randn(3, 4), torch.randn(2, 4)])
    batch = looking.make_batch(torch.tensor([0, 1]), inputs, [("a dog", "a cat")] * 2, epoch=0)
    twice = inputs.data.repeat_interleave(2, dim=0)
    state = plain.model.start(Padded(twice, inputs.lengths.repeat_interleave(2)))
    read = Padded(batch.targets.data[:, :-1], batch.targets.lengths - 1)
    missed = coverage_loss(plain.model.write(state, read).weights, state.memory.mask)
    looking.target = Captions(per_step=2)
    expected = looking.loss(inputs, batch) + 0.5 * missed
    looking.target = Captions(per_step=2, coverage_weight=0.5)
    torch.testing.assert_close(looking.loss(inputs, batch), expected)


def test_its_own_words_are_read_as_the_schedule_says(monkeypatch: pytest.MonkeyPatch) -> None:
    task = make(sampling=ScheduledSampling(0.8))
    inputs = Padded.stack([torch.randn(3, 4)])
    batch = task.make_batch(torch.tensor([0]), inputs, [("a dog",)], epoch=0)
    asked, write = [], task.model.write
    task.model.write = lambda *words: asked.append(words[2]) or write(*words)
    monkeypatch.setattr(Task, "on_train_batch_start", lambda *_: None)
    monkeypatch.setattr(Task, "progress", lambda self, step: step / 4)
    for step in (0, 1, 4):
        task.on_train_batch_start(batch, step)
        task.loss(inputs, batch)
    assert asked == pytest.approx([0.0, 0.2, 0.8])


@pytest.mark.parametrize("search", [Beam(3), DiverseBeam(3, 5.0), Sampling(5, temperature=3.0)])
def test_a_search_that_finds_more_tells_all(search: Search) -> None:
    torch.manual_seed(0)
    task = make(max_tokens=4, search=search).eval()
    (found,) = task.predict(torch.tensor([0]), Padded.stack([torch.randn(2, 4)]))
    told = task.detail(found, TRAIN[0])["nbest"]
    assert told[0] == [found.hypothesis, round(found.score, 6)]
    assert len({text for text, _ in told}) == len(told) > 1
    (one,) = (
        make(max_tokens=4).eval().predict(torch.tensor([0]), Padded.stack([torch.randn(2, 4)]))
    )
    assert task.detail(one, TRAIN[0]) == {}


def test_where_it_looked_is_told_word_by_word() -> None:
    torch.manual_seed(0)
    task = make().eval()
    inputs = Padded.stack([torch.randn(3, 4)])
    weights = task.attention(inputs, "a red dog")
    assert weights.shape == (4, 3, 1, 1)
    torch.testing.assert_close(weights.sum(dim=(1, 2, 3)), torch.ones(4))


def test_figures_have_a_ceiling_and_cut_answers_are_counted() -> None:
    references = [("a red dog runs", "the red dog runs"), ("two cats", "two big cats")]
    score = make(max_tokens=3).score(predicted("a red dog", "two cats"), references)
    assert score.counts["cut"] == 0.5
    assert set(score.counts["ceilings"]) == set(score.metrics)
    assert 0 < score.counts["ceilings"]["rouge_l"] < 1
    alone = make().score(predicted("a dog"), [("a red dog",)])
    assert alone.counts["ceilings"] == {}
