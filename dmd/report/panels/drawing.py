"""How planes of scans are drawn: pictures, outlines and the numbers on bars."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.container import BarContainer

Plane = np.ndarray  # (X, Y)
Look = dict[str, Any]  # keywords of a function that draws
WHITE = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}  # behind a number on a bar


def show(axes: Axes, plane: np.ndarray, **how: Any) -> Any:
    """Draw a plane ``(X, Y)`` with x to the right and y downwards; return the image for a colour bar."""
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(visible=True, linewidth=0.5)
    return axes.imshow(np.swapaxes(plane, 0, 1), interpolation="nearest", **how)


def outline(axes: Axes, plane: np.ndarray, colour: str, **how: Any) -> None:
    """Draw the outline of a boolean plane ``(X, Y)``; nothing for an empty or full one."""
    if plane.any() and not plane.all():
        axes.contour(plane.T, [0.5], colors=[colour], **how)


def bars(axes: Axes) -> list[BarContainer]:
    """Return the groups of bars of a plot."""
    return [drawn for drawn in axes.containers if isinstance(drawn, BarContainer)]


def grey_window(image: np.ndarray) -> dict[str, Any]:
    """Return how a scan is shown: grey, from its 1st to its 99th percentile."""
    low, high = np.percentile(image, (1, 99))
    return {"cmap": "gray", "vmin": low, "vmax": high}
