"""The probability of every class in the voxels of one case, where more than the most probable class is asked for."""

from typing import Any

import numpy as np
import torch
from torch import nn

from dmd.data.resize import zoom_nearest
from dmd.testing.inference import Watch, made_ready, probabilities_of, sliding_window


@torch.inference_mode()
def predict_probabilities(
    predictor: nn.Module, image: np.ndarray, settings: dict[str, Any], device: torch.device, watch: Watch = iter
) -> np.ndarray:
    """Return the probabilities ``(C, *S)`` of one case, float32, whose largest is what `predict_case` returns.

    Parameters as those of `dmd.testing.inference.predict_case`.
    """
    volume = torch.tensor(image, dtype=torch.float32)
    patch, precision = settings["patch"], settings["precision"]
    size = made_ready(predictor, settings, device)
    if settings["dimensions"] == 3:
        stride = settings["stride"]
        return sliding_window(predictor, volume, patch, stride, size, device, precision, watch).cpu().numpy()
    seen = []
    for planes in watch(zoom_nearest(volume.to(device), patch).split(size)):
        probabilities = zoom_nearest(probabilities_of(predictor, planes, precision), volume.shape[1:])
        probabilities[:, 0][probabilities.sum(dim=1) == 0] = 1  # a last pixel that `zoom_nearest` has outside
        seen.append(probabilities.cpu())
    return torch.cat(seen).movedim(1, 0).numpy()
