import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from rnnmm.batch import Padded
from rnnmm.nn.transducer import Joint, Predictor


class Largest(TorchDispatchMode):
    """Remembers the largest tensor that was made."""

    numel = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        for one in made if isinstance(made, tuple | list) else (made,):
            if isinstance(one, torch.Tensor) and one.untyped_storage().nbytes():
                self.numel = max(self.numel, one.untyped_storage().nbytes() // one.itemsize)
        return made


def inputs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    symbols = torch.tensor([[1, 2, 1], [3, 4, 0]])
    return torch.randn(2, 10, 6), torch.randn(2, 4, 6), symbols


def test_a_lattice_holds_the_blank_and_the_symbol_that_follows() -> None:
    steps, written, symbols = inputs()
    joint = Joint(6, 6, 6, 5)
    lattice = joint.lattice(steps, written, symbols)
    assert lattice.shape == (2, 10, 4, 2)
    for row, step, count in ((0, 0, 0), (0, 9, 2), (1, 4, 1)):
        log_probs = joint(steps[row, step], written[row, count])
        expected = log_probs[[0, int(symbols[row, count])]]
        torch.testing.assert_close(lattice[row, step, count], expected)
        assert float(log_probs.detach().exp().sum()) == pytest.approx(1.0, abs=1e-6)


def test_chunks_change_neither_scores_nor_gradients() -> None:
    found = []
    for max_elements in (1, 150, 2**21):  # one step, a few, all at once
        torch.manual_seed(1)
        joint = Joint(6, 6, 6, 5, max_elements)
        steps, written, symbols = inputs()
        lattice = joint.lattice(steps.requires_grad_(), written.requires_grad_(), symbols)
        (lattice * torch.linspace(-1, 1, lattice.numel()).reshape(lattice.shape)).sum().backward()
        found.append((lattice.detach(), steps.grad, written.grad, joint.head.weight.grad))
    for other in found[1:]:
        for one, two in zip(found[0], other):
            torch.testing.assert_close(one, two)


def test_no_tensor_holds_the_whole_joint_forwards_or_backwards() -> None:
    torch.manual_seed(0)
    batch, num_steps, columns, size, num_outputs = 2, 64, 9, 16, 20
    joint = Joint(size, size, size, num_outputs, max_elements=2000)
    steps = torch.randn(batch, num_steps, size, requires_grad=True)
    written = torch.randn(batch, columns, size, requires_grad=True)
    symbols = torch.randint(1, num_outputs, (batch, columns - 1))
    with Largest() as largest:
        joint.lattice(steps, written, symbols).sum().backward()
    lattice, whole = batch * num_steps * columns * 2, batch * num_steps * columns * num_outputs
    assert lattice <= largest.numel < 2 * lattice < whole / 4
    assert steps.grad is not None and steps.grad.any()


@torch.no_grad()
def test_a_predictor_reads_step_by_step_what_it_reads_at_once() -> None:
    torch.manual_seed(0)
    predictor = Predictor(5, 4, num_layers=2)
    symbols = Padded(torch.tensor([[1, 2, 3], [4, 9, -1]]), torch.tensor([3, 1]))
    expected = predictor(symbols)
    assert expected.lengths.tolist() == [4, 2]
    for row, tokens in enumerate(([0, 1, 2, 3], [0, 4])):
        state = predictor.initial_state(1)
        for count, token in enumerate(tokens):
            written, state = predictor.step(torch.tensor([token]), state)
            torch.testing.assert_close(written[0], expected.data[row, count])
