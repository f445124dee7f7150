"""What the pictures of trained networks share: the scene they are drawn from and what they give back."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from dmd.data.store import Case
from dmd.planning.plan import Artefact, Row
from dmd.progress import Progress
from dmd.report.naming import picture_name
from dmd.runs.folder import RunFolder
from dmd.training import snapshots

Visit = tuple[dict[str, Any], dict[str, Any], Any, Case]
Load = Callable[[RunFolder, dict[str, Any], int, Any], Any]
LAST: Load = lambda run, training, step, device: snapshots.load_trained(run, training, device)  # noqa: E731


@dataclass(frozen=True)
class Scene:
    """An artefact, the folder of its runs, the unlabelled cases they share and the device to compute on."""

    artefact: Artefact[Any]
    runs: Path
    cases: list[Case]
    device: Any

    def trained(self) -> Iterator[tuple[Row, RunFolder, dict[str, Any]]]:
        """Yield every run with its row and settings, row by row, the first seed first."""
        for row in self.artefact.rows:
            for name in row.runs:
                run = RunFolder(self.runs / name)
                yield row, run, run.read_spec().training

    def visits(self, load: Load = LAST, steps: Callable[[int], list[int]] = lambda last: [last]) -> Iterator[Visit]:
        """Yield every case with what is loaded of every run at each of the steps that a training of a length has.

        First stands how its numbers are told from others, then the settings of the run, the network and the case.
        """
        work = [(*found, step) for found in self.trained() for step in steps(found[2]["iterations"])]
        progress, done = Progress(self.artefact.name, len(work) * len(self.cases)), itertools.count(1)
        for row, run, training, step in work:
            network = load(run, training, step, self.device)
            place = {
                "method": row.method,
                "label": picture_name(row),
                "run": run.id,
                "seed": training["seed"],
                "step": step,
            }
            for case in self.cases:
                yield place | {"case": case.name}, training, network, case
                progress.report(next(done))


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
