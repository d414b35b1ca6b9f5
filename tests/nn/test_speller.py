import torch
from torch import Tensor

from rnnmm.batch import Padded
from rnnmm.nn.speller import Speller

STEPS, SYMBOLS = (7, 2, 5), (3, 4, 1)


def small(**options: float) -> Speller:
    torch.manual_seed(0)
    return Speller(4, 6, hidden_dim=8, attention_dim=8, **options)


def inputs() -> tuple[Padded, Padded]:
    torch.manual_seed(1)
    steps = Padded.stack([torch.randn(count, 4) for count in STEPS])
    symbols = Padded.stack([torch.randint(1, 6, (count,)) for count in SYMBOLS])
    symbols.data[~symbols.mask] = -1
    return steps, symbols


@torch.no_grad()
def test_symbol_by_symbol_it_scores_as_at_once() -> None:
    speller, (steps, symbols) = small(), inputs()
    expected = speller(steps, symbols)
    assert expected.lengths.tolist() == [count + 1 for count in SYMBOLS]
    for row, logits in enumerate(expected.rows()):
        state = speller.start(Padded.stack([steps.rows()[row]]))
        attended = torch.zeros(1, STEPS[row])
        for symbol, one in zip([0, *symbols.rows()[row].tolist()], logits):
            scores, covered, state = speller.step(torch.tensor([symbol]), state)
            torch.testing.assert_close(scores[0], one.log_softmax(dim=0))
            attended += state.weights
            assert int(covered) == int((attended > 0.5).sum())


@torch.no_grad()
def test_rows_are_repeated_and_reordered_inside_their_item() -> None:
    speller, (steps, _) = small(), inputs()
    _, _, state = speller.step(torch.tensor([1, 2, 3]), speller.start(steps))
    wide = state.repeat(2)

    def scores(symbols: list[int], rows: Tensor) -> Tensor:
        return speller.step(torch.tensor(symbols), wide.select(rows))[0]

    expected, _, _ = speller.step(torch.tensor([4, 5, 4]), state)
    torch.testing.assert_close(
        scores([4, 4, 5, 5, 4, 4], torch.arange(6)), expected[[0, 0, 1, 1, 2, 2]]
    )
    swapped = scores([4, 4, 5, 5, 4, 4], torch.tensor([1, 0, 3, 2, 4, 4]))
    torch.testing.assert_close(swapped[[1, 3, 5]], expected)


@torch.no_grad()
def test_its_own_best_symbol_is_read_in_training_alone() -> None:
    (steps, symbols), own = inputs(), small(sampling=1.0)
    given, sampled = small()(steps, symbols).data, own(steps, symbols).data
    torch.testing.assert_close(own.eval()(steps, symbols).data, given)
    torch.testing.assert_close(sampled[:, :1], given[:, :1])
    assert not torch.allclose(sampled[:, 1:], given[:, 1:])
    # With every symbol its own, the true ones make no difference any more.
    other = symbols.with_data(torch.ones_like(symbols.data))
    torch.testing.assert_close(own.train()(steps, other).data, sampled)
