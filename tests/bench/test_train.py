import pytest
import torch

from rnnmm.bench import train
from rnnmm.bench.crdnn import Sizes
from rnnmm.bench.row import Row
from rnnmm.bench.train import Load, compare, make_utterances, spread_batches
from rnnmm.bench.train_peer import Utterance

SMALL = Sizes(num_mels=8, channels=(2, 2), num_layers=2, hidden_dim=2, num_linear=1, linear_dim=2)
LOAD = Load(6, 2, 2)


@pytest.fixture
def utterances(tmp_path) -> list[Utterance]:
    return make_utterances(tmp_path, LOAD.num_utterances)


def _compare(utterances: list[Utterance]) -> list[Row]:
    folder = utterances[0].path.parent
    return compare(utterances, folder, SMALL, LOAD, torch.device("cpu"), rounds=1)


def test_both_train_and_are_compared(utterances) -> None:
    pytest.importorskip("speechbrain.lobes.models.CRDNN")
    peer, fed = _compare(utterances)
    assert (peer.id, peer.goal, fed.id, fed.goal) == ("P7", 1.5, "P9", 0.952)
    assert peer.against.startswith("SpeechBrain, ") and peer.ours == fed.ours > 0
    assert peer.ratio == peer.ours / peer.theirs


@pytest.mark.slow
def test_without_speechbrain_nothing_is_guessed(utterances, monkeypatch) -> None:
    monkeypatch.setattr(train, "unavailable", lambda module: f"{module} (not installed)")
    peer, fed = _compare(utterances)
    assert peer.against.endswith("(not installed)") and peer.ratio is None
    assert fed.ratio > 0


def test_utterances_say_what_their_symbols_are(utterances) -> None:
    for one in utterances:
        assert len(one.tokens) == len(one.text) <= 12 * one.duration_s
        assert min(one.tokens) >= 1 and max(one.tokens) < Sizes().num_outputs


def test_the_peers_batches_are_spread_over_all_lengths(tmp_path) -> None:
    lengths = [Utterance(tmp_path, float(s), "", ()) for s in (5, 1, 8, 3, 2, 7, 6, 4)]
    chosen = spread_batches(lengths, Load(8, 2, 2))
    assert [one.duration_s for one in chosen] == [3, 4, 7, 8]
