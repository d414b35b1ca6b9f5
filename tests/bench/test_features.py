import pytest
import torch
from threadpoolctl import threadpool_info

from rnnmm.bench import features
from rnnmm.bench.features import (
    device_row,
    error_rows,
    fbank_row,
    make_clips,
    measure,
    mfcc_rows,
    one_thread,
    signals,
)

CPU = torch.device("cpu")
CLIPS = make_clips(2, 0.2)


@pytest.fixture(autouse=True)
def _briefly(monkeypatch):
    """Every contestant once, each said to take a second less than the one before."""

    def once(contestants, *_, **__):
        for contestant in contestants:
            contestant()
        return [float(len(contestants) - place) for place in range(len(contestants))]

    monkeypatch.setattr(features, "interleaved", once)


def test_clips_are_pcm():
    assert (CLIPS.data.dtype, CLIPS.data.shape) == (torch.int16, (2, 3200))
    assert 1000 < CLIPS.data.float().std() < 6000


def test_errors_are_small_on_every_kind_of_signal():
    rows = error_rows(0.5)
    assert [row.name.partition(", ")[2] for row in rows] == list(signals(0.5))
    assert all((row.id, row.goal, row.holds) == ("P3", 1, True) for row in rows)


def blas_threads():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


def test_threads_are_one_and_given_back():
    before = blas_threads(), torch.get_num_threads()
    with one_thread():
        assert set(blas_threads()) <= {1}
        assert torch.get_num_threads() == 1
    assert before == (blas_threads(), torch.get_num_threads())


def test_mfcc_is_held_against_the_better_torchaudio():
    librosa, torchaudio = mfcc_rows(CLIPS)
    assert (librosa.id, librosa.goal, librosa.against) == ("P3", 3, "librosa, clip by clip")
    assert librosa.ours == pytest.approx(0.4 / 4)
    assert librosa.theirs == pytest.approx(0.4 / 3)
    assert (torchaudio.goal, torchaudio.against) == (2, "torchaudio, batched")
    assert torchaudio.theirs == pytest.approx(0.4)


def test_peers_that_are_not_here_are_named(monkeypatch):
    monkeypatch.setattr(features, "unavailable", lambda module: f"{module} (not installed)")
    rows = [mfcc_rows(CLIPS)[1], fbank_row(CLIPS)]
    assert [row.against for row in rows] == ["torchaudio (not installed)",
                                             "kaldi_native_fbank (not installed)"]  # fmt: skip
    assert all(row.ours and row.theirs is None for row in rows)


def test_kaldi_is_reported_without_a_goal():
    pytest.importorskip("kaldi_native_fbank", reason="kaldi-native-fbank is not here")
    row = fbank_row(CLIPS)
    assert (row.id, row.goal, row.holds, row.against) == ("P3", None, None, "kaldi-native-fbank")


def test_a_device_is_held_against_its_memory():
    row = device_row(CLIPS, 1000)
    assert (row.id, row.goal) == ("P13", 0.4)
    assert row.ours == pytest.approx(0.4 / 2)
    assert row.theirs == pytest.approx(2000 / 1.22e6)


def test_without_a_gpu_its_row_says_so(monkeypatch):
    monkeypatch.setattr(features, "make_clips", lambda count, seconds: CLIPS)
    rows = measure(CPU)
    assert {row.id for row in rows} == {"P3", "P13"}
    assert (rows[-1].id, rows[-1].ours) == ("P13", None)
    assert "no GPU" in rows[-1].against
