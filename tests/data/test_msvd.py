import pytest

from rnnmm.data.msvd import prepare
from rnnmm.manifest import Item, check_manifest

HEADER = "VideoID,Start,End,WorkerID,Source,AnnotationTime,Language,Description\n"
# Names of the release in the usual order, some of them at the borders of train, val and test.
SPLITS = {
    "-4wsuPCjDBc_5_15": "train", "A_nCfAbXjoM_8_56": "train", "_WRC7HXBJpU_386_391": "train",
    "bQJQGoJF7_k_145_153": "train", "bQJQGoJF7_k_162_169": "val", "eroAmLZ85DI_28_35": "val",
    "eyMYc-37Sk4_0_10": "val", "eyhzdC936uk_15_27": "test", "zzit5b_-ukg_5_20": "test",
}  # fmt: skip


def row(clip: str, caption: str, language: str = "English") -> str:
    return f'{",".join(clip.rsplit("_", 2))},882,clean,55,{language},"{caption}"\n'


def tree() -> dict[str, str]:
    rows = [row(clip, f"Clip {clip}, it is.") + row(clip, "un chat", "French") for clip in SPLITS]
    clips = {f"YouTubeClips/{clip}.avi": "" for clip in SPLITS}
    return {**clips, "video_corpus.csv": HEADER + "".join(rows)}


def test_the_usual_split_is_by_the_order_of_names(make_tree) -> None:
    manifest = prepare(make_tree(tree()))
    check_manifest(manifest)
    assert {item.id: item.split for item in manifest.items} == SPLITS
    assert manifest.findings == (
        "train clips: 4 found, 1200 in the published release",
        "val clips: 3 found, 100 in the published release",
        "test clips: 2 found, 670 in the published release",
        "1 video in two splits of the published lists (a leak): bQJQGoJF7_k",
        "split: 4 train, 3 val, 2 test",
    )


def test_an_item_has_its_english_sentences_and_its_video(make_tree) -> None:
    files = tree()
    files["video_corpus.csv"] += row("-4wsuPCjDBc_5_15", "Zwei.") + row("-4wsuPCjDBc_5_15", "")
    item = prepare(make_tree(files)).items[0]
    assert item == Item(
        "-4wsuPCjDBc_5_15", "YouTubeClips/-4wsuPCjDBc_5_15.avi", "train",
        captions=("Clip -4wsuPCjDBc_5_15, it is.", "Zwei."), group="-4wsuPCjDBc",
    )  # fmt: skip


def test_the_text_file_does_too(make_tree) -> None:
    lines = "".join(f"{clip} a cat\n{clip} some cat .\n" for clip in SPLITS)
    files = {f"{clip}.mp4": "" for clip in SPLITS}
    manifest = prepare(make_tree({**files, "AllVideoDescriptions.txt": f"# about\n\n{lines}"}))
    assert {item.id: item.split for item in manifest.items} == SPLITS
    assert all(item.captions == ("a cat", "some cat .") for item in manifest.items)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "video_corpus.csv",
            "VideoID,Start\n",
            r"csv:1: expected a header with the columns VideoID",
        ),
        ("video_corpus.csv", HEADER + "a,1\n", r"csv:2: expected 8 cells as in the header, got 2"),
        (
            "video_corpus.csv",
            HEADER + row("a_x_3", "b"),
            r"csv:2: expected a whole number .*'Start'",
        ),
        (
            "AllVideoDescriptions.txt",
            "#\na_1_2\n",
            r"txt:2: expected 'ID_START_END a sentence', got",
        ),
        (
            "AllVideoDescriptions.txt",
            "a b c\n",
            r"txt:1: expected 'ID_START_END a sentence', got 'a",
        ),
    ],
)
def test_bad_lines_are_named(make_tree, name: str, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        prepare(make_tree({"a_1_2.avi": "", name: text}))


def test_no_descriptions_is_an_error(make_tree) -> None:
    with pytest.raises(ValueError, match=r"msvd: expected video_corpus.csv, .* in .*, found none"):
        prepare(make_tree({"a_1_2.avi": ""}))


def test_an_empty_folder_is_an_error(tmp_path) -> None:
    with pytest.raises(ValueError, match=r"msvd: found no media below .*ID_START_END.avi"):
        prepare(str(tmp_path))
