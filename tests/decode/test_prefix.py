import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rnnmm.batch import Padded
from rnnmm.decode.ctc import greedy_ctc
from rnnmm.decode.fusion import Weighted
from rnnmm.decode.ngram import TokenFusion
from rnnmm.decode.prefix import CtcBeam, beam_ctc
from rnnmm.text.vocabulary import Vocabulary

EVERYTHING = 10_000  # more prefixes than any of these problems has


def made(seed: int, lengths: list[int], num_outputs: int, spread: float = 2.0) -> Padded:
    """Log-probabilities with NaN for padding."""
    generator = torch.Generator().manual_seed(seed)
    x = Padded.stack([torch.randn(n, num_outputs, generator=generator) * spread for n in lengths])
    return x.with_data(x.data.log_softmax(-1).masked_fill(~x.mask[..., None], torch.nan))


def fold(path: tuple[int, ...], blank: int = 0) -> tuple[int, ...]:
    return tuple(s for i, s in enumerate(path) if s != blank and (i == 0 or s != path[i - 1]))


def every_answer(frames: Tensor, blank: int = 0) -> dict[tuple[int, ...], float]:
    """The log-probability of every answer: all alignments, one by one."""
    found: dict[tuple[int, ...], float] = defaultdict(float)
    probs = frames.double().exp().tolist()
    for path in itertools.product(range(frames.shape[1]), repeat=len(frames)):
        found[fold(path, blank)] += math.prod(row[symbol] for row, symbol in zip(probs, path))
    return {tokens: math.log(probability) for tokens, probability in found.items()}


problems = given(
    seed=st.integers(0, 10**6),
    lengths=st.lists(st.integers(1, 5), min_size=1, max_size=3),
    num_outputs=st.integers(1, 4),
    blank=st.integers(0, 3),
)


@problems
@settings(max_examples=15, deadline=None)
def test_a_beam_that_drops_nothing_sums_over_all_alignments(
    seed: int, lengths: list[int], num_outputs: int, blank: int
) -> None:
    x, blank = made(seed, lengths, num_outputs), min(blank, num_outputs - 1)
    for few, frames in zip(beam_ctc(x, CtcBeam(EVERYTHING, blank=blank)), x.rows()):
        expected = every_answer(frames, blank)
        assert len(few) == len(expected)
        assert {h.tokens: h.score for h in few} == pytest.approx(expected, abs=1e-5)
        assert [h.score for h in few] == sorted((h.score for h in few), reverse=True)


@problems
@settings(max_examples=15, deadline=None)
def test_with_scorers_the_best_of_all_answers_is_found(
    pairs, seed: int, lengths: list[int], num_outputs: int, blank: int
) -> None:
    x = made(seed, lengths, num_outputs)
    first, second = pairs(seed + 1, num_outputs), pairs(seed + 2, num_outputs)
    beam = CtcBeam(EVERYTHING, (Weighted(first, 0.7), Weighted(second, 0.4)), length_bonus=0.3)
    for few, frames in zip(beam(x), x.rows()):
        acoustic = every_answer(frames)
        rank = {
            tokens: score
            + 0.7 * first.total(tokens)
            + 0.4 * second.total(tokens)
            + 0.3 * len(tokens)
            for tokens, score in acoustic.items()
        }
        possible = {tokens for tokens, one in rank.items() if one > -math.inf} or {()}
        assert {h.tokens for h in few} == possible
        ranks = [rank[h.tokens] for h in few]
        assert ranks == pytest.approx(sorted(ranks, reverse=True), abs=1e-5)
        assert [h.score for h in few] == pytest.approx([acoustic[h.tokens] for h in few], abs=1e-5)


@pytest.mark.parametrize("size", [1, 3, 5, 8])
@pytest.mark.parametrize("bonus", [0.0, 0.8])
def test_what_is_dropped_and_comes_back_is_merged_all_the_same(
    pairs, size: int, bonus: float
) -> None:
    """Against a beam over dictionaries, whose keys cannot fail to merge."""
    x, scorer = made(0, [20, 17] * 6, 3, spread=1.0), pairs(0, 3)
    scorer.end = torch.zeros(3)
    scorers = (Weighted(scorer, 0.3),) if bonus else ()
    for few, frames in zip(CtcBeam(size, scorers, bonus)(x), x.rows()):
        expected = slow_beam(
            frames, size, lambda t: 0.3 * scorer.total(t) if bonus else 0.0, bonus
        )
        assert {h.tokens: h.score for h in few} == pytest.approx(expected, abs=1e-5)


def slow_beam(
    frames: Tensor, size: int, say: Callable[[tuple[int, ...]], float], bonus: float
) -> dict[tuple[int, ...], float]:
    beam = {(): (1.0, 0.0)}  # prefix -> probability of ending in a blank, and in its last token

    def rank(prefix: tuple[int, ...]) -> float:
        total = sum(after[prefix])
        return (math.log(total) if total else -math.inf) + say(prefix) + bonus * len(prefix)

    for frame in frames.double().exp().tolist():
        after: dict[tuple[int, ...], list[float]] = defaultdict(lambda: [0.0, 0.0])
        for prefix, (blank, symbol) in beam.items():
            after[prefix][0] += (blank + symbol) * frame[0]
            if prefix:
                after[prefix][1] += symbol * frame[prefix[-1]]
            for token, probability in list(enumerate(frame))[1:]:
                base = blank if prefix[-1:] == (token,) else blank + symbol
                after[(*prefix, token)][1] += base * probability
        best = sorted(after, key=rank, reverse=True)[:size]
        beam = {prefix: (after[prefix][0], after[prefix][1]) for prefix in best}
    return {
        prefix: math.log(sum(both)) for prefix, both in beam.items() if rank(prefix) > -math.inf
    }


