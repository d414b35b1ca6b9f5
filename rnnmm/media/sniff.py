"""What the first bytes of a file say it is, whatever its name says."""

import json
from pathlib import Path

_HEAD_BYTES = 4096

_MEDIA_MAGIC = (
    (b"RIFF", "RIFF"),
    (b"RF64", "RF64"),
    (b"fLaC", "FLAC"),
    (b"OggS", "Ogg"),
    (b"FORM", "IFF"),
    (b"ID3", "MP3"),
    (b"\x1aE\xdf\xa3", "Matroska"),
    (b"0&\xb2u", "ASF"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG", "PNG"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"NIST_1A", "NIST SPHERE"),
    (b"FLV\x01", "FLV"),
)
_OTHER_MAGIC = (
    (b"PK\x03\x04", "a ZIP archive"),
    (b"%PDF", "a PDF document"),
    (b"\x1f\x8b", "gzip data"),
    (b"BZh", "bzip2 data"),
    (b"\xfd7zXZ", "xz data"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"SQLite format 3", "a database"),
)
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_BOXES = (b"ftyp", b"moov", b"mdat", b"moof", b"styp", b"free", b"wide", b"skip")


def read_head(path: Path) -> bytes:
    """The first 4 KiB of a file."""
    with open(path, "rb") as file:
        return file.read(_HEAD_BYTES)


def media_name(head: bytes) -> str | None:
    """The name of the media container that the bytes begin like, or None."""
    if head[4:8] in _BOXES:
        return "MP4"
    if head[:1] == b"\xff" and head[1:2] >= b"\xe0" and not head.startswith(_UTF16_MARKS):
        return "MPEG audio"
    return next((name for magic, name in _MEDIA_MAGIC if head.startswith(magic)), None)


def foreign_name(head: bytes) -> str:
    """What the bytes are if they are no media: ``JSON text``, ``a ZIP archive``, ..."""
    for magic, name in _OTHER_MAGIC:
        if head.startswith(magic):
            return name
    text = _text(head)
    if text is None:
        return "only zero bytes" if not head.strip(b"\0") else "unknown binary data"
    return _text_name(text)


def is_sound_file(head: bytes) -> bool:
    """Whether it is one of libsndfile's formats: WAV, AIFF, FLAC, Ogg, SPHERE, AU, CAF."""
    if head[:4] in (b"RIFF", b"RF64", b"RIFX"):
        return head[8:12] == b"WAVE"
    if head.startswith(b"FORM"):
        return head[8:12] in (b"AIFF", b"AIFC")
    return head.startswith((b"fLaC", b"OggS", b"NIST_1A", b".snd", b"caff"))


def holds_only_sound(head: bytes) -> bool:
    """Whether it is a format that cannot hold a video; Ogg can."""
    return is_sound_file(head) and not head.startswith(b"OggS")


def _text(head: bytes) -> str | None:
    if b"\0" in head and not head.startswith(_UTF16_MARKS):
        return None
    encoding = "utf-16" if head.startswith(_UTF16_MARKS) else "utf-8-sig"
    whole = head[: len(head) // 2 * 2] if encoding == "utf-16" else head
    try:
        text = whole.decode(encoding)
    except UnicodeDecodeError as error:
        # The head may end inside a character.
        if len(head) < _HEAD_BYTES or error.start < len(whole) - 4:
            return None
        text = whole[: error.start].decode(encoding)
    return text if all(c.isprintable() or c in "\t\n\r\f\x1a" for c in text) else None


def _text_name(text: str) -> str:
    start = text.lstrip()[:256].lower()
    if start.startswith(("<!doctype html", "<html")):
        return "HTML text"
    if start.startswith("#extm3u"):
        return "an M3U playlist"
    if start.startswith("<?xml"):
        return "XML text"
    if start.startswith(("{", "[")) and _is_json(text):
        return "JSON text"
    return "plain text"


def _is_json(text: str) -> bool:
    try:
        json.JSONDecoder().raw_decode(text.strip())
    except json.JSONDecodeError as error:
        return error.pos >= len(text.strip()) - 1 or len(text) >= _HEAD_BYTES // 2
    return True
