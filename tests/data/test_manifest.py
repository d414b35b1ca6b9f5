import json
from pathlib import Path

import pytest

from rnnmm.data.manifest import prepare
from rnnmm.manifest import Item, Segment, check_manifest

MEDIA = {"media/a.wav": "", "media/b.mp4": ""}


def write(make_tree, table: str | bytes, name: str = "list.csv") -> str:
    return str(Path(make_tree(MEDIA | {name: table}), name))


def test_a_csv_row_becomes_an_item(make_tree) -> None:
    header = "path,start,end,text,speaker,label,caption,split,id,group"
    row = 'media/a.wav,0.5,2,"one, two",ann,7,A dog .,train,x1,g'
    manifest = prepare(write(make_tree, f"\ufeff{header}\r\n{row}\r\n"))
    check_manifest(manifest)
    assert manifest.items == (
        Item("x1", "media/a.wav", "train", 0.5, 2.0, "one, two", "ann", "7", ("A dog .",), "g"),
    )
    assert manifest.findings == ("split: 1 train, 0 val, 0 test",)


def test_only_the_path_is_needed(make_tree) -> None:
    manifest = prepare(write(make_tree, "path,label\nmedia/a.wav,\n./media/b.mp4,x\n"))
    assert manifest.items == (
        Item("media/a.wav", "media/a.wav", "test"),
        Item("media/b.mp4", "media/b.mp4", "test", label="x"),
    )


def test_segments_of_one_file_get_their_own_ids(make_tree) -> None:
    table = "path,start,end\nmedia/a.wav,,1.25\nmedia/a.wav,1.25,\nmedia/a.wav,,\n"
    assert [i.id for i in prepare(write(make_tree, table)).items] == [
        "media/a.wav#0.0-1.25", "media/a.wav#1.25-", "media/a.wav",
    ]  # fmt: skip


def test_tab_separated_values(make_tree) -> None:
    items = prepare(write(make_tree, "path\ttext\nmedia/a.wav\tone, two\n", "list.tsv")).items
    assert items[0].text == "one, two"


def test_json_lines(make_tree) -> None:
    rows = [
        {"path": "media/a.wav", "start": 1, "end": 2.5, "text": "", "speaker": None},
        {"path": "media/b.mp4", "captions": ["A cat .", " Two cats . "], "split": "val"},
    ]
    table = "\n".join(map(json.dumps, rows)) + "\n\n"
    assert prepare(write(make_tree, table, "list.jsonl")).items == (
        Item("media/a.wav#1.0-2.5", "media/a.wav", "test", 1.0, 2.5),
        Item("media/b.mp4", "media/b.mp4", "val", captions=("A cat .", "Two cats .")),
    )


def test_rows_that_differ_in_caption_alone_are_one_item(make_tree) -> None:
    table = "path,caption,label\nmedia/a.wav,A .,x\nmedia/b.mp4,B .,\nmedia/a.wav,C .,x\n"
    items = prepare(write(make_tree, table)).items
    assert [(i.path, i.captions) for i in items] == [
        ("media/a.wav", ("A .", "C .")), ("media/b.mp4", ("B .",)),
    ]  # fmt: skip


def test_a_cell_of_captions_is_a_json_list(make_tree) -> None:
    table = 'path,captions\nmedia/a.wav,"[""A ."", ""B .""]"\n'
    assert prepare(write(make_tree, table)).items[0].captions == ("A .", "B .")


