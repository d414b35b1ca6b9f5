from pathlib import Path

import pytest

from rnnmm.pipelines import check, train
from rnnmm.pipelines.check import main
from rnnmm.pipelines.compose import compose_or_faults

EXPERIMENTS = sorted((Path(__file__).parents[2] / "configs" / "experiment").glob("*.yaml"))


def test_there_are_experiments() -> None:
    assert EXPERIMENTS


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_every_experiment_is_without_fault(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list.csv").touch()
    (tmp_path / "media").mkdir()
    is_listed = path.stem.startswith(("manifest", "text"))
    where = "dataset.path=list.csv" if is_listed else "dataset.root=media"
    parameters = ["speaker_out=theo"] if path.stem.endswith("_loso") else []
    parameters += ["run.init=media"] if path.stem.endswith("_scst") else []
    assert main([f"experiment={path.stem}", where, *parameters]) == 0
    assert capsys.readouterr().out == f"no faults in {path.stem}\n"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["list.csv", "media"]


def test_what_check_passes_can_be_run() -> None:
    assert set(check.REQUIRED) == set(train.REQUIRED)


def faults_of(*words: str) -> list[str]:
    """The faults that `rnnmm check` finds, each without the two spaces in front."""
    return compose_or_faults(words, check.REQUIRED)[1]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("seed=-1", "int in [0, 4294967295]"),
        ("loader.batch_size=0", "int >= 1"),
        ("loader.max_steps=0", "int >= 1 | null"),
        ("loader.depth=-1", "int >= 0"),
        ("trainer.max_epochs=0", "int >= 1"),
        ("trainer.gradient_clip=0", "float > 0 | null"),
        ("trainer.patience=0", "int >= 1 | null"),
        ("trainer.average_decay=1.0", "float in [0, 1) | null"),
        ("optim.learning_rate=0", "float > 0"),
        ("optim.learning_rate=nan", "float > 0"),
        ("optim.weight_decay=-0.1", "float >= 0"),
        ("optim.warmup=1.5", "float in [0, 1]"),
        ("optim.betas=[0.9,1.0]", "tuple[float in [0, 1), float in [0, 1)]"),
        ("preprocess.workers=0", "int >= 1"),
        ("preprocess.max_bad_fraction=2", "float in [0, 1]"),
        ("preprocess.shard_mb=0", "int >= 1"),
        ("preprocess.timeout_s=-1", "float > 0"),
        ("preprocess.decoding.sample_rate=0", "int >= 1 | null"),
        ("model.dropout=3", "float in [0, 1)"),
        ("model.encoder.dropout=-0.1", "float in [0, 1)"),
        ("model.encoder.hidden_dim=0", "int >= 1"),
        ("model.encoder.num_layers=0", "int >= 1"),
        ("model.encoder.channels=[32,0]", "Sequence[int >= 1]"),
        ("model.encoder.strides=[0,2]", "Sequence[int >= 1]"),
        ("task.target.label_smoothing=1", "float in [0, 1)"),
        ("dataset.val_fraction=1.0", "float in [0, 1)"),
    ],
)
def test_a_number_out_of_range_is_a_fault(word: str, expected: str, tmp_path: Path) -> None:
    faults = faults_of("experiment=folder_speaker", f"dataset.root={tmp_path}", word)
    assert len(faults) == 1
    assert faults[0].startswith(f"{word.partition('=')[0]}: expected {expected}, got ")


def test_a_root_that_is_not_there_is_a_fault_among_the_others(tmp_path: Path) -> None:
    words = ["dataset.root=gone", "model.dropout=3", "trainer.max_epochs=0"]
    gone = Path("gone").absolute()
    assert faults_of("experiment=folder_speaker", *words) == [
        f"dataset.root: expected a folder at {gone}, got nothing",
        "model.dropout: expected float in [0, 1), got int 3",
        "trainer.max_epochs: expected int >= 1, got int 0",
    ]
    assert faults_of("experiment=manifest_asr", f"dataset.path={tmp_path}") == [
        f"dataset.path: expected a file at {tmp_path}, got a folder"
    ]
    assert faults_of("experiment=studio_asr", "dataset.root=gone") == [], "made on first use"


def test_faults_are_all_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(["experiment=fsdd_asr", "trainer.max_epohcs=3", "sed=1"])
    assert stop.value.code == 2
    header, *faults = capsys.readouterr().err.splitlines()
    assert header == "3 faults in the configuration, nothing was written:"
    assert [fault.split(":")[0].strip() for fault in faults] == [
        "sed",
        "dataset.root",
        "trainer.max_epohcs",
    ]
    assert list(tmp_path.iterdir()) == []
