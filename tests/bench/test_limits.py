import time

from rnnmm.bench.limits import arithmetic_rows, best_s, decoder_rows, disk_rows, memory_rows


def test_every_limit_has_a_figure(tmp_path) -> None:
    rows = [
        *memory_rows(1 << 16),
        *disk_rows(tmp_path, 1 << 20),
        *arithmetic_rows(16),
        *decoder_rows(tmp_path, 0.5, 3),
    ]
    assert {row.id for row in rows} == {"limit"}
    assert all(row.ours > 0 and row.theirs is None and row.goal is None for row in rows)
    names = " ".join(row.name for row in rows)
    for what in ("memcpy, 1 thread", "memcpy, 2 threads", "disk write", "GEMM", "FFT", "FLAC",
                 "H.264, 320 x 240", "H.264, 640 x 480"):  # fmt: skip
        assert what in names


def test_the_best_call_counts_and_its_preparation_does_not() -> None:
    waits = iter([0.03, 0.0])
    taken = best_s(lambda: time.sleep(next(waits)), lambda: time.sleep(0.05), repeats=2)
    assert taken < 0.03
