from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from rnnmm.bench.preprocess import compare, fixed_rows, kinds, make_corpus
from rnnmm.bench.row import Row
from rnnmm.store.reader import open_store


@pytest.fixture(scope="module")
def flac_rows(tmp_path_factory) -> list[Row]:
    """The rows of a corpus of four short files; threads stand for the processes of the limits."""
    folder = tmp_path_factory.mktemp("flac")
    kind = replace(kinds()[0], num_files=2, num_copies=2)
    corpus = make_corpus(kind, folder / "media")
    with ThreadPoolExecutor(2) as pool:
        rows = compare(kind, corpus, folder / "stores", pool, 1)
    rows += fixed_rows(kind, corpus, folder / "stores", 1)
    (store,) = (folder / "stores").glob("bench-*")
    assert len(open_store(store)) == 4
    assert sum(open_store(store).num_samples) == pytest.approx(16_000 * corpus.duration_s, abs=4)
    return rows


def test_rows_have_their_goals(flac_rows) -> None:
    assert {row.id for row in flac_rows} == {"P12"}
    assert [row.goal for row in flac_rows] == [0.9, 0.85, None, None, None]
    scaling, throughput, bare, start, again = flac_rows
    assert scaling.theirs == 2.0 and scaling.ratio == scaling.ours / 2
    assert throughput.against in (
        "decoding alone, 2 processes", "disk writes with fsync, 2 processes"
    )  # fmt: skip
    assert bare.ours == throughput.ours
    assert start.theirs is None and again.ratio == again.theirs / again.ours


@pytest.mark.parametrize("kind", kinds()[1:], ids=lambda kind: kind.name)
def test_other_media_are_real_too(tmp_path, kind) -> None:
    kind = replace(kind, num_files=1, num_copies=2)
    corpus = make_corpus(kind, tmp_path / "media")
    assert len(corpus.paths) == 2 and corpus.duration_s > 4
    for path in corpus.paths:
        kind.bare(path)
