import gzip
import json
import zipfile
from pathlib import Path

import pytest

from rnnmm.media.sniff import (
    foreign_name,
    holds_only_sound,
    is_sound_file,
    media_name,
    read_head,
)

LONG_JSON = json.dumps([{"word": "ä" * 50, "start": k} for k in range(200)], ensure_ascii=False)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\n<!DOCTYPE html><title>404</title>", "HTML text"),
        (b"<html><body>", "HTML text"),
        (b"<?xml version='1.0'?><a/>", "XML text"),
        (b"#EXTM3U\n#EXTINF:10,\nhttp://example.com/a.ts\n", "an M3U playlist"),
        (b'{"a": [1, 2]}\n', "JSON text"),
        (LONG_JSON.encode()[:4096], "JSON text"),
        (LONG_JSON.encode()[:4095], "JSON text"),
        (b"[Chorus]\nla la la", "plain text"),
        ("\ufeffgrüße\r\n".encode(), "plain text"),
        ("grüße\r\n".encode("utf-16"), "plain text"),
        (gzip.compress(b"x", mtime=0), "gzip data"),
        (b"%PDF-1.7 ...", "a PDF document"),
        (b"\x7fELF\x02\x01", "a program"),
        (bytes(100), "only zero bytes"),
        (b"\xc2\x03\x8b", "unknown binary data"),
        (b"gr\xfc\xdfe und mehr", "unknown binary data"),
    ],
)
def test_what_is_no_media_is_named(head: bytes, name: str) -> None:
    assert foreign_name(head) == name
    assert media_name(head) is None


def test_a_zip_archive_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.mp4", "w") as archive:
        archive.writestr("a.txt", "a" * 9000)
    assert foreign_name(read_head(tmp_path / "a.mp4")) == "a ZIP archive"


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"RIFF\x24\0\0\0WAVE", "RIFF"),
        (b"\0\0\0\x20ftypisom", "MP4"),
        (b"\0\0\0\x08free", "MP4"),
        (b"ID3\x03\0\0", "MP3"),
        (b"\xff\xfb\x90\x00", "MPEG audio"),
        (b"\xff\xd8\xff\xe0", "JPEG"),
        (b"\x1aE\xdf\xa3", "Matroska"),
    ],
)
def test_media_are_named(head: bytes, name: str) -> None:
    assert media_name(head) == name


def test_who_reads_what() -> None:
    assert is_sound_file(b"RIFF\0\0\0\0WAVE") and holds_only_sound(b"RIFF\0\0\0\0WAVE")
    assert is_sound_file(b"RIFX\0\0\0\0WAVE") and is_sound_file(b"RF64\0\0\0\0WAVE")
    assert not is_sound_file(b"RIFF\0\0\0\0AVI ") and not is_sound_file(b"RIFF\0\0\0\0WEBP")
    assert is_sound_file(b"FORM\0\0\0\0AIFF") and not is_sound_file(b"FORM\0\0\0\0ILBM")
    assert is_sound_file(b"OggS") and not holds_only_sound(b"OggS")
