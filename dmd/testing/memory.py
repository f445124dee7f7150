"""How many images a network is shown at once: as many as are fast and the device has memory for."""

import torch
from torch import Tensor, nn

from dmd.devices import free_bytes

# Of a network that is only used: more images cost memory and gain nothing (measured on a CPU with V-Net and U-Net; on
# a GPU our choice, where one window of paper's size, a million voxels of 16 channels, occupies all of it).
ON_CPU, ON_GPU = 4, 16
SHARE = 2  # of the free memory one half: libraries take some for themselves, and another training may want some


@torch.inference_mode()
def images_at_once(predictor: nn.Module, image: Tensor, autocast: torch.autocast) -> int:
    """Return how many images like ``(1, 1, *S)``, which lies on the device, the network can be shown at once."""
    if image.device.type == "cpu":
        return ON_CPU
    with autocast:
        needed = bytes_computed(predictor, image)
    return fitting(free_bytes(image.device), needed)


def fitting(free: int, needed: int) -> int:
    """Return how many images fit, each of which needs so many bytes; at least one.

    >>> fitting(60 * 10**9, 10**9), fitting(10 * 10**9, 10**9), fitting(10**9, 10**9)
    (16, 5, 1)
    """
    return max(1, min(ON_GPU, free // SHARE // needed))


def bytes_computed(predictor: nn.Module, image: Tensor) -> int:
    """Return the bytes of everything that the layers of a network compute from an image: no less than it needs."""
    sizes: list[int] = []

    def note(module: nn.Module, given: object, computed: object) -> None:
        if isinstance(computed, Tensor):
            sizes.append(computed.nbytes)

    hooks = [module.register_forward_hook(note) for module in predictor.modules()]
    try:
        # Of a network that is compiled the hooks would make another program each time.
        with torch.compiler.set_stance("force_eager"):
            predictor(image)
    finally:
        for hook in hooks:
            hook.remove()
    return sum(sizes)
