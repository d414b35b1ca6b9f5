import pytest

from rnnmm.store.ledger import Entry, check_bad_fraction, read_ledger, write_ledger


def _lost(n):
    return [Entry(f"i{k}", f"{k}.wav", "decode", f"reason {k}") for k in range(n)]


def test_entries_come_back(tmp_path):
    entries = [Entry("", "a\udcff.txt", "scan", "not media"), Entry("ü", "b", "decode", "torn")]
    write_ledger(tmp_path, entries)
    assert read_ledger(tmp_path) == entries
    assert len((tmp_path / "quarantine.jsonl").read_text().splitlines()) == 2


def test_too_many_lost_items_name_the_way_out(tmp_path):
    write_ledger(tmp_path, _lost(7))
    with pytest.raises(ValueError, match="7 of 30 items could not be decoded") as caught:
        check_bad_fraction(tmp_path, 30, 0.01)
    message = str(caught.value)
    assert "i0 (0.wav: reason 0)" in message and "and 2 more" in message
    assert str(tmp_path / "quarantine.jsonl") in message
    assert "preprocess.max_bad_fraction=0.2334" in message
    check_bad_fraction(tmp_path, 30, 0.2334)  # the advice is enough
    with pytest.raises(ValueError, match=r"7 of 7 .*; is it the right folder, and does it hold"):
        check_bad_fraction(tmp_path, 7, 0.01)


def test_the_threshold_itself_is_allowed(tmp_path):
    write_ledger(tmp_path, _lost(29))
    check_bad_fraction(tmp_path, 100, 0.29)
    with pytest.raises(ValueError, match="29 of 100"):
        check_bad_fraction(tmp_path, 100, 0.28)


def test_files_passed_over_do_not_count(tmp_path):
    passed_over = Entry("", "notes.txt", "scan", "no media")
    write_ledger(tmp_path, [passed_over])
    check_bad_fraction(tmp_path, 2, 0.0)
    write_ledger(tmp_path, [passed_over, *_lost(1)])
    with pytest.raises(ValueError, match="1 of 2 items could not be decoded"):
        check_bad_fraction(tmp_path, 2, 0.0)
