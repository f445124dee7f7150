"""What the pictures of trained networks share: the scene they are drawn from and what they give back."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dmd.data.store import Case
from dmd.planning.plan import Artefact, Row
from dmd.report.style import bare
from dmd.runs.folder import RunFolder


@dataclass(frozen=True)
class Scene:
    """An artefact, the folder of its runs, the unlabelled cases they share and the device to compute on."""

    artefact: Artefact
    runs: Path
    cases: list[Case]
    device: Any

    def trained(self) -> Iterator[tuple[Row, RunFolder, dict[str, Any]]]:
        """Yield every run with its row and settings, row by row, the first seed first."""
        for row in self.artefact.rows:
            for name in row.runs:
                run = RunFolder(self.runs / name)
                yield row, run, run.read_spec().training


@dataclass(frozen=True)
class Panel:
    """A figure, the ``numbers`` and ``pixels`` (one line per pixel of the plane) in it, and what to say of them."""

    figure: Figure
    numbers: pd.DataFrame
    pixels: pd.DataFrame
    note: str


def plane_of(case: Case, index: int) -> str:
    """Name what is shown, for the note of a panel."""
    return f"Shown: {case.name}, plane {index + 1} of {case.image.shape[2]}."


def say_empty(empty: int, total: int, each: str) -> str:
    """Say for the note of a panel how many predictions, one per ``each``, have no boundary to measure at.

    >>> say_empty(1, 24, "run and scan")
    ' Left out at the boundary, as nothing is predicted: 1 of 24 (one per run and scan).'
    """
    return f" Left out at the boundary, as nothing is predicted: {empty} of {total} (one per {each})." if empty else ""


def pixel_frame(**planes: np.ndarray) -> pd.DataFrame:
    """Return planes ``(X, Y)`` of one size as columns, after the voxel indices x and y."""
    x, y = np.indices(next(iter(planes.values())).shape)
    return pd.DataFrame({"x": x.ravel(), "y": y.ravel()} | {name: plane.ravel() for name, plane in planes.items()})


def show(axes: Axes, plane: np.ndarray, **how: Any) -> Any:
    """Draw a plane ``(X, Y)`` with x to the right and y downwards; return the image for a colour bar."""
    bare(axes)
    return axes.imshow(np.swapaxes(plane, 0, 1), interpolation="nearest", **how)


def outline(axes: Axes, plane: np.ndarray, colour: str, **how: Any) -> None:
    """Draw the outline of a boolean plane ``(X, Y)``; nothing for an empty or full one."""
    if plane.any() and not plane.all():
        axes.contour(plane.T, [0.5], colors=[colour], **how)


def grey_window(image: np.ndarray) -> dict[str, Any]:
    """Return how a scan is shown: grey, from its 1st to its 99th percentile."""
    low, high = np.percentile(image, (1, 99))
    return {"cmap": "gray", "vmin": low, "vmax": high}
