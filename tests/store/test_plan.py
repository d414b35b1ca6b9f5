import dataclasses

import pytest
from fake_decoders import FakeDecoding

from rnnmm.manifest import Item, Manifest, Segment
from rnnmm.store import plan, source
from rnnmm.store.plan import plan_shards, store_key

SOUND = FakeDecoding()


def _keys(manifest, decoding=SOUND, shard_mb=64):
    return [plan.key for plan in plan_shards(manifest, decoding, shard_mb)]


def _with_item(manifest, n, **changes):
    items = list(manifest.items)
    items[n] = dataclasses.replace(items[n], **changes)
    return dataclasses.replace(manifest, items=tuple(items))


def test_plans_are_contiguous_runs_of_all_items(corpus):
    manifest = corpus(["sound 1"] * 11)
    plans = plan_shards(manifest, SOUND, 64)
    assert [plan.first for plan in plans] == [0, 4, 8]
    assert sum((plan.items for plan in plans), ()) == manifest.items
    assert len({plan.key for plan in plans}) == 3


@pytest.mark.parametrize(
    ("num_items", "num_shards"), [(1, 1), (4, 1), (5, 2), (256, 64), (1000, 63)]
)
def test_there_are_shards_for_many_workers_where_there_are_items(tmp_path, num_items, num_shards):
    (tmp_path / "a").write_text("sound 1")
    items = tuple(Item(f"{n}", "a", "train", start_s=n, end_s=n + 1) for n in range(num_items))
    assert len(_keys(Manifest("m", tmp_path, items))) == num_shards


def test_long_items_fill_shards_by_size(tmp_path):
    (tmp_path / "a").write_text("x")
    items = tuple(Item(f"{n}", "a", "train", start_s=0.0, end_s=10.0) for n in range(8))
    video = FakeDecoding(None, 25.0, 112, 112)  # 9.4 MB each
    plans = plan_shards(Manifest("m", tmp_path, items), video, 20)
    assert [len(plan.items) for plan in plans] == [2, 2, 2, 2]
    assert plans[0].estimated_bytes == 2 * 10 * 25 * 112 * 112 * 3


def test_an_item_larger_than_a_shard_gets_its_own(tmp_path):
    (tmp_path / "a").write_text("x")
    items = tuple(Item(f"{n}", "a", "train", end_s=1000.0) for n in range(3))
    assert len(_keys(Manifest("m", tmp_path, items), shard_mb=1)) == 3


@pytest.mark.parametrize("change", [{"id": "other"}, {"start_s": 0.5}, {"end_s": 0.5}])
def test_a_changed_item_changes_its_shard_alone(corpus, change):
    manifest = corpus(["sound 1"] * 8)
    before, after = _keys(manifest), _keys(_with_item(manifest, 5, **change))
    assert before[0] == after[0] and before[1] != after[1]


def test_changed_content_changes_its_shard_alone(corpus):
    before = _keys(corpus(["sound 1"] * 8))
    after = _keys(corpus(["sound 1"] * 7 + ["sound 2"]))
    assert before[0] == after[0] and before[1] != after[1]


def test_changed_decoding_changes_every_shard(corpus):
    manifest = corpus(["sound 1"] * 8)
    assert not set(_keys(manifest)) & set(_keys(manifest, FakeDecoding(8000)))


def test_the_place_of_the_files_plays_no_part(corpus):
    here, there = corpus(["sound 1"] * 8), corpus(["sound 1"] * 8, folder="elsewhere")
    assert here.root != there.root and _keys(here) == _keys(there)


def test_a_corrected_text_keeps_the_shards_but_not_the_store(corpus):
    before = corpus(["sound 1"] * 8)
    after = _with_item(before, 0, text="corrected")
    plans = plan_shards(before, SOUND, 64)
    assert _keys(before) == _keys(after)
    assert store_key(before, SOUND, plans) != store_key(after, SOUND, plans)


@pytest.mark.parametrize("field", [{"findings": ("one",)}, {"skipped": (("a", "b"),)}])
def test_notes_are_part_of_the_store(corpus, field):
    manifest = corpus(["sound 1"])
    plans = plan_shards(manifest, SOUND, 64)
    noted = dataclasses.replace(manifest, **field)
    assert store_key(manifest, SOUND, plans) != store_key(noted, SOUND, plans)


def test_an_unreadable_file_is_left_to_the_decoder(corpus):
    manifest = corpus(["sound 1"] * 2)
    (manifest.root / "001.txt").unlink()
    assert len(_keys(manifest)) == 1


def test_other_than_utf8_is_named(corpus):
    manifest = _with_item(corpus(["sound 1"] * 3), 1, text="caf\udce9")
    with pytest.raises(ValueError, match=r"fake: expected ids, .* in valid UTF-8.*'item1'"):
        plan_shards(manifest, SOUND, 64)


def test_a_record_of_digests_changes_no_plan(corpus, tmp_path, monkeypatch):
    manifest, record = corpus(["sound 1"] * 5), tmp_path / "record"
    monkeypatch.setattr(source, "_SETTLED_NS", -(10**12))  # as if they had lain there for long
    first = plan_shards(manifest, SOUND, 64, record)
    assert first == plan_shards(manifest, SOUND, 64)
    monkeypatch.setattr(source, "digest_file", None)  # not one is read again
    assert first == plan_shards(manifest, SOUND, 64, record)


def test_segments_change_a_store_but_no_shard(corpus):
    manifest = corpus(["sound 1"] * 8)
    plans = plan_shards(manifest, SOUND, 64)
    sitting = _with_item(manifest, 5, segments=(Segment(0.0, 1.0, "sit"),))
    nothing = _with_item(manifest, 5, segments=())
    assert _keys(sitting) == _keys(nothing) == _keys(manifest)
    changed = (sitting, nothing, _with_item(manifest, 4, segments=()))
    assert len({store_key(one, SOUND, plans) for one in (manifest, *changed)}) == 4


def test_an_item_without_segments_is_keyed_as_before_there_were_any():
    values = ["1", "a.wav", "train", 0.0, 2.5, "hello", "ann", "x", ("a",), "g"]
    assert plan._values(Item(*values)) == values
