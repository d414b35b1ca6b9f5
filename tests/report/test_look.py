import base64
import io

import numpy as np
from PIL import Image

from rnnmm.report.look import Look, is_still, light
from rnnmm.report.page import Example, TaskSummary, render_page


def pixels(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))


def test_a_photo_is_bright_where_the_model_looked() -> None:
    weights = np.zeros((3, 3), dtype=np.float32)
    weights[0, 2] = 0.4
    shown = pixels(light(np.full((90, 120, 3), 200, dtype=np.uint8), weights))
    assert shown.shape == (90, 120, 3)
    assert shown[10, 110].min() > 180 and shown[80, 10].max() < 60
    nowhere = pixels(light(np.full((9, 9, 3), 200, dtype=np.uint8), np.zeros((3, 3), "f4")))
    assert nowhere.max() < 60


def test_moments_are_shares_of_the_strongest() -> None:
    weights = np.array([[[0.1, 0.1]], [[0.3, 0.1]], [[0.0, 0.0]]], dtype=np.float32)
    assert np.allclose(Look("dog", weights).moments, [0.5, 1.0, 0.0])
    assert not is_still([Look("dog", weights)]) and not is_still([])
    assert is_still([Look("dog", np.ones((1, 3, 3), "f4"))])


def page(looks: list[Look], num_frames: int) -> str:
    frames = np.zeros((num_frames, 8, 8, 3), dtype=np.uint8)
    example = Example("a", "a <dog>", "a <dog>", frames=frames, looks=looks)
    figures = {"cider_d": 1.0}
    return render_page(
        "t",
        [TaskSummary("caption", "d", "test", 1, "cider_d", "higher", figures, {}, {},
                     examples=[example])],
    )  # fmt: skip


def test_the_page_shows_photos_and_timelines() -> None:
    words = ["a", "<dog>", ""]
    still = page([Look(word, np.ones((1, 2, 2), "f4")) for word in words], 1)
    assert still.count("<figcaption>a</figcaption>") == 1
    assert "<figcaption>&lt;dog&gt;</figcaption>" in still and "(end)" in still
    clip = page([Look(word, np.ones((4, 1, 1), "f4")) for word in words], 4)
    assert clip.count('<td style="--share: 1.00"></td>') == 12
    assert 'class="moments' not in page([], 4) and 'class="looks"' not in page([], 1)
