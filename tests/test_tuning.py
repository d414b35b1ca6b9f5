from pathlib import Path

import numpy as np
import pytest
import torch

from rnnmm.features.chain import Chain
from rnnmm.models.attention import AttentionRecogniser
from rnnmm.models.ctc import CtcModel
from rnnmm.models.joint import JointCtcAttention
from rnnmm.models.transducer import Transducer
from rnnmm.nn.recurrent import Recurrent
from rnnmm.pipelines.cli import main
from rnnmm.tasks.data import Rows
from rnnmm.tasks.optimisation import AdamW
from rnnmm.tasks.recognition import SpeechRecognition, Transcript
from rnnmm.tuning import tune_search

LOADER = {"_target_": "rnnmm.loading.order.Batching", "batch_size": 2}
SEARCH = {"_target_": "rnnmm.search.word_beam", "size": 4, "closed": True}
GRID = {"weight": (0.0, 1.0), "word_bonus": (0.0, 30.0)}


@pytest.fixture
def task() -> SpeechRecognition:
    torch.manual_seed(0)
    target = Transcript(unit="word", ngram_order=1)
    answers = target.learn([("a",), ("b a",)], 4)
    model = CtcModel(Recurrent(4, 4), len(answers.vocabulary)).eval()
    return SpeechRecognition("asr", "features", target, Chain(), model, answers, AdamW())


def test_every_combination_is_tried_and_the_best_comes_first(memory_store, task) -> None:
    texts = ["a b a b a b", "b a b a b a", "a b"]
    store = memory_store([{"text": text} for text in texts])
    rows = Rows(np.arange(3), np.full(3, 6), task.target.references(store))
    config = {"model": {"search": SEARCH}, "loader": LOADER}
    trials = tune_search(config, task, store, rows, GRID)
    assert len(trials) == 4
    rates = [trial.wer for trial in trials]
    assert rates == sorted(rates)
    # Paid so well, every frame is a word, which comes nearer to long texts than silence.
    assert trials[0].settings["word_bonus"] == 30.0
    assert task.model.search is None, "trials change nothing"


@pytest.mark.parametrize("kind", [Transducer, AttentionRecogniser, JointCtcAttention])
def test_every_criterion_can_be_tuned(memory_store, task, kind) -> None:
    store = memory_store([{"text": text} for text in ("a b a", "b a", "a b")])
    rows = Rows(np.arange(3), np.full(3, 6), task.target.references(store))
    task.model = kind(Recurrent(4, 4), len(task.answers.vocabulary)).eval()
    own = task.model.search
    name = "word_transducer_beam" if kind is Transducer else "word_attention_beam"
    search = {"_target_": f"rnnmm.search.{name}", "size": 4, "closed": True}
    grid = {"weight": (0.0, 0.5), "word_bonus": (-30.0, 10.0)}
    config = {"model": {"search": search}, "loader": LOADER}
    trials = tune_search(config, task, store, rows, grid)
    assert [trial.wer for trial in trials] == sorted(trial.wer for trial in trials)
    silent = [trial.wer for trial in trials if trial.settings["word_bonus"] < 0]
    assert silent == [1.0, 1.0] and len(trials) == 4
    assert trials[0].wer != 1.0 or trials[-1].wer != 1.0, "the bonus has a say"
    assert task.model.search is own, "trials change nothing"


def test_without_a_search_there_is_nothing_to_try(memory_store, task) -> None:
    rows = Rows(np.arange(0), np.arange(0), [])
    config = {"model": {"search": None}, "loader": LOADER}
    with pytest.raises(ValueError, match="tune-decode: expected a search that has weight, word"):
        tune_search(config, task, memory_store([]), rows, GRID)


def test_a_folder_without_a_run_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tune-decode", f"run.dir={tmp_path}"]) == 2
    assert "expected the folder of a finished run" in capsys.readouterr().err
