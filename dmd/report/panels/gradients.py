"""Fig. 3(a): where the gradient of distillation losses lies, on one plane and over all unlabelled scans."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from dmd.planning.artefacts import Loss
from dmd.report.curves import NAMES
from dmd.report.panels import probes
from dmd.report.panels.drawing import WHITE, Plane, bars, grey_window, outline, show
from dmd.report.panels.regions import ZONES, fullest_plane, outer_branch, shares, zones
from dmd.report.panels.scene import Panel, Scene, pixel_frame, plane_of, say_empty
from dmd.report.style import BLUE, HEAT, ORANGE, VERMILION

BRIGHTEST = 99.8  # percentile of a plane from which its colours saturate

# Looks of the zones in the order of the bars, foreground inwards first; hatched near the boundary.
BARS = {
    "foreground": ("foreground, further inside", BLUE, ""),
    "foreground_near_boundary": ("foreground within 2 voxels of the boundary", BLUE, "////"),
    "background_near_boundary": ("background within 2 voxels of the boundary", ORANGE, "////"),
    "background": ("background, further outside", ORANGE, ""),
}


def panel(scene: Scene) -> Panel:
    """Draw the plane with the gradients of every loss, their enlarged branch, and the shares of their energy."""
    losses, shown = scene.artefact.form.losses, scene.cases[0]
    numbers, found = _measure(scene, losses)
    index = fullest_plane(shown.label > 0)
    planes = [size[..., index] for size in found.sizes]
    predicted, truth = found.predicted[..., index], shown.label[..., index] > 0
    image = shown.image[..., index]
    figure = _draw(image, predicted, truth, dict(zip(map(loss_name, losses), planes, strict=True)), numbers)
    columns = {f"gradient {loss_name(loss)}": plane for loss, plane in zip(losses, planes, strict=True)}
    frame = pixel_frame(image=image, ground_truth=truth.astype(int), predicted=predicted.astype(int), **columns)
    empty = numbers.drop_duplicates(["run", "case"])["predicted_voxels"].eq(0)
    note = f"{plane_of(shown, index)}{say_empty(empty.sum(), len(empty), 'run and scan')}"
    return Panel(figure, numbers, frame, note)


def loss_name(loss: Loss) -> str:
    """Return the name that a loss has in the figure and its files."""
    return f"{NAMES[loss.divergence]}, λ = {loss.weight:g}, T = {loss.temperature:g}"


def _measure(scene: Scene, losses: list[Loss]) -> tuple[pd.DataFrame, probes.Gradients]:
    """Return the shares of every run, case and loss, and the gradients of the first case in the first run."""
    lines: list[dict[str, Any]] = []
    first: list[probes.Gradients] = []
    for place, training, method, case in scene.visits():
        found = probes.gradients(method, case, losses, training, scene.device)
        first = first or [found]
        lines += _lines(found, losses, place)
    return pd.DataFrame(lines), first[0]


def _lines(found: probes.Gradients, losses: list[Loss], place: dict[str, Any]) -> Iterator[dict[str, Any]]:
    zone, count = zones(found.predicted), int(np.count_nonzero(found.predicted))
    volume = {f"voxels_{name}": share for name, share in shares(np.ones_like(zone), zone).items()}
    for loss, size in zip(losses, found.sizes, strict=True):
        energy = shares(np.square(size, dtype=np.float64), zone) if count else dict.fromkeys(ZONES, np.nan)
        named = {f"energy_{name}": share for name, share in energy.items()}
        yield place | {"loss": loss_name(loss), "predicted_voxels": count} | named | volume


def _draw(image: Plane, predicted: Plane, truth: Plane, planes: dict[str, Plane], numbers: pd.DataFrame) -> Figure:
    box = outer_branch(truth)
    rows, columns = (2 if box else 1), 1 + len(planes)
    tall = 7.2 / columns * image.shape[1] / image.shape[0]
    upper_height = rows * tall + 0.7
    figure = Figure(figsize=(7.2, upper_height + 2.6), layout="constrained")
    upper, lower = figure.subfigures(2, 1, squeeze=False, height_ratios=[upper_height, 1.9]).ravel()
    *pictures, scales = upper.subplots(rows + 1, columns, squeeze=False, height_ratios=[tall] * rows + [0.08])
    pictures[0][0].set_title("scan")
    scales[0].set_axis_off()
    for line in pictures:
        show(line[0], image, **grey_window(image))
        outline(line[0], truth, VERMILION, linewidths=0.9, linestyles="dashed")
        outline(line[0], predicted, "white", linewidths=0.9)
    for column, (name, plane) in enumerate(planes.items(), 1):
        pictures[0][column].set_title(name)
        for line in pictures:
            heat = show(line[column], plane, cmap=HEAT, vmin=0, vmax=np.percentile(plane, BRIGHTEST))
            outline(line[column], predicted, "white", linewidths=0.6)
        bar = upper.colorbar(heat, cax=scales[column], orientation="horizontal", extend="max", ticks=MaxNLocator(4))
        bar.formatter.set_powerlimits((-2, 2))
        bar.ax.tick_params(labelsize=6.5)
    scales[0].text(0.5, 1, "|gradient| of a voxel's logit", ha="center", va="top", fontsize=7)
    if box:
        _enlarge(pictures, box)
    _bars(lower.subplots(), numbers)
    return figure


def _enlarge(rows: list[np.ndarray], box: tuple[slice, slice]) -> None:
    """Mark the box in the first row and show nothing else in the second."""
    (left, right), (top, bottom) = ((side.start - 0.5, side.stop - 0.5) for side in box)
    for axes in rows[0]:
        axes.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor=ORANGE, linewidth=1.4))
    for axes in rows[1]:
        axes.set(xlim=(left, right), ylim=(bottom, top))
        for spine in axes.spines.values():
            spine.set(edgecolor=ORANGE, linewidth=1.4)
    rows[1][0].set_ylabel("outer branch")


def _bars(axes: Axes, numbers: pd.DataFrame) -> None:
    """Draw one bar per loss, and one of the voxels themselves, divided into zones."""
    shares = 100 * numbers.groupby("loss", sort=False)[[f"energy_{zone}" for zone in BARS]].mean()
    voxels = numbers[numbers["predicted_voxels"] > 0].drop_duplicates(["run", "case"])
    shares.loc["share of the voxels"] = [100 * voxels[f"voxels_{zone}"].mean() for zone in BARS]
    colours: list[Any] = [colour for _, colour, _ in BARS.values()]
    shares.plot.barh(stacked=True, ax=axes, width=0.8, color=colours, edgecolor="white", linewidth=0.8, legend=False)
    for drawn, (label, _, hatch) in zip(bars(axes), BARS.values(), strict=True):
        drawn.set_label(label)
        for bar in drawn:
            bar.set_hatch(hatch)
        names = [f"{share:.0f}" if share >= 5 else "" for share in np.asarray(drawn.datavalues)]
        axes.bar_label(drawn, names, label_type="center", fontsize=7, bbox=WHITE)
    axes.invert_yaxis()
    axes.set(xlim=(0, 100), ylabel="", xlabel="share of the gradient energy (%)")
    axes.figure.legend(loc="outside upper center", ncols=2, frameon=False)
