import csv

from rnnmm.tasks.history import History


def test_history_travels_in_the_checkpoint(tmp_path) -> None:
    history = History(tmp_path / "history.csv", "wer")
    history.rows = [{"epoch": 0.0, "seconds": 2.5}]
    other = History(tmp_path / "history.csv", "wer")
    other.load_state_dict(history.state_dict())
    assert other.rows == history.rows
    assert other.rows is not history.rows


def test_a_history_of_an_older_version_is_gone_on_with(tmp_path) -> None:
    history = History(tmp_path / "history.csv", "wer")
    history.rows = [{"epoch": 0, "seconds": 2.5}]
    history.rows.append({"epoch": 1, "seconds": 2.0, "peak_memory_mb": 7.0})
    history._write()
    with (tmp_path / "history.csv").open(newline="") as file:
        assert [row["peak_memory_mb"] for row in csv.DictReader(file)] == ["", "7.0"]
