"""Entropy of what methods teach with: on one plane, and on and off the predicted boundary of all unlabelled scans."""

import math
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dmd.report.panels import probes
from dmd.report.panels.drawing import WHITE, Look, Plane, bars, grey_window, outline, show
from dmd.report.panels.regions import fullest_plane, near_boundary
from dmd.report.panels.scene import Panel, Scene, pixel_frame, plane_of, say_empty
from dmd.report.style import BLUE, HEAT, ORANGE

PLACES = {"boundary": "within 2 voxels of the predicted boundary", "elsewhere": "elsewhere"}
KINDS = {"prediction": ("prediction (T = 1)", BLUE, ""), "guidance": ("guidance", ORANGE, "////")}


def panel(scene: Scene) -> Panel:
    """Draw the entropy of the guidance on one plane, and the means of prediction and guidance below."""
    shown = scene.cases[0]
    index = fullest_plane(shown.label > 0)
    numbers, first = _measure(scene)
    image = shown.image[..., index]
    maps = {label: (found.guidance[..., index], found.predicted[..., index]) for label, found in first.items()}
    largest = math.log(next(scene.trained())[2]["classes"])
    frame = pixel_frame(image=image, **{f"guidance {label}": plane for label, (plane, _) in maps.items()})
    empty = int(numbers["boundary_guidance"].isna().sum())
    note = f"{plane_of(shown, index)}{say_empty(empty, len(numbers), 'run, scan and network')}"
    return Panel(_draw(image, maps, numbers, largest), numbers, frame, note)


def _measure(scene: Scene) -> tuple[pd.DataFrame, dict[str, probes.Entropies]]:
    """Return the means of every run, case and peer, and the maps of peer 1 for the first case in the first seed."""
    lines: list[dict[str, Any]] = []
    first: dict[str, probes.Entropies] = {}
    for place, training, method, case in scene.visits():
        found = probes.entropies(method, case, training, scene.device)
        first.setdefault(place["label"], found[0])
        lines += [place | {"peer": peer} | means(of) for peer, of in enumerate(found, 1)]
    return pd.DataFrame(lines), first


def means(found: probes.Entropies) -> dict[str, float]:
    """Return the mean entropy of prediction and guidance at the predicted boundary and elsewhere; NaN of no voxel."""
    near = near_boundary(found.predicted)
    return {
        f"{place}_{kind}": float(values[where].mean()) if where.any() else np.nan
        for place, where in (("boundary", near), ("elsewhere", ~near))
        for kind, values in (("prediction", found.prediction), ("guidance", found.guidance))
    }


def _draw(image: Plane, maps: dict[str, tuple[Plane, Plane]], numbers: pd.DataFrame, largest: float) -> Figure:
    columns = 1 + len(maps)
    tall = 7.2 / columns * image.shape[1] / image.shape[0]
    figure = Figure(figsize=(7.2, tall + 3.6), layout="constrained")
    upper, lower = figure.subfigures(2, 1, squeeze=False, height_ratios=[tall + 0.6, 2.4]).ravel()
    pictures = upper.subplots(1, columns)
    show(pictures[0], image, **grey_window(image))
    pictures[0].set_title("scan")
    for axes, (label, (plane, predicted)) in zip(pictures[1:], maps.items(), strict=True):
        heat = show(axes, plane, cmap=HEAT, vmin=0, vmax=largest)
        outline(axes, predicted, "white", linewidths=0.5)
        axes.set_title(label)
    bar = upper.colorbar(heat, ax=pictures, location="bottom", shrink=0.5, aspect=40, pad=0.03)
    bar.set_label("entropy of the guidance (nat)")
    plots = lower.subplots(1, 2, sharey=True)
    for axes, (place, said) in zip(plots, PLACES.items(), strict=True):
        _bars(axes, numbers, place)
        axes.axhline(largest, color="black", linewidth=0.8, ls="--", label=f"largest possible ({largest:.3f})")
        axes.set(title=said, ylim=(0, 1.12 * largest), xlabel="", ylabel="mean entropy (nat per voxel)")
    lower.legend(*plots[0].get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False)
    return figure


def _bars(axes: Axes, numbers: pd.DataFrame, place: str) -> None:
    """Draw the mean over scans of every method and kind, and the standard deviation over scans."""
    kinds = {f"{place}_{kind}": said for kind, (said, _, _) in KINDS.items()}
    scans = numbers.groupby(["label", "case"], sort=False)[list(kinds)].mean().rename(columns=kinds)
    scans = scans.melt(var_name="kind", value_name="nats", ignore_index=False).reset_index()
    colours = [colour for _, colour, _ in KINDS.values()]
    look: Look = {"capsize": 0.08, "err_kws": {"color": "black", "linewidth": 0.8}, "errorbar": "sd"}
    sns.barplot(scans, x="label", y="nats", hue="kind", palette=colours, saturation=1, legend=False, ax=axes, **look)
    for drawn, (said, _, hatch) in zip(bars(axes), KINDS.values(), strict=True):
        drawn.set_label(said)
        for bar in drawn:
            bar.set(hatch=hatch, edgecolor="white", linewidth=0.5)
        axes.bar_label(drawn, fmt="%.3f", fontsize=6.5, label_type="center", bbox=WHITE)
