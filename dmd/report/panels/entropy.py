"""Entropy of what methods teach with: on one plane, and on and off the predicted boundary of all unlabelled scans."""

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dmd.progress import Progress
from dmd.report.panels import probes
from dmd.report.panels.regions import fullest_plane, near_boundary
from dmd.report.panels.scene import Panel, Scene, grey_window, outline, pixel_frame, plane_of, say_empty, show
from dmd.report.style import BLUE, HEAT, ORANGE
from dmd.training import snapshots

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
    columns = {f"guidance {label}": plane for label, (plane, _) in maps.items()}
    frame = pixel_frame(image=image, **columns)
    empty = int(numbers["boundary_guidance"].isna().sum())
    note = f"{plane_of(shown, index)}{say_empty(empty, len(numbers), 'run, scan and network')}"
    return Panel(_draw(image, maps, numbers, largest), numbers, frame, note)


def _measure(scene: Scene) -> tuple[pd.DataFrame, dict[str, probes.Entropies]]:
    """Return the means of every run, case and peer, and the maps of peer 1 for the first case in the first seed."""
    lines, first = [], {}
    trained = list(scene.trained())
    progress, done = Progress(scene.artefact.name, len(trained) * len(scene.cases)), 0
    for row, run, training in trained:
        method = snapshots.load_trained(run, training, scene.device)
        for case in scene.cases:
            for peer, found in enumerate(probes.entropies(method, case, training, scene.device), 1):
                first.setdefault(row.label, found)
                place = {"method": row.method, "label": row.label, "run": run.id, "seed": training["seed"]}
                lines.append(place | {"case": case.name, "peer": peer} | means(found))
            done += 1
            progress.report(done)
    return pd.DataFrame(lines), first


def means(found: probes.Entropies) -> dict[str, float]:
    """Return the mean entropy of prediction and guidance at the predicted boundary and elsewhere; NaN of no voxel."""
    near = near_boundary(found.predicted)
    return {
        f"{place}_{kind}": float(values[where].mean()) if where.any() else np.nan
        for place, where in (("boundary", near), ("elsewhere", ~near))
        for kind, values in (("prediction", found.prediction), ("guidance", found.guidance))
    }


def _draw(
    image: np.ndarray, maps: dict[str, tuple[np.ndarray, np.ndarray]], numbers: pd.DataFrame, largest: float
) -> Figure:
    columns = 1 + len(maps)
    tall = 7.2 / columns * image.shape[1] / image.shape[0]
    figure = Figure(figsize=(7.2, tall + 0.6 + 3.4), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=[tall + 0.6, 2.4])
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
        _bars(axes, numbers, place, list(maps))
        axes.axhline(
            largest, color="black", linewidth=0.8, ls="--", zorder=1, label=f"largest possible ({largest:.3f})"
        )
        axes.set_title(said)
        axes.set_ylim(0, 1.12 * largest)
    plots[0].set_ylabel("mean entropy (nat per voxel)")
    handles, labels = plots[0].get_legend_handles_labels()
    lower.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False)
    return figure


def _bars(axes: Axes, numbers: pd.DataFrame, place: str, labels: list[str]) -> None:
    for side, (kind, (said, colour, hatch)) in zip((-0.2, 0.2), KINDS.items(), strict=True):
        scans = numbers.groupby(["label", "case"])[f"{place}_{kind}"].mean().groupby("label")
        mean, deviation = scans.mean()[labels], scans.std()[labels]
        x = np.arange(len(labels)) + side
        axes.bar(x, mean, 0.38, label=said, color=colour, hatch=hatch, edgecolor="white", linewidth=0.5)
        axes.errorbar(x, mean, yerr=deviation, fmt="none", ecolor="black", elinewidth=0.8, capsize=2)
        for where, value, spread in zip(x, mean, deviation, strict=True):
            top = value + (0 if np.isnan(spread) else spread)
            at = {"xytext": (0, 2.5), "textcoords": "offset points", "ha": "center", "fontsize": 6.5}
            axes.annotate(
                f"{value:.3f}", (where, top), bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.4}, **at
            )
    axes.set_xticks(range(len(labels)), labels)