def test_paths_start_from_the_root_given(make_tree, tmp_path: Path) -> None:
    root = make_tree(MEDIA)
    table = tmp_path / "elsewhere.csv"
    table.write_text(f"path\na.wav\n{root}/media/b.mp4\n")
    manifest = prepare(str(table), root=f"{root}/media")
    check_manifest(manifest)
    assert [i.path for i in manifest.items] == ["a.wav", "b.mp4"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("path,speeker\n", r"list.csv:1: unknown column 'speeker'; did you mean speaker\?"),
        ("path,zzzz\n", r"list.csv:1: unknown column 'zzzz'; known: path, start, "),
        ("text\none\n", r"list.csv:1: expected a column 'path', got text"),
        ("", r"list.csv:1: expected a column 'path', got none"),
        ("path,path\n", r"list.csv:1: expected each column once, got path, path"),
        ("path\n", r"list.csv: expected at least one row, got none"),
        ("path,text\nmedia/a.wav,one,two\n", r"list.csv:2: expected 2 cells as in the header, g"),
        ("path,text\n ,one\n", r"list.csv:2: expected a path, got none"),
        ("path,start\nmedia/a.wav,soon\n", r"list.csv:2: expected seconds >= 0 in the column st"),
        ("path,start\nmedia/a.wav,-1\n", r"list.csv:2: expected seconds >= 0 .* start, got '-1'"),
        ("path,end\nmedia/a.wav,nan\n", r"list.csv:2: expected seconds >= 0 .* end, got 'nan'"),
        ("path,start,end\nmedia/a.wav,2,1\n", r":2: expected end after start, got 2.0 to 1.0"),
        ("path,end\nmedia/a.wav,0\n", r":2: expected end after start, got 0.0 to 0.0"),
        ("path,split\nmedia/a.wav,dev\n", r":2: expected split train, val, test or none, got 'd"),
        ("path,caption,captions\nmedia/a.wav,A,[]\n", r":2: expected caption or captions, got b"),
        ("path,captions\nmedia/a.wav,A dog\n", r":2: expected JSON, got 'A dog'"),
        (b"path,text\nmedia/a.wav,caf\xe9\n", r"list.csv:2: expected UTF-8 text, got the byte"),
        ('path,text\nmedia/a.wav,"open\n', r"list.csv:2: expected a row of CSV, got "),
    ],
)
def test_a_bad_csv_is_named_with_its_line(make_tree, table: str | bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        prepare(write(make_tree, table))


def test_segments_are_a_json_list_and_an_empty_one_says_that_nothing_happens(make_tree) -> None:
    table = 'path,segments\nmedia/a.wav,"[[0, 1.5, ""sit ""], [1, 2, ""talk""]]"\n'
    table += "media/b.mp4,[]\nmedia/a.mp3,\n"
    root = make_tree({"media/a.mp3": "", "media/a.wav": "", "media/b.mp4": "", "list.csv": table})
    sit, talk = Segment(0.0, 1.5, "sit"), Segment(1.0, 2.0, "talk")
    assert [i.segments for i in prepare(f"{root}/list.csv").items] == [(sit, talk), (), None]
    listed = {"a.wav": [[0, 1.5, "sit"]], "b.mp4": [], "a.mp3": None}
    rows = [{"path": f"media/{name}", "segments": cell} for name, cell in listed.items()]
    (Path(root) / "list.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert [i.segments for i in prepare(f"{root}/list.jsonl").items] == [(sit,), (), None]


@pytest.mark.parametrize(
    "cell",
    ['"sit"', '[["a", 1, "sit"]]', "[[0, 1]]", '[[2, 1, "sit"]]', "[3]", '[[-1, 1, "sit"]]'],
)
def test_segments_that_are_none_are_named(make_tree, cell: str) -> None:
    line = f'{{"path": "media/a.wav", "segments": {cell}}}'
    with pytest.raises(ValueError, match=r":1: expected \[\[start, end, label\], \.\.\.\] in the"):
        prepare(write(make_tree, line, "list.jsonl"))
    with pytest.raises(ValueError, match=r":1: expected text in the column segments, got 3"):
        line = '{"path": "media/a.wav", "segments": [[0, 1, 3]]}'
        prepare(write(make_tree, line, "list.jsonl"))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("{", r"list.jsonl:1: expected JSON, got '{'"),
        pytest.param("[" * 200_000, r"list.jsonl:1: expected JSON, got ", id="deep"),
        ("[1]", r"list.jsonl:1: expected a JSON object, got '\[1\]'"),
        ('{"path": "media/a.wav", "txt": "a"}', r":1: unknown column 'txt'; did you mean text\?"),
        ('{"path": "media/a.wav", "label": 3}', r":1: expected text in the column label, got 3"),
        ('{"path": "media/a.wav", "start": true}', r":1: expected seconds >= 0 .*, got True"),
        ('{"path": "media/a.wav", "end": [1]}', r":1: expected seconds >= 0 .*, got \[1\]"),
        ('{"path": "media/a.wav", "captions": [1]}', r":1: expected text in the column captions"),
        ('{"path": "media/a\\u0000.wav"}', r":1: expected text in the column path, got 'media/a"),
        ('{"path": "media/a.wav", "text": "\\ud800"}', r":1: expected text in the column text, g"),
    ],
)
def test_bad_json_lines_are_named_with_their_line(make_tree, table: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        prepare(write(make_tree, table, "list.jsonl"))


@pytest.mark.parametrize(
    "path", ["media/none.wav", "../secret", "/etc/passwd", "media", "pipe:touch x", "media/out"]
)
def test_a_row_without_a_file_below_the_root_is_named(
    make_tree, tmp_path: Path, path: str
) -> None:
    (tmp_path / "secret").write_text("")
    table = write(make_tree, f"path,id\nmedia/a.wav,good\n{path},bad\n")
    (tmp_path / "corpus/media/out").symlink_to(tmp_path / "secret")
    with pytest.raises(ValueError, match=r"got none for 1 row: bad \(.*list.csv:3\); set data"):
        prepare(table)


@pytest.mark.parametrize(
    "rows",
    [
        "media/a.wav,A .,x,\nmedia/a.wav,A .,x,\n",
        "media/a.wav,,x,\nmedia/a.wav,,x,\n",
        "media/a.wav,A .,x,\nmedia/a.wav,B .,y,\n",
        "media/a.wav,A .,x,\nmedia/a.wav,,x,\n",
        "media/a.wav,A .,x,one\nmedia/b.mp4,B .,x,one\n",
    ],
)
def test_a_second_row_for_an_item_is_an_error_with_both_places(make_tree, rows: str) -> None:
    with pytest.raises(ValueError, match=r"list.csv:3: a second row for .*, first at .*csv:2; "):
        prepare(write(make_tree, f"path,caption,label,id\n{rows}"))


def test_a_group_in_two_splits_is_a_leak(make_tree) -> None:
    table = "path,split,group\nmedia/a.wav,train,g\nmedia/b.mp4,test,g\n"
    manifest = prepare(write(make_tree, table))
    with pytest.raises(ValueError, match=r"a leak\): g in test\+train"):
        check_manifest(manifest)


def test_a_missing_table_an_unknown_ending_and_a_missing_root(make_tree, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"manifest: expected a table at .*; set dataset.path="):
        prepare(str(tmp_path / "none.csv"))
    with pytest.raises(ValueError, match=r"ends in .csv, .tsv, .jsonl, .ndjson, got .xlsx"):
        prepare(write(make_tree, "", "list.xlsx"))
    with pytest.raises(ValueError, match=r"manifest: expected a folder at .*; set dataset.root="):
        prepare(write(make_tree, "path\n"), root=str(tmp_path / "none"))


@pytest.mark.corpus
def test_real_clips_by_a_table(corpus, tmp_path: Path) -> None:
    root = Path(corpus("grid_s1"))
    paths = sorted(path.relative_to(root).as_posix() for path in root.glob("video/*.mp4"))
    table = tmp_path / "clips.csv"
    table.write_text("path\n" + "\n".join(paths))
    manifest = prepare(str(table), root=str(root))
    check_manifest(manifest)
    assert len(manifest.items) == 400
