import itertools
import math

import pytest
import torch
from torch import Tensor

from rnnmm.decode.hypothesis import Hypothesis
from rnnmm.decode.writer import Beam, DiverseBeam, beam_write

END = 3


def follow(table: dict[int, int]):
    """A model that is sure of one follower of each token; its state counts the steps."""

    def step(tokens: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        logits = torch.zeros(len(tokens), 4)
        for row, token in enumerate(tokens.tolist()):
            logits[row, table[token]] = 10.0
        return logits, state + 1

    return step


def remembering(num_rows: int, num_outputs: int, seed: int = 0):
    """A model whose scores depend on the row and on all that was written; and its first state."""
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(8, 8, generator=generator)
    read = torch.randn(num_outputs, 8, generator=generator)
    write = 2 * torch.randn(8, num_outputs, generator=generator)

    def step(tokens: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        state = torch.tanh(state @ mix + read[tokens])
        return state @ write, state

    return step, torch.randn(20, 8, generator=generator)[:num_rows]


def select(state: Tensor, rows: Tensor) -> Tensor:
    return state[rows]


def search_beam(
    num_rows: int, num_outputs: int, max_tokens: int, beam: Beam
) -> list[list[Hypothesis]]:
    step, state = remembering(num_rows, num_outputs)
    start = torch.zeros(num_rows, dtype=torch.int64)
    return beam_write(step, select, state, start, num_outputs - 1, max_tokens, beam)


def every_answer(row: int, num_outputs: int, max_tokens: int) -> dict[tuple[int, ...], float]:
    """All token sequences with their log-probabilities, one step at a time, without a beam."""
    step, states = remembering(row + 1, num_outputs)
    end, found = num_outputs - 1, {}
    for path in itertools.product(range(num_outputs), repeat=max_tokens):
        state, token, total, written = states[row : row + 1], 0, 0.0, []
        for following in path:
            logits, state = step(torch.tensor([token]), state)
            total += float(logits[0].log_softmax(0)[following])
            token = following
            if token == end:
                break
            written.append(token)
        found[tuple(written)] = total, len(written) + (token == end)
    return found


def test_rows_end_by_themselves_and_do_not_see_each_other() -> None:
    step = follow({0: 1, 1: END, 2: 2, END: 1})
    start = torch.tensor([0, 2])
    (ended,), (endless,) = beam_write(step, select, start, start, END, max_tokens=4)
    assert ended.tokens == (1,)
    assert endless.tokens == (2, 2, 2, 2)


def test_the_score_holds_the_end_and_nothing_behind_it() -> None:
    sure = 10 - math.log(math.exp(10) + 3)
    step = follow({0: 1, 1: END, 2: 2, END: 1})
    start = torch.tensor([0, 2])
    (ended,), (endless,) = beam_write(step, select, start, start, END, max_tokens=4)
    assert ended.score == pytest.approx(2 * sure, abs=1e-6)
    assert endless.score == pytest.approx(4 * sure, abs=1e-6)


def test_a_beam_of_one_takes_the_best_token_at_each_step() -> None:
    step, state = remembering(5, 6)
    expected, tokens = [], torch.zeros(5, dtype=torch.int64)
    for _ in range(7):
        logits, state = step(tokens, state)
        tokens = logits.argmax(dim=1)
        expected.append(tokens)
    rows = torch.stack(expected, dim=1).tolist()
    until_end = [tuple(itertools.takewhile(lambda token: token != 5, row)) for row in rows]
    for beam in (Beam(), Beam(length_power=0.7)):
        found = search_beam(5, 6, 7, beam)
        assert [best.tokens for (best,) in found] == until_end
    assert len({len(row) for row in until_end}) > 1  # some end early, or nothing is shown


@pytest.mark.parametrize("length_power", [0.0, 0.7, 1.0])
def test_a_beam_of_full_width_is_exhaustive_search(length_power: float) -> None:
    num_outputs, max_tokens = 4, 4
    found = search_beam(3, num_outputs, max_tokens, Beam(num_outputs**max_tokens, length_power))
    for row, hypotheses in enumerate(found):
        answers = every_answer(row, num_outputs, max_tokens)
        ranked = sorted(answers, key=lambda t: -answers[t][0] / answers[t][1] ** length_power)
        assert [hypothesis.tokens for hypothesis in hypotheses] == ranked
        for hypothesis in hypotheses:
            assert hypothesis.score == pytest.approx(answers[hypothesis.tokens][0], abs=1e-5)


def test_a_wider_beam_finds_what_greed_misses_and_gives_the_best_first() -> None:
    greedy = search_beam(20, 6, 5, Beam())
    wide = search_beam(20, 6, 5, Beam(8))
    assert all(len(row) == 8 and len({one.tokens for one in row}) == 8 for row in wide)
    for row in wide:
        assert [one.score for one in row] == sorted((one.score for one in row), reverse=True)
    assert sum(w[0].score > g[0].score + 1e-6 for g, w in zip(greedy, wide)) >= 1


def test_rows_of_a_beam_do_not_see_each_other() -> None:
    step, state = remembering(4, 6)
    start = torch.zeros(1, dtype=torch.int64)
    together = search_beam(4, 6, 5, Beam(3, 0.5))
    for row, expected in enumerate(together):
        (alone,) = beam_write(step, select, state[row : row + 1], start, 5, 5, Beam(3, 0.5))
        assert [one.tokens for one in alone] == [one.tokens for one in expected]


def test_length_power_prefers_longer_answers() -> None:
    short, fair, long = (
        sum(len(row[0].tokens) for row in search_beam(20, 4, 8, Beam(4, power)))
        for power in (0.0, 0.7, 2.0)
    )
    assert short < fair < long


def test_no_answer_is_shorter_than_wanted_unless_it_is_cut() -> None:
    assert min(len(row[0].tokens) for row in search_beam(20, 4, 8, Beam(3))) < 3
    assert min(len(one.tokens) for row in search_beam(20, 4, 8, Beam(3, 0, 3)) for one in row) >= 3
    assert {len(one.tokens) for row in search_beam(3, 4, 2, Beam(3, 0, 5)) for one in row} == {2}


@pytest.mark.parametrize("n", [1, 2, 3])
def test_blocked_ngrams_occur_once(n: int) -> None:
    def repeated(tokens: tuple[int, ...]) -> bool:
        runs = [tokens[at : at + n] for at in range(len(tokens) - n + 1)]
        return len(set(runs)) < len(runs)

    free, blocked = (search_beam(20, 5, 9, Beam(3, 1.0, 0, block)) for block in (0, n))
    assert any(repeated(one.tokens) for row in free for one in row)
    assert not any(repeated(one.tokens) for row in blocked for one in row)


def test_an_impossible_search_is_refused() -> None:
    with pytest.raises(ValueError, match="expected size >= 1, got 0"):
        Beam(size=0)
    with pytest.raises(ValueError, match="block_ngrams >= 0, got 0, 0 and -1"):
        Beam(block_ngrams=-1)


def diverse(num_rows: int, num_outputs: int, max_tokens: int, search: DiverseBeam):
    step, state = remembering(num_rows, num_outputs)
    start = torch.zeros(num_rows, dtype=torch.int64)
    return search.find(step, select, state, start, num_outputs - 1, max_tokens)


@pytest.mark.parametrize(
    "search", [DiverseBeam(1, 0.7, Beam(3, 0.6)), DiverseBeam(3, 0, Beam(3, 0.6))]
)
def test_one_group_or_groups_that_do_not_mind_each_other_are_a_beam(search: DiverseBeam) -> None:
    for found, expected in zip(diverse(5, 6, 5, search), search_beam(5, 6, 5, Beam(3, 0.6))):
        assert [one.tokens for one in found] == [one.tokens for one in expected]
        for one, other in zip(found, expected):
            assert one.score == pytest.approx(other.score, abs=1e-5)


def test_groups_of_one_path_shun_tokens_as_by_hand() -> None:
    strength, num_outputs = 1.5, 5
    step, states = remembering(4, num_outputs)
    found = diverse(4, num_outputs, 4, DiverseBeam(3, strength))
    for row, answers in enumerate(found):
        paths = [([], 0.0, states[row : row + 1]) for _ in range(3)]
        for _ in range(4):
            taken = torch.zeros(num_outputs)
            for group, (written, total, state) in enumerate(paths):
                if num_outputs - 1 in written:
                    continue
                token = torch.tensor([written[-1] if written else 0])
                logits, after = step(token, state)
                scores = logits[0].log_softmax(0)
                best = int((total + scores - strength * taken).argmax())
                taken[best] += 1
                paths[group] = [*written, best], total + float(scores[best]), after
        expected = {tuple(t for t in w if t != num_outputs - 1): total for w, total, _ in paths}
        assert {one.tokens for one in answers} == set(expected)
        assert [one.score for one in answers] == pytest.approx(sorted(expected.values())[::-1])


def test_groups_that_mind_enough_begin_differently() -> None:
    for row in diverse(20, 6, 4, DiverseBeam(3, 100.0)):
        assert len({one.tokens[:1] for one in row}) == len(row) == 3


def test_an_answer_of_two_groups_stands_where_the_better_of_them_does() -> None:
    # As rounding may have it: what the groups find alike differs, and another is in between.
    def step(tokens: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        return torch.tensor([[0.0, 3.0, 2.9, 0.0], [0.0, 2.8, 2.9, 0.0]]), state

    start, search = torch.zeros(1, dtype=torch.int64), DiverseBeam(2, 0.0, Beam(2))
    (found,) = search.find(step, select, torch.zeros(1, 1), start, END, 1)
    assert [one.tokens for one in found] == [(1,), (2,)]
    assert found[0].score > found[1].score


def test_impossible_groups_are_refused() -> None:
    with pytest.raises(ValueError, match=r"groups >= 1 and strength >= 0, got 0 and 0\.5"):
        DiverseBeam(groups=0)


def test_a_path_that_may_go_nowhere_ends() -> None:
    """Five tokens, none twice, and at least eight of them: there are only five."""
    writer = Beam(2, min_tokens=8, block_ngrams=1)
    logits = torch.randn(3, 6, generator=torch.Generator().manual_seed(0))

    def step(tokens: torch.Tensor, state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return state.log_softmax(dim=1), state

    found = writer.find(
        step, lambda state, rows: state[rows], logits, torch.zeros(3, dtype=torch.int64), 5, 20
    )
    assert all(few and sorted(few[0].tokens) == [0, 1, 2, 3, 4] for few in found)
