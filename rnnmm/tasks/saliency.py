"""Which parts of which frames an answer rests on."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rnnmm.batch import Padded
from rnnmm.features.sample import kept_places
from rnnmm.tasks.captioning import Captioning
from rnnmm.tasks.labelled import LabelledTask
from rnnmm.tasks.labelling import Labelling
from rnnmm.tasks.task import Prediction, Task


def saliency(task: Task, inputs: Padded, prediction: Prediction) -> NDArray[np.float32]:
    """How much each place of each frame has moved a task's answer.

    Of labels it is their score that is explained, by Grad-CAM on the frame encoder's last maps;
    where none is answered, that of the likeliest. Of a caption it is where the model looked,
    averaged over its words. A frame that was not chosen (`rnnmm.features.sample`) shows what the
    nearest one that was shows.

    Args:
        task: trained, in evaluation mode.
        inputs: raw, of one item: ``(1, T, H, W, C)``.
        prediction: the task's own, of this item.

    Returns:
        ``(T, h, w)`` in 0..1, 1 where most does; all 0 where nothing spoke for the answer.

    Raises:
        ValueError: The task's model has no maps of frames to look at.
    """
    if isinstance(task, Captioning):
        maps = task.attention(inputs, prediction.hypothesis).mean(dim=0)  # (T', g, g)
    elif isinstance(task, LabelledTask):
        classes = [task.answers.vocabulary.index(name) for name in _explained(task, prediction)]
        maps = grad_cam(task.model, _frame_encoder(task), task.features(inputs), classes)
    else:
        raise _no_maps(task)
    num_frames = int(inputs.lengths[0])
    places = kept_places(task.features, num_frames)
    return _spread(maps.cpu().numpy(), places.numpy(), num_frames)


def grad_cam(
    model: nn.Module, frame_encoder: nn.Module, frames: Padded, classes: Sequence[int]
) -> Tensor:
    """Gradient-weighted class activation maps of every frame.

    Each map counts by the mean of the score's gradient over its places; what speaks against the
    classes is left out. Parameters get no gradient.

    Args:
        model: features to scores ``(1, K)``.
        frame_encoder: part of it: ``(T, C, H, W)`` to maps ``(T, D, h, w)``.
        frames: features of one item, ``(1, T, C, H, W)``, without padding.
        classes: whose scores are added.

    Returns:
        ``(T, h, w)`` >= 0.

    Source:
        Selvaraju et al. 2017, "Grad-CAM", arXiv 1610.02391, equations 1 and 2.
    """
    seen: list[Tensor] = []

    def watch(module: nn.Module, args: object, maps: Tensor) -> Tensor:
        seen.append(maps.detach().requires_grad_())
        return seen[-1]

    handle = frame_encoder.register_forward_hook(watch)
    try:
        # In evaluation mode cuDNN's recurrence knows no gradient.
        with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
            scores = model(frames)
            (gradient,) = torch.autograd.grad(scores[0, list(classes)].sum(), seen)
    finally:
        handle.remove()
    weights = gradient.mean(dim=(2, 3), keepdim=True)  # (T, D, 1, 1)
    return (weights * seen[0].detach()).sum(dim=1).relu()  # (T, h, w)


def _explained(task: LabelledTask, prediction: Prediction) -> Sequence[str]:
    """The labels whose scores are to be explained."""
    if isinstance(task, Labelling):
        return task.target.read(prediction.hypothesis) or prediction.ranking[:1]
    return [prediction.hypothesis]


def _frame_encoder(task: Task) -> nn.Module:
    found = getattr(getattr(task.model, "encoder", None), "frame_encoder", None)
    if not isinstance(found, nn.Module):
        raise _no_maps(task)
    return found


def _no_maps(task: Task) -> ValueError:
    return ValueError(
        f"overlay: expected a run whose model has a frame encoder (rnnmm.nn.frame) and answers "
        f"labels or captions, got one of task {task.name}; leave out overlay"
    )


def _spread(
    maps: NDArray[np.float32], places: NDArray[np.int64], num_frames: int
) -> NDArray[np.float32]:
    """Maps of the frames at some places, scaled to at most 1, to those of all frames."""
    middles = (places[1:] + places[:-1]) / 2
    nearest = np.searchsorted(middles, np.arange(num_frames))
    scaled: NDArray[np.float32] = maps / max(float(maps.max()), 1e-12)
    return scaled[nearest]