def test_torchaudio_decodes_alike() -> None:
    pytest.importorskip("flashlight.lib.text.decoder", reason="needs flashlight-text")
    from torchaudio.models.decoder import ctc_decoder

    peer = ctc_decoder(
        None, ["-", "a", "b", "c"], nbest=3, beam_size=EVERYTHING, beam_size_token=4,
        beam_threshold=1e9, blank_token="-", sil_token="-", log_add=True,
    )  # fmt: skip
    for seed in range(10):
        x = made(seed, [6], 4)
        expected = {tuple(t for t in h.tokens.tolist() if t): h.score for h in peer(x.data)[0]}
        found = {h.tokens: h.score for h in beam_ctc(x, CtcBeam(EVERYTHING))[0][:3]}
        assert found == pytest.approx(expected, abs=1e-4)


def test_a_row_alone_scores_as_in_any_batch(pairs) -> None:
    x = made(3, [30, 7, 19, 1], 8)
    beam = CtcBeam(6, (Weighted(pairs(1, 8), 0.5),), length_bonus=0.2, top_k=5)
    together = beam(x)
    for row, few in zip(x.rows(), together):
        (alone,) = beam(Padded.stack([row]))
        assert [h.tokens for h in alone] == [h.tokens for h in few]
        assert [h.score for h in alone] == pytest.approx([h.score for h in few], abs=1e-9)
    again = beam(Padded.stack(x.rows()[::-1]))[::-1]
    assert [[h.tokens for h in few] for few in again] == [
        [h.tokens for h in few] for few in together
    ]


def test_the_beam_is_never_worse_than_greedy() -> None:
    for seed in range(5):
        x = made(seed, [40, 25, 33], 10)
        for few, greedy in zip(beam_ctc(x, CtcBeam(8)), greedy_ctc(x)):
            assert few[0].score >= greedy.score


def test_wider_beams_answer_better() -> None:
    x = made(0, [40] * 4, 6, spread=1.0)
    scores = [sum(few[0].score for few in beam_ctc(x, CtcBeam(size))) for size in (1, 4, 64)]
    assert scores[0] < scores[1] < scores[2]


def test_of_equals_the_first_found_wins_every_time() -> None:
    x = Padded(torch.zeros(2, 6, 4).log_softmax(-1), torch.tensor([6, 6]))
    first, second = beam_ctc(x, CtcBeam(5))
    assert first == second == beam_ctc(x, CtcBeam(5))[0]


def test_pruned_tokens_are_those_that_sound_worst() -> None:
    x = made(5, [5], 4)
    (all_of_them,) = beam_ctc(x, CtcBeam(EVERYTHING, top_k=3))
    assert all_of_them == beam_ctc(x, CtcBeam(EVERYTHING))[0]
    (few,) = beam_ctc(x, CtcBeam(EVERYTHING, top_k=1))
    best = [int(frame[1:].argmax()) + 1 for frame in x.data[0]]
    assert {h.tokens for h in few} == set(sub_sequences(best))


def sub_sequences(best: list[int]) -> Iterator[tuple[int, ...]]:
    """What blanks can leave of one choice per step, repeats folded or not."""
    for kept in itertools.product([False, True], repeat=len(best)):
        yield fold(tuple(token if keep else 0 for token, keep in zip(best, kept)))


def test_where_all_is_forbidden_the_answer_is_empty(pairs) -> None:
    never = pairs(0, 4)
    never.end = torch.full((4,), -torch.inf)
    x = made(0, [5, 3], 4)
    for few, row in zip(beam_ctc(x, CtcBeam(4, (Weighted(never, 0.0),))), x.rows()):
        ((tokens, score, spans),) = few
        assert (tokens, spans) == ((), ())
        assert score == pytest.approx(float(row[:, 0].sum()), abs=1e-5)


def test_a_language_model_settles_what_sounds_alike() -> None:
    vocabulary = Vocabulary.fit(["ab", "cb"], "char", ("<blank>",))
    frames = torch.tensor([[0.1, 0.45, 0.0, 0.45], [0.1, 0.0, 0.9, 0.0]]).log()
    x = Padded.stack([frames])
    for said, other in (("ab", "cb"), ("cb", "ab")):
        lm = TokenFusion(order=2, weight=0.5).learn([said, said, other], vocabulary)
        assert vocabulary.decode(CtcBeam(4, lm)(x)[0][0].tokens) == said


@pytest.mark.parametrize("fault", [{"size": 0}, {"top_k": -1}, {"blank": -1}])
def test_figures_out_of_range_are_named(fault: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="CtcBeam: expected size >= 1, top_k and blank >= 0"):
        CtcBeam(**fault)
