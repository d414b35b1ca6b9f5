from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from rnnmm.media import container
from rnnmm.media.container import best_stream, check_packet, decode_packet, open_media


def test_the_name_does_not_matter_and_the_file_is_closed(clip: Path, open_files: Any) -> None:
    odd = clip.with_name("x%03d.png")
    odd.write_bytes(clip.read_bytes())
    with open_media(odd) as media:
        assert media.container.format.name.startswith("mov")
        stream = best_stream(media, "video")
        assert stream is not None and stream.codec_context.thread_count == 1
    assert open_files() == []


def test_a_playlist_opens_nothing(clip: Path) -> None:
    for text in (
        f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:2,\n{clip}\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile {clip.name}\n",
    ):
        path = clip.with_name("list.mp4")
        path.write_text(text)
        reason = r"not a media file: (an M3U playlist|plain text)"
        with pytest.raises(ValueError, match=reason), open_media(path):
            pass


def test_a_file_opens_no_other(
    maker: Any, clip: Path, monkeypatch: pytest.MonkeyPatch, open_files: Any
) -> None:
    # Even if a playlist were let in, what it names stays closed.
    monkeypatch.setattr(container, "_FORMATS", container._FORMATS + ",hls")
    segment = maker.gray_clip("segment.ts", range(0, 500, 50))
    text = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:2,\n{segment}\n#EXT-X-ENDLIST\n"
    path = maker.file("list.m3u8", text.encode())
    with pytest.raises(ValueError, match="M3U playlist"), open_media(path):
        pass
    assert open_files() == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<html><title>404", "not a media file: HTML text"),
        (b'{"error": "not found"}', "not a media file: JSON text"),
        (b"1\n00:00:01,000 --> 00:00:02,000\nhello\n", "not a media file: plain text"),
        (bytes(5000), "not a media file: only zero bytes"),
        (b"RIFF\x10\0\0\0WAVEjunk\xff\xff\0\0", "truncated or corrupt RIFF file: .+"),
        (b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2", "truncated or corrupt MP4 file: .*moov"),
        (b"fLaC", "truncated or corrupt FLAC file: .+"),
        (b"ID3\x03\0\0\0\0\0\x02ab", "truncated or corrupt MP3 file: .+"),
    ],
)
def test_reasons(maker: Any, content: bytes, reason: str) -> None:
    path = maker.file("a.wav", content)
    with pytest.raises(ValueError, match=f"^{reason}"), open_media(path):
        pass


def test_the_same_fault_twice_has_the_same_reason(maker: Any) -> None:
    path = maker.file("a.mp4", b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2")
    reasons = set()
    for _ in range(2):
        with pytest.raises(ValueError) as caught, open_media(path):
            pass
        reasons.add(str(caught.value))
    assert len(reasons) == 1


def test_logging_is_left_as_it_was(clip: Path) -> None:
    before = av.logging.get_level(), av.logging.get_skip_repeated()
    with open_media(clip):
        pass
    assert (av.logging.get_level(), av.logging.get_skip_repeated()) == before


def test_ffmpeg_errors_inside_the_block_become_sentences(clip: Path) -> None:
    with pytest.raises(ValueError, match="said so"), open_media(clip):
        raise av.error.InvalidDataError(1, "said so")


def test_a_cover_is_no_video(maker: Any, one_second: np.ndarray) -> None:
    mp3 = maker.sound("a.mp3", one_second, 16_000, "libmp3lame").read_bytes()
    picture = maker.clip("a.png", [np.zeros((20, 20, 3), np.uint8)], [0], "png", "rgb24")
    body = b"\0image/png\0\x03\0" + picture.read_bytes()
    frame = b"APIC" + len(body).to_bytes(4, "big") + b"\0\0" + body
    size = bytes(len(frame) >> shift & 0x7F for shift in (21, 14, 7, 0))
    path = maker.file("b.mp3", b"ID3\x03\0\0" + size + frame + mp3)
    with open_media(path) as media:
        assert len(media.container.streams.video) == 1
        assert best_stream(media, "video") is None
        assert best_stream(media, "audio") is not None


def test_a_stream_without_a_decoder(maker: Any, one_second: np.ndarray) -> None:
    data = maker.sound("a.mkv", one_second, 16_000, "pcm_s16le").read_bytes()
    path = maker.file("b.mkv", data.replace(b"A_PCM/INT/LIT", b"A_PCM/INT/XYZ"))
    with open_media(path) as media, pytest.raises(ValueError, match="no decoder for the audio"):
        best_stream(media, "audio")


def test_a_packet_says_what_is_wrong_with_it(clip: Path) -> None:
    with open_media(clip) as media:
        stream = best_stream(media, "video")
        assert stream is not None
        packet = av.Packet(b"\0\0\0\x09no H.264!")
        packet.stream = stream
        check_packet(packet, "video")
        with pytest.raises(ValueError, match=r"[A-Za-z]{4}"):
            decode_packet(media, packet)
