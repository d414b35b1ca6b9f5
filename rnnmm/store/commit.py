"""Files that are either whole or not there."""

import ctypes
import hashlib
import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

_TEMP_SUFFIX = ".tmp"
_SYNC_FILE_RANGE_WRITE = 2


def commit(
    path: Path, write: Callable[[Path], None], verify: Callable[[Path], None] | None = None
) -> None:
    """Writes a file so that no crash, not even a power cut, leaves half of it under its name.

    The content goes to a temporary file in the same folder, reaches the disk, is verified and
    only then takes the name. On any failure the temporary file is removed.

    Args:
        path: the final name; what stands there is replaced.
        write: fills the file it is given the path of.
        verify: looks at the written file once more and raises if it is not right.
    """

    def write_through(temp: Path) -> None:
        write(temp)
        sync(temp)

    put(path, write_through, verify)
    sync(path.parent)


def put(
    path: Path, write: Callable[[Path], None], verify: Callable[[Path], None] | None = None
) -> None:
    """`commit` without waiting for the disk: only a power cut may leave half of the file.

    For what is checked before it is used, or told to `sync` before anything refers to it. A wait
    for the disk costs as much as some seconds of media take to decode.
    """
    temp = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}{_TEMP_SUFFIX}")
    try:
        write(temp)
        if verify is not None:
            verify(temp)
        temp.replace(path)
    finally:
        temp.unlink(missing_ok=True)


def commit_bytes(path: Path, content: bytes) -> None:
    """`commit` for what is small enough to hold."""
    commit(path, lambda temp: _write_bytes(temp, content))


def sync(path: Path) -> None:
    """Waits until a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def start_sync(handle: int) -> None:
    """Lets the disk begin with what an open file holds so far; does not wait.

    A later `sync` of a long file then has little left to do. Without effect except on Linux.
    """
    if sys.platform == "linux":
        whole_file = (ctypes.c_int64(0), ctypes.c_int64(0))
        ctypes.CDLL(None).sync_file_range(handle, *whole_file, _SYNC_FILE_RANGE_WRITE)


def remove_temps(folder: Path) -> None:
    """Removes what killed runs left behind; only for a folder that nobody is writing to."""
    for temp in folder.glob(f".*{_TEMP_SUFFIX}"):
        temp.unlink(missing_ok=True)


def digest_file(path: Path) -> str:
    """BLAKE2b-128 of a file's content, as 32 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, new_digest).hexdigest()


def digest_bytes(content: bytes) -> str:
    """BLAKE2b-128 of bytes, as 32 hexadecimal digits."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def new_digest() -> hashlib.blake2b:
    """An empty BLAKE2b-128."""
    return hashlib.blake2b(digest_size=16)


def _write_bytes(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
