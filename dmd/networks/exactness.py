"""Whether this device computes convolutions of a run's shapes as they are defined.

Libraries have shipped kernels that do not, and say nothing (pytorch/pytorch#163539: 3-D convolutions in bf16 on a GPU;
on CPUs with bf16 instructions the gradient of weights where an axis is 2 voxels long).
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from dmd.devices import channels_last
from dmd.errors import InputError
from dmd.networks.kernels import Kernels

LEVELS = 5  # of both networks
# Largest relative error (of norms). Found: 2e-7 to 3e-6 in fp32, 3e-3 in bf16; TF32 rounds to 2^-11, 3e-4 by that.
# So what is computed in a lower precision than it says is found as well.
LIMITS = {"fp32": 1e-4, "tf32": 2e-3, "bf16": 2e-2}
RESULTS = ("output", "gradient of the input", "gradient of the weights")


def require_exact(settings: Mapping[str, Any], kernels: Kernels, device: torch.device) -> None:
    """Raise an `InputError` if a 3 x 3 (x 3) convolution of any level, or its gradient, is off.

    Parameters
    ----------
    settings : mapping
        Of a run; ``patch``, ``batch`` and ``network`` give the shapes: at level k the patch is halved k times and has
        2^k times the width as channels, in and out.
    kernels : Kernels
        How it is computed; in use already.
    device : torch.device
        Where.
    """
    limit = LIMITS[kernels.precision]
    for level in range(LEVELS):
        patch = [edge >> level for edge in settings["patch"]]
        channels = settings["network"]["width"] << level
        errors = _errors(patch, channels, settings["batch"]["size"], kernels, device)
        for what, error in zip(RESULTS, errors, strict=True):
            if not error <= limit:  # nor if it is NaN
                raise InputError(
                    f"in {kernels.precision} this device computes convolutions of {channels} channels on features of "
                    f"{'x'.join(map(str, patch))} voxels wrongly (the patch halved {level} times): "
                    f"the {what} is off by {error:.1g} of its size, expected at most {limit:g}. Set another precision "
                    "or patch for the scale, or use another device or version of torch"
                )


def _errors(
    patch: Sequence[int], channels: int, images: int, kernels: Kernels, device: torch.device
) -> Iterator[float]:
    """Yield how far each of the `RESULTS` lies from the definition, relative to its size.

    The images of the batch are the same, so that the definition is needed of one; the run's generator is left alone.
    """
    random = torch.Generator(device).manual_seed(0)
    sizes = (channels, *patch), (channels, channels, *[3] * len(patch)), (channels, *patch)
    values, weights, gradient = (torch.randn(*size, generator=random, device=device) for size in sizes)
    found = _computed(values.expand(images, *values.shape), weights, gradient, kernels)
    exact = torch.float64 if kernels.precision == "fp32" else torch.float32
    output, of_values, of_weights = _defined(values.to(exact), weights.to(exact), gradient.to(exact))
    for each, expected in zip(found, (output, of_values, images * of_weights), strict=True):
        sides = each.to(exact), expected.expand(each.shape)
        yield float((sides[0] - sides[1]).norm() / sides[1].norm())


def _computed(values: Tensor, weights: Tensor, gradient: Tensor, kernels: Kernels) -> tuple[Tensor, ...]:
    """Return output and gradients as the run computes them."""
    dimensions = values.ndim - 2
    order = channels_last(dimensions) if kernels.channels_last else torch.contiguous_format
    values, weights = (tensor.clone(memory_format=order).requires_grad_() for tensor in (values, weights))
    convolution = functional.conv3d if dimensions == 3 else functional.conv2d
    with kernels.autocast(values.device):
        output = convolution(values, weights, padding=1)
    output.backward(gradient.to(output.dtype).expand(output.shape))
    assert values.grad is not None and weights.grad is not None
    return output.detach(), values.grad, weights.grad


def _defined(values: Tensor, weights: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return output and gradients for one image ``(C, *S)``: sums over the places of the kernel of matrix products.

    No kernel for convolutions has a part in it.
    """
    dimensions = values.ndim - 1
    padded = functional.pad(values, [1] * 2 * dimensions)
    taps = weights.movedim((0, 1), (-2, -1))  # a matrix per place
    output, of_padded, of_taps = torch.zeros_like(gradient), torch.zeros_like(padded), torch.zeros_like(taps)
    for place in itertools.product(range(3), repeat=dimensions):
        window = (slice(None), *(slice(at, at + size) for at, size in zip(place, values.shape[1:], strict=True)))
        matrix, seen = taps[place], padded[window].flatten(1)
        output += (matrix @ seen).view_as(output)
        of_padded[window] += (matrix.T @ gradient.flatten(1)).view_as(values)
        of_taps[place] = gradient.flatten(1) @ seen.T
    inside = (slice(None), *(slice(1, -1) for _ in range(dimensions)))
    return output, of_padded[inside], of_taps.movedim((-2, -1), (0, 1))
