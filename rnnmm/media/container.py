"""Opening an untrusted file in FFmpeg: one regular file, known formats, no network, no chatter."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple, NoReturn

import av
from av.container import InputContainer
from av.stream import Disposition, Stream

from rnnmm.media.sniff import foreign_name, media_name, read_head

# Formats that hold sound or pictures by themselves. Playlists (hls, dash, concat), subtitles,
# text art, image sequences and devices, all of which FFmpeg would open too, are not among them.
_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,mpegvideo,m4v,h264,hevc,vvc,obu,ivf,"
    "av1,flv,live_flv,asf,asf_o,xwma,ogg,wav,w64,aiff,au,caf,flac,mp3,aac,loas,ac3,eac3,ac4,dts,"
    "dtshd,truehd,mlp,amr,amrnb,amrwb,ape,wv,tta,tak,mpc,mpc8,voc,nistsphere,gif,apng,iff,rm,"
    "nut,mxf,dv,yuv4mpegpipe,sox,ircam,avr,shn,qcp,gsm,rso,dsf,iamf,"
    "jpeg_pipe,jpegls_pipe,j2k_pipe,png_pipe,bmp_pipe,webp_pipe,webp_anim,tiff_pipe,gif_pipe,"
    "pgm_pipe,ppm_pipe,pbm_pipe,pam_pipe,qoi_pipe,sgi_pipe,dds_pipe,exr_pipe,psd_pipe,"
    "jpegxl_pipe,jpegxl_anim,sunrast_pipe,xbm_pipe,xpm_pipe,hdr_pipe,pcx_pipe"
)
_SEEKABLE = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "mp3", "flac")
_MADE_UP_STAMPS = 0x1  # AVFMT_FLAG_GENPTS; on in PyAV; wrong in AVI files with B-frames


class Media(NamedTuple):
    """An open file.

    max_pixels: the largest picture that is decoded. logs: what FFmpeg said of the file so far, as
    (level, who, message).
    """

    container: InputContainer
    max_pixels: int
    logs: list[tuple[int, str, str]]

    def reason(self, error: Exception) -> str:
        """FFmpeg's own words for what went wrong last, on one line."""
        return _last_said(self.logs, error)


class _Unnamed:
    """A file without its name, so that FFmpeg goes by the content and never by the extension."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.read, self.tell = file.read, file.tell

    def seek(self, offset: int, whence: int) -> int:
        try:
            return self._file.seek(offset, whence)
        except (OSError, ValueError):  # damaged files point before their own beginning
            return -errno.EINVAL


@contextmanager
def open_media(path: Path, max_pixels: int = 1 << 26) -> Iterator[Media]:
    """Opens a media file for reading with PyAV and closes it whatever happens.

    Only the file itself is read: nested files and network addresses are refused.

    Args:
        path: an existing regular file.
        max_pixels: pictures larger than this are refused before they are allocated.

    Raises:
        ValueError: ``not a media file: ...`` or ``truncated or corrupt ... file: ...``; for an
            error of FFmpeg inside the block, its reason.
    """
    options = {"format_whitelist": _FORMATS, "max_pixels": str(max_pixels), "threads": "1"}
    with open(path, "rb") as file, _captured_logs() as logs:
        try:
            container = av.open(
                _Unnamed(file), options=options, metadata_errors="replace", io_open=_refuse_file
            )
        except av.FFmpegError as error:
            raise ValueError(_open_reason(path, error, logs)) from error
        assert isinstance(container, InputContainer)
        container.flags &= ~_MADE_UP_STAMPS
        media = Media(container, max_pixels, logs)
        try:
            yield media
        except av.FFmpegError as error:
            raise ValueError(media.reason(error)) from error
        finally:
            container.close()


def best_stream(media: Media, kind: Literal["audio", "video"]) -> Any | None:
    """The stream FFmpeg would choose; a cover picture is no video. None: there is none.

    Raises:
        ValueError: No decoder for the stream is built in.
    """
    streams = media.container.streams
    candidates = [stream for stream in getattr(streams, kind) if not _is_cover(stream)]
    if not candidates:
        return None
    best = streams.best(kind)
    stream: Any = best if best in candidates else candidates[0]
    if stream.codec_context is None:
        raise ValueError(f"no decoder for the {kind} stream")
    stream.codec_context.thread_count = 1
    stream.codec_context.options = {"max_pixels": str(media.max_pixels)}
    return stream


def check_packet(packet: Any, kind: str) -> None:
    """Refuses what would decode to noise.

    Raises:
        ValueError: The stream is encrypted.
    """
    # Not packet.has_sidedata(): that takes longer than reading the packet.
    for side in packet.iter_sidedata():
        if side.data_type == "encryption_info":
            raise ValueError(f"the {kind} stream is encrypted")


def decode_packet(media: Media, packet: Any) -> list[Any]:
    """The frames that are complete with this packet.

    Raises:
        ValueError: What the decoder says is wrong with it.
    """
    media.logs.clear()  # what was said of other packets and streams is no reason here
    try:
        return list(packet.decode())
    except av.FFmpegError as error:
        if packet.is_corrupt:
            raise ValueError("truncated: the file ends inside a packet") from error
        raise ValueError(media.reason(error)) from error


def can_seek(media: Media, stream: Any) -> bool:
    """Whether seeking is exact: the file has an index, or is read through to find the place."""
    return media.container.format.name in _SEEKABLE and stream.start_time is not None


def seek_to(media: Media, stream: Any, seconds: float) -> None:
    """Continues with the last key frame that is not later than a time after the stream's start."""
    media.container.seek(
        stream.start_time + int(seconds / stream.time_base), stream=stream, backward=True
    )


def _open_reason(path: Path, error: Exception, logs: list[tuple[int, str, str]]) -> str:
    head = read_head(path)
    name = media_name(head)
    if name is None:
        return f"not a media file: {foreign_name(head)}"
    return f"truncated or corrupt {name} file: {_last_said(logs, error)}"


def _last_said(logs: list[tuple[int, str, str]], error: Exception) -> str:
    said = [message for _, _, message in logs if message.strip()]
    text = said[-1] if said else getattr(error, "strerror", None) or str(error)
    return " ".join(text.split()).rstrip(".")


def _is_cover(stream: Stream) -> bool:
    return bool(stream.disposition & Disposition.attached_pic)


def _refuse_file(url: str, flags: int, options: dict[str, str]) -> NoReturn:
    raise ValueError(f"the file refers to another file ({url[:80]!r}), which is not opened")


@contextmanager
def _captured_logs() -> Iterator[list[tuple[int, str, str]]]:
    level, skips = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)  # else the second broken file in a row has no reason
    try:
        with av.logging.Capture() as logs:
            yield logs
    finally:
        av.logging.set_level(level)
        av.logging.set_skip_repeated(skips)
