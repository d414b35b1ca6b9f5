"""Which features are taken for the same, and which are not."""

from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from rnnmm import embed
from rnnmm.embed import embed_store, embedder_digest, make_embedder
from rnnmm.experiment import embed as embed_by_config
from rnnmm.run import claim_embedder, read_state, write_state

PLAIN: dict[str, Any] = {
    "_target_": "rnnmm.models.picture.PictureEmbedder",
    "frame_encoder": {"_target_": "rnnmm.nn.frame.PlainCnn", "channels": [4, 8]},
}


def backbone(weights: Path) -> dict[str, Any]:
    encoder = {
        "_target_": "rnnmm.nn.frame.TorchvisionBackbone",
        "name": "shufflenet_v2_x0_5",
        "weights": str(weights),
    }
    return {"_target_": "rnnmm.models.picture.PictureEmbedder", "frame_encoder": encoder}


def digest(node: dict[str, Any]) -> str:
    return embedder_digest(node, make_embedder(node))


def test_a_network_from_chance_is_always_the_same_and_leaves_chance_alone() -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    first = digest(PLAIN)
    assert torch.equal(torch.rand(3), expected)
    assert digest(PLAIN) == first


def test_whatever_changes_the_features_changes_the_digest() -> None:
    other_channels = {**PLAIN["frame_encoder"], "channels": [4, 9]}
    depthwise = {**PLAIN["frame_encoder"], "_target_": "rnnmm.nn.frame.DepthwiseCnn"}
    pixels = {"_target_": "rnnmm.features.frames.Pixels", "mean": [0.5, 0.5, 0.5]}
    nodes = [
        PLAIN,
        {**PLAIN, "grid": 2},
        {**PLAIN, "pixels": pixels},
        {**PLAIN, "frame_encoder": other_channels},
        {**PLAIN, "frame_encoder": depthwise},
    ]
    assert len({digest(node) for node in nodes}) == len(nodes)
    embedder = make_embedder(PLAIN)
    before = embedder_digest(PLAIN, embedder)
    next(embedder.parameters()).data[0] += 1e-6
    assert embedder_digest(PLAIN, embedder) != before


@pytest.mark.slow
def test_where_the_weights_lie_is_no_part_of_the_digest(tmp_path: Path) -> None:
    network = make_embedder(backbone(Path("none"))).frame_encoder.body
    state = {name: value.contiguous() for name, value in network.state_dict().items()}
    save_file(state, tmp_path / "one.safetensors")
    torch.save(state, tmp_path / "other.pth")
    one, other = (digest(backbone(tmp_path / name)) for name in ("one.safetensors", "other.pth"))
    assert one == other


class Clips:
    """A store of frames, as much of one as is looked at."""

    info = MappingProxyType({"name": "clips"})

    def __init__(self, *lengths: int) -> None:
        self.num_frames = np.array(lengths)

    def frames(self, row: int) -> np.ndarray:
        rng = np.random.default_rng(row)
        return rng.integers(0, 256, (self.num_frames[row], 16, 16, 3), dtype=np.uint8)


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """What would be called for each item, and with what else."""
    seen = SimpleNamespace()

    def derive(source: Any, root: Path, digest: str, compute: Any, **options: Any) -> Path:
        seen.digest, seen.compute, seen.options = digest, compute, options
        return root

    monkeypatch.setattr(embed, "derive_features", derive)
    monkeypatch.setattr(embed, "open_store", lambda path: path)
    return seen


def test_every_frame_gets_a_vector_that_depends_on_its_clip_alone(
    computed: SimpleNamespace, tmp_path: Path
) -> None:
    embedder = make_embedder(PLAIN)
    store = Clips(5, 40)
    assert embed_store(store, tmp_path, embedder, "abc", accelerator="cpu") == tmp_path
    vectors = computed.compute(1)
    assert (vectors.shape, vectors.dtype) == ((40, 8), np.float32)
    np.testing.assert_array_equal(vectors, computed.compute(1))
    expected = embedder(torch.from_numpy(store.frames(1))).numpy()
    np.testing.assert_array_equal(vectors, expected)
    assert (computed.digest, computed.options["facts"]) == ("abc", {"embedder": "abc"})


def test_what_has_no_embedding_is_told(computed: SimpleNamespace, tmp_path: Path) -> None:
    embedder = make_embedder(PLAIN)
    embed_store(Clips(0, 3), tmp_path, embedder, "abc", accelerator="cpu")
    with pytest.raises(ValueError, match="no frames to embed"):
        computed.compute(0)
    next(embedder.parameters()).data.fill_(torch.nan)
    with pytest.raises(ValueError, match="its embedding is not finite"):
        computed.compute(1)


def test_without_a_section_the_store_is_what_was_decoded() -> None:
    store = Clips(3)
    assert embed_by_config({"embed": None}, store) is store
    assert embed_by_config({}, store) is store


def test_a_run_keeps_to_its_network(tmp_path: Path) -> None:
    claim_embedder(tmp_path, "abc")  # no run has begun
    assert read_state(tmp_path) == {}
    write_state(tmp_path, {"schema": 1, "store": "s", "seconds": {}})
    (tmp_path / "answers.json").touch()
    claim_embedder(tmp_path, "abc")
    claim_embedder(tmp_path, "abc")
    with pytest.raises(ValueError, match=r"was trained with, abc, got one of other weights, def"):
        claim_embedder(tmp_path, "def")
