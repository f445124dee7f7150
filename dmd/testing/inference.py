"""Segment one case with a trained predictor: overlapping windows in 3-D, slice by slice in 2-D."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dmd.data.resize import zoom_nearest
from dmd.errors import InputError
from dmd.networks.kernels import Kernels
from dmd.testing.memory import images_at_once

Watch = Callable[[Sequence[Any]], Iterable[Any]]  # goes through the batches of a case and may say how far it is


def predict_case(
    predictor: nn.Module, image: np.ndarray, settings: dict[str, Any], device: torch.device, watch: Watch = iter
) -> np.ndarray:
    """Return the label map of one case.

    Parameters
    ----------
    predictor
        Maps images ``(B, 1, *S)`` to class probabilities ``(B, C, *S)`` and lies on ``device``. It is put
        into evaluation mode, and its weights into the run's order of axes; their values stay as they are.
    image
        ``(X, Y, Z)``, or ``(slices, Y, X)`` of a data set that is segmented in 2-D; float32.
    settings
        `dmd.planning.identity.Spec.inference`: ``dimensions``, ``patch``, ``precision``, where it is not the default
        ``channels_last`` and, in 3-D, ``stride``.
    device
        Where to compute.
    watch
        Goes through the batches, e.g. with a report on each.

    Returns
    -------
    np.ndarray
        Most probable class, uint8, in the shape of the image; of equally probable ones the first, so that
        with two classes a voxel is foreground where p > 1/2.
    """
    volume = torch.tensor(image, dtype=torch.float32)
    patch, precision = settings["patch"], settings["precision"]
    size = made_ready(predictor, settings, device)
    if settings["dimensions"] == 2:
        labels = slice_by_slice(predictor, volume, patch, size, device, precision, watch)
    else:
        stride = settings["stride"]
        labels = sliding_window(predictor, volume, patch, stride, size, device, precision, watch).argmax(dim=0)
    return labels.to(torch.uint8).cpu().numpy()


def made_ready(predictor: nn.Module, settings: dict[str, Any], device: torch.device) -> int:
    """Have a predictor compute as its run did, and return how many images it can be shown at once."""
    kernels = Kernels.from_settings(settings)
    kernels.placed(predictor, device, settings["dimensions"]).eval()
    return images_at_once(predictor, torch.zeros(1, 1, *settings["patch"], device=device), kernels.autocast(device))


@torch.inference_mode()
def sliding_window(
    predictor: nn.Module,
    image: Tensor,
    patch: Sequence[int],
    stride: Sequence[int],
    batch_size: int,
    device: torch.device,
    precision: str = "fp32",
    watch: Watch = iter,
) -> Tensor:
    """Return the mean over all windows of the class probabilities of each voxel.

    The windows are those of yulequan/UA-MT:code/test_util.py (`window_starts` on each axis). An axis smaller
    than the patch is padded with zeros, half of the deficit before (rounded down) and half after, and cropped
    back. Sums and visit counts lie on ``device`` in float32, 4 (C + 1) bytes per voxel: 35 MB for the largest
    test scan of LA.

    Parameters
    ----------
    predictor
        Maps windows ``(B, 1, *patch)`` to class probabilities ``(B, C, *patch)``; it lies on ``device`` and
        is put into evaluation mode.
    image
        ``(X, Y, Z)``.
    patch, stride
        Size of a window and step between windows, per axis; 1 <= stride <= patch.
    batch_size
        Windows computed at once; changes nothing but rounding.
    device
        Where to compute.
    precision
        As in `dmd.networks.kernels.Kernels`; probabilities are always summed in float32.
    watch
        As in `predict_case`.

    Returns
    -------
    Tensor
        ``(C, X, Y, Z)`` float32 on ``device``; sums to 1 over the classes.

    Raises
    ------
    InputError
        The stride leaves gaps, or image, patch and stride differ in dimensions.
    """
    if not image.ndim == len(patch) == len(stride):
        raise InputError(
            f"expected one size of patch and stride per axis of the image {tuple(image.shape)}, "
            f"found patch {list(patch)} and stride {list(stride)}"
        )
    predictor.eval()
    volume, inside = padded(image.to(device, torch.float32), patch)
    starts = itertools.product(*map(window_starts, volume.shape, patch, stride))
    windows = [tuple(slice(a, a + length) for a, length in zip(start, patch, strict=True)) for start in starts]
    total, visits = None, torch.zeros_like(volume)
    for batch in watch([windows[first : first + batch_size] for first in range(0, len(windows), batch_size)]):
        probabilities = probabilities_of(predictor, torch.stack([volume[window] for window in batch]), precision)
        if total is None:
            total = volume.new_zeros((probabilities.shape[1], *volume.shape))
        for window, seen in zip(batch, probabilities, strict=True):
            total[:, *window] += seen
            visits[window] += 1
    assert total is not None  # an image has at least one window
    return total.div_(visits)[:, *inside]


@torch.inference_mode()
def slice_by_slice(
    predictor: nn.Module,
    image: Tensor,
    plane: Sequence[int],
    batch_size: int,
    device: torch.device,
    precision: str = "fp32",
    watch: Watch = iter,
) -> Tensor:
    """Return the label map of a stack of slices, each resized to the plane the network was trained on.

    Slices and label maps are resized with `zoom_nearest`, as in HiLab-git/SSL4MIS:code/test_2D_fully.py.

    Parameters
    ----------
    predictor
        Maps planes ``(B, 1, *plane)`` to class probabilities ``(B, C, *plane)``; it lies on ``device`` and
        is put into evaluation mode.
    image
        ``(slices, Y, X)``.
    plane
        Size the network sees.
    batch_size, device, precision, watch
        As in `sliding_window`.

    Returns
    -------
    Tensor
        ``(slices, Y, X)`` uint8 on ``device``.
    """
    if not (image.ndim == 3 and len(plane) == 2):
        raise InputError(
            f"expected an image (slices, Y, X) and a plane of two sizes, found {tuple(image.shape)} and {list(plane)}"
        )
    predictor.eval()
    planes = zoom_nearest(image.to(device, torch.float32), plane)
    labels = [probabilities_of(predictor, batch, precision).argmax(dim=1) for batch in watch(planes.split(batch_size))]
    return zoom_nearest(torch.cat(labels).to(torch.uint8), image.shape[1:])


def window_starts(size: int, patch: int, stride: int) -> list[int]:
    """Return where the windows along one axis begin.

    ``min(k * stride, size - patch)``, k = 0 .. ceil((size - patch) / stride): the last window ends with the
    axis, so the last step may be shorter than the stride.

    >>> window_starts(size=175, patch=112, stride=18)
    [0, 18, 36, 54, 63]

    Raises
    ------
    InputError
        The window does not fit, or the stride leaves gaps between windows.
    """
    if not 1 <= stride <= patch <= size:
        raise InputError(
            f"sliding window: expected 1 <= stride <= patch <= size, found stride {stride}, patch {patch}, "
            f"size {size}; change stride or patch in config/scales.yaml"
        )
    steps = -(-(size - patch) // stride)
    return [min(step * stride, size - patch) for step in range(steps + 1)]


def probabilities_of(predictor: nn.Module, images: Tensor, precision: str) -> Tensor:
    """Return the class probabilities ``(B, C, *S)`` of images ``(B, *S)`` in float32."""
    with Kernels(precision).autocast(images.device):
        return predictor(images[:, None]).float()


def padded(image: Tensor, patch: Sequence[int]) -> tuple[Tensor, tuple[slice, ...]]:
    """Return the image, at least as large as the patch, and where in it the given one lies."""
    shape = [max(size, length) for size, length in zip(image.shape, patch, strict=True)]
    before = [(large - size) // 2 for large, size in zip(shape, image.shape, strict=True)]
    inside = tuple(slice(start, start + size) for start, size in zip(before, image.shape, strict=True))
    padded = image.new_zeros(shape)
    padded[inside] = image
    return padded, inside
