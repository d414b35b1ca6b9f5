import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rnnmm.batch import Padded
from rnnmm.features.chain import Chain
from rnnmm.features.frames import Pixels
from rnnmm.features.sample import Sample, Segments
from rnnmm.models.captioner import AttentionCaptioner
from rnnmm.models.cells import CnnCells
from rnnmm.models.classifier import Classifier
from rnnmm.models.encoder import CnnRnn
from rnnmm.nn.frame import PlainCnn, PooledCnn
from rnnmm.nn.recurrent import Recurrent
from rnnmm.tasks.captioning import Captioning, Captions
from rnnmm.tasks.classification import Class, Classification
from rnnmm.tasks.labelling import Labelling, Labels
from rnnmm.tasks.optimisation import AdamW
from rnnmm.tasks.saliency import grad_cam, saliency


class Weighted(nn.Module):
    """Scores that are weighted sums over all places of the maps: their gradient is known."""

    def __init__(self) -> None:
        super().__init__()
        self.frame_encoder = nn.Conv2d(3, 4, 1)
        self.head = nn.Linear(4, 2)

    def forward(self, x: Padded) -> Tensor:
        return self.head(self.frame_encoder(x.data[x.mask]).mean(dim=(0, 2, 3)))[None]


def frames(steps: int, size: int = 32) -> Padded:
    torch.manual_seed(0)
    clip = torch.randint(0, 256, (1, steps, size, size, 3), dtype=torch.uint8)
    return Padded(clip, torch.tensor([steps]))


def test_maps_of_a_linear_model_are_its_weights_times_its_maps() -> None:
    torch.manual_seed(0)
    model = Weighted()
    x = Padded(torch.randn(1, 5, 3, 6, 7), torch.tensor([5]))
    maps = model.frame_encoder(x.data[0])
    for place in (0, 1):
        per_place = model.head.weight[place][:, None, None] / (5 * 6 * 7)
        expected = (per_place * maps).sum(dim=1).relu()
        found = grad_cam(model, model.frame_encoder, x, [place])
        torch.testing.assert_close(found, expected.detach())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not model.frame_encoder._forward_hooks


def action(features: Chain) -> Classification:
    torch.manual_seed(0)
    target = Class("label")
    answers = target.learn([("run",), ("hop",)], 3)
    model = Classifier(CnnRnn(PlainCnn(3, (4, 8)), 8, 8), 2)
    return Classification("action", "frames", target, features, model, answers, AdamW()).eval()


def test_every_frame_has_a_map_and_the_strongest_place_is_one() -> None:
    task, x = action(Chain([Pixels()])), frames(6)
    (prediction,) = task.predict(torch.tensor([0]), x)
    maps = saliency(task, x, prediction)
    assert maps.shape == (6, 8, 8)
    assert maps.min() >= 0 and maps.max() == 1
    place = task.answers.vocabulary.index(prediction.hypothesis)
    cam = grad_cam(task.model, task.model.encoder.frame_encoder, task.features(x), [place]).numpy()
    np.testing.assert_allclose(maps, cam / cam.max(), rtol=1e-6)


def test_a_frame_that_was_not_chosen_shows_what_the_nearest_one_does() -> None:
    task, x = action(Chain([Sample(Segments(3)), Pixels()])), frames(9)
    (prediction,) = task.predict(torch.tensor([0]), x)
    maps = saliency(task, x, prediction)
    assert maps.shape == (9, 8, 8)
    for first in (0, 3, 6):  # 1, 4 and 7 are chosen
        assert (maps[first : first + 3] == maps[first + 1]).all()
    assert not (maps[1] == maps[4]).all()


def test_of_several_labels_those_that_are_answered_are_explained() -> None:
    torch.manual_seed(0)
    target = Labels()
    answers = target.learn([("eat|read|sit",)], 3)
    model = Classifier(CnnRnn(PlainCnn(3, (4, 8)), 8, 8), 3)
    task = Labelling("labels", "frames", target, Chain([Pixels()]), model, answers, AdamW()).eval()
    x = frames(4)
    (prediction,) = task.predict(torch.tensor([0]), x)
    encoder = model.encoder.frame_encoder
    for hypothesis, places in (("eat|sit", [0, 2]), ("", None)):
        given = prediction._replace(hypothesis=hypothesis)
        likeliest = [task.labels.index(prediction.ranking[0])]
        cam = grad_cam(model, encoder, task.features(x), places or likeliest).numpy()
        np.testing.assert_allclose(saliency(task, x, given), cam / cam.max(), rtol=1e-6)


def test_a_captioner_shows_where_it_looked() -> None:
    torch.manual_seed(0)
    target = Captions()
    answers = target.learn([("a red dog",)], 3)
    encoder = CnnCells(PooledCnn(3, (4, 8)), 8, 2)
    model = AttentionCaptioner(encoder, len(answers.vocabulary), 8, 8, 8)
    features = Chain([Pixels()])
    task = Captioning("caption", "frames", target, features, model, answers, AdamW()).eval()
    x = frames(1)
    (prediction,) = task.predict(torch.tensor([0]), x)
    given = prediction._replace(hypothesis="a dog")
    looked = task.attention(x, "a dog").mean(dim=0).numpy()
    np.testing.assert_allclose(saliency(task, x, given), looked / looked.max(), rtol=1e-6)


def test_a_model_without_maps_is_refused() -> None:
    target = Class("label")
    answers = target.learn([("run",), ("hop",)], 4)
    model = Classifier(Recurrent(4, 4), 2)
    task = Classification("action", "features", target, Chain(), model, answers, AdamW()).eval()
    x = Padded.stack([torch.randn(3, 4)])
    (prediction,) = task.predict(torch.tensor([0]), x)
    with pytest.raises(ValueError, match="overlay: expected a run whose model has a frame enc"):
        saliency(task, x, prediction)
