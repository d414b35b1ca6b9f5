"""TVSum and SumMe as most know them: one HDF5 file of GoogLeNet features and people's summaries.

The files ``eccv16_dataset_{tvsum,summe}_google_pool5.h5`` come from Zhou and others (2018, arXiv
1801.00054), made from the features of Zhang and others (2016). Licence: TVSum CC BY 3.0; SumMe's
videos have licences of their own; that of the features is not stated.
"""

import io
import os
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rnnmm.data.finding import report_sizes, to_manifest
from rnnmm.data.listing import open_root
from rnnmm.data.split import split_by_hash
from rnnmm.domain import Folder, Positive, Seed
from rnnmm.manifest import Item, Manifest, Segment, check_count
from rnnmm.text.summaries import chosen, important, shot

_PUBLISHED_VIDEOS = {"tvsum": 50, "summe": 25}
_KEYS = (
    "features", "gtscore", "user_summary", "change_points", "n_frame_per_seg", "n_frames",
    "picks", "n_steps",
)  # fmt: skip


def prepare(
    root: Folder,
    corpus: Literal["tvsum", "summe"] = "tvsum",
    frame_rate: Positive = 30.0,
    split_seed: Seed = 0,
) -> Manifest:
    """Lists the videos of ``eccv16_dataset_{corpus}_google_pool5.h5``.

    Their features are copied, once, into ``eccv16_dataset_{corpus}_google_pool5/video_N.npy``
    beside the file: what reads features reads them as they would lie there for any corpus.

    Args:
        root: the folder of the file.
        corpus: which of the two.
        frame_rate: the file does not tell how fast its videos are: times are as if all had so many
            frames per second. Figures are of frames, and do not depend on it.
        split_seed: a tenth of the videos is val, a fifth test, drawn by their names.

    Returns:
        Items with what every person chose, the importance, and the shots as segments.

    Raises:
        ValueError: No such file; a key is missing, or two do not fit together; h5py is not there.
    """
    folder = open_root("summary_h5", root)
    path = folder / f"eccv16_dataset_{corpus}_google_pool5.h5"
    if not path.is_file():
        raise ValueError(
            f"summary_h5: expected a file at {path}, got nothing; set dataset.root=PATH to its "
            f"folder, and dataset.corpus to tvsum or summe"
        )
    with _open(path) as file:
        names = sorted(file, key=lambda name: (len(name), name))  # video_2 before video_10
        splits = split_by_hash(dict.fromkeys(names, corpus), 0.1, 0.2, split_seed)
        items = [_item(folder, path, file[name], name, splits[name], frame_rate) for name in names]
    findings = (
        *check_count("videos", len(items), _PUBLISHED_VIDEOS[corpus]),
        f"times are those of {frame_rate:g} frames per second: the file tells no rate",
        *report_sizes(items),
    )
    return to_manifest(corpus, folder, items, findings)


def _open(path: Path) -> Any:
    try:
        return import_module("h5py").File(path, "r")
    except ModuleNotFoundError:
        raise ValueError(
            f"{path}: expected the package h5py, which reads such files, got none; "
            f"pip install h5py"
        ) from None


def _item(folder: Path, path: Path, video: Any, name: str, split: str, frame_rate: float) -> Item:
    values = _read(video, f"{path}:{name}")
    place = f"{path.stem}/{name}.npy"
    _write(folder / place, values["features"])
    segments = (
        *_choices(values["user_summary"], frame_rate),
        *_worth(values["gtscore"], values["picks"], int(values["n_frames"]), frame_rate),
        *(shot(start / frame_rate, (last + 1) / frame_rate)
          for start, last in values["change_points"].tolist()),
    )  # fmt: skip
    return Item(name, place, split, segments=segments)


def _read(video: Any, where: str) -> dict[str, NDArray[Any]]:
    """The arrays of one video, which must fit together."""
    missing = [key for key in _KEYS if key not in video]
    if missing:
        raise ValueError(f"{where}: expected the keys {', '.join(_KEYS)}, got no {missing[0]}")
    values = {key: np.asarray(video[key][()]) for key in _KEYS}
    steps, frames = int(values["n_steps"]), int(values["n_frames"])
    shapes = {"features": (steps, -1), "gtscore": (steps,), "picks": (steps,),
              "user_summary": (-1, frames), "change_points": (-1, 2)}  # fmt: skip
    for key, wanted in shapes.items():
        found = values[key].shape
        fits = len(found) == len(wanted) and all(w in (-1, n) for w, n in zip(wanted, found))
        if not fits:
            raise ValueError(f"{where}: expected {key} of shape {wanted}, got {found}")
    shots = values["change_points"]
    lengths = shots[:, 1] - shots[:, 0] + 1
    is_whole = (shots[1:, 0] == shots[:-1, 1] + 1).all() and int(lengths.sum()) == frames
    if not is_whole or not np.array_equal(lengths, values["n_frame_per_seg"].ravel()):
        raise ValueError(
            f"{where}: expected change_points that cut {frames} frames into shots of "
            f"n_frame_per_seg, got {shots.tolist()}"
        )
    return values


def _choices(users: NDArray[Any], frame_rate: float) -> list[Segment]:
    """``(U, N)`` 1 where a person chose a frame."""
    found = []
    for number, row in enumerate(users > 0, start=1):
        edges = np.flatnonzero(np.diff(row.astype(np.int8), prepend=0, append=0))
        found += [
            chosen(start / frame_rate, end / frame_rate, str(number))
            for start, end in edges.reshape(-1, 2).tolist()
        ]
    return found


def _worth(
    scores: NDArray[Any], picks: NDArray[Any], num_frames: int, frame_rate: float
) -> list[Segment]:
    """What each picked frame is worth, until the next one; scores above 1 are scaled down."""
    values = np.round(np.clip(scores / max(1.0, float(scores.max())), 0.0, 1.0), 3)
    is_new = np.concatenate([[True], values[1:] != values[:-1]])
    starts = [*picks[is_new].tolist(), num_frames]
    return [
        important(start / frame_rate, end / frame_rate, float(value))
        for (start, end), value in zip(pairwise(starts), values[is_new])
    ]


def _write(path: Path, features: NDArray[Any]) -> None:
    """Whole or not at all; a file that is right already is left alone."""
    buffer = io.BytesIO()
    np.save(buffer, features.astype(np.float32), allow_pickle=False)
    content = buffer.getvalue()
    if path.is_file() and path.read_bytes() == content:
        return
    path.parent.mkdir(exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_bytes(content)
    unfinished.replace(path)
