from pathlib import Path

import pytest
from tones import make_tree, read, words

from rnnmm.pipelines.cli import main

MODELS = "models=[crnn_classifier,small_classifier]"
SMALLER = """\
_target_: rnnmm.models.classifier.Classifier
pooling:
  _target_: rnnmm.nn.pooling.MeanPooling
encoder:
  _target_: rnnmm.models.encoder.Crnn
"""


@pytest.fixture(scope="module")
def compared(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models under one recipe, one of them the user's own."""
    work = tmp_path_factory.mktemp("compared")
    own = work / "configs"
    (own / "experiment").mkdir(parents=True)
    (own / "model").mkdir()
    (own / "model" / "small_classifier.yaml").write_text(SMALLER)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(work)
        assert main(["compare", MODELS, *recipe(corpus, work)]) == 0
    return work


def recipe(corpus: Path, work: Path) -> list[str]:
    given = words(corpus, work, "trainer.max_epochs=1")
    return [word for word in given if word != "model=crnn_classifier"]


def test_each_model_has_its_run_and_the_difference_its_interval(compared: Path) -> None:
    found = read(compared / "run" / "comparison.json")
    assert (found["first"], found["task"], found["num_items"]) == ("crnn_classifier", "speaker", 9)
    first, other = found["runs"]
    for run in found["runs"]:
        metrics = read(compared / "run" / run["name"] / "metrics.json")
        assert run["metrics"] == metrics["metrics"]
        assert run["parameters"] == metrics["counts"]["parameters"]
    difference = other["differences"]["accuracy"]
    expected = other["metrics"]["accuracy"] - first["metrics"]["accuracy"]
    assert difference["difference"] == pytest.approx(expected)
    assert difference["low"] <= expected <= difference["high"]
    assert difference["units"] == 9
    assert "mean_class_accuracy" not in other["differences"]


def test_finished_runs_give_the_same_differences(
    compared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = [compared / "run" / name for name in ("crnn_classifier", "small_classifier")]
    asked = f"runs=[{folders[0]},{folders[1]}]"
    assert main(["compare", asked, f"run.out={tmp_path}"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    title = "accuracy of speaker on folder, split test, 9 items, in pairs with crnn_classifier"
    assert title in printed
    trained, finished = (read(p / "comparison.json") for p in (compared / "run", tmp_path))
    assert [run["differences"] for run in finished["runs"]] == [
        run["differences"] for run in trained["runs"]
    ]


def test_finished_runs_can_be_compared_in_noise(compared: Path, tmp_path: Path) -> None:
    folders = [compared / "run" / name for name in ("crnn_classifier", "small_classifier")]
    noise = ["degrade=white", "degrade.snr_db=-40"]
    asked = f"runs=[{folders[0]},{folders[1]}]"
    assert main(["compare", asked, f"run.out={tmp_path}", *noise]) == 0
    found = read(tmp_path / "comparison.json")
    assert found["dataset"] == "folder with white noise at -40 dB"
    clean = [read(folder / "metrics.json")["fingerprints"]["store"] for folder in folders]
    assert all(run["fingerprints"]["store"] not in clean for run in found["runs"])


def test_runs_on_other_items_are_refused(
    compared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = make_tree(tmp_path / "other", {"train": 1, "val": 1, "test": 2})
    assert main(["run", *words(corpus, tmp_path, "trainer.max_epochs=1")]) == 0
    runs = f"runs=[{compared / 'run' / 'crnn_classifier'},{tmp_path / 'run'}]"
    capsys.readouterr()
    assert main(["compare", runs, f"run.out={tmp_path}"]) == 1
    assert "run and crnn_classifier: expected answers to the same items, got 3 that only one" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "expected two or more different models or runs, got none"),
        (["models=[a]"], "expected two or more different models or runs, got a"),
        (["runs=[a,a]"], "expected two or more different models or runs, got a, a"),
        (["models=[a,b]", "runs=[a,b]"], "expected models=[...] or runs=[...], got both"),
        (["models=[a,b]", "model=a"], "model=a: cannot be given beside models"),
        (["runs=[a,b]", "run.dir=a"], "run.dir=a: cannot be given beside runs"),
    ],
)
def test_what_is_asked_for_must_make_sense(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", *words]) == 2
    assert message in capsys.readouterr().err


def test_faults_are_found_before_the_first_training(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = "models=[crnn_classifier,crnn_clasifier]"
    assert main(["compare", asked, *recipe(corpus, tmp_path)]) == 2
    assert "did you mean crnn_classifier?" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
