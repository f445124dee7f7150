"""Fig. 2: the pseudo labels of a scan while methods train, and their Dice over all unlabelled scans."""

from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from dmd.report.panels.drawing import Look, outline, show
from dmd.report.panels.probes import pseudo_label
from dmd.report.panels.regions import fullest_plane
from dmd.report.panels.scene import Panel, Scene, pixel_frame, plane_of
from dmd.report.style import LINES, VERMILION
from dmd.testing.metrics import mean_dice
from dmd.training import snapshots

Masks = dict[tuple[str, int], np.ndarray]  # of the shown plane, by label of the method and step


def panel(scene: Scene) -> Panel:
    """Draw one row of pseudo labels per method and the curves below; the first seed is shown, all are averaged."""
    shown = scene.cases[0]
    index = fullest_plane(shown.label > 0)
    numbers, masks = _measure(scene, index)
    truth = shown.label[..., index] > 0
    pixels = {f"{label} step {step}": mask.astype(int) for (label, step), mask in masks.items()}
    frame = pixel_frame(image=shown.image[..., index], ground_truth=truth.astype(int), **pixels)
    return Panel(_draw(numbers, masks, truth), numbers, frame, plane_of(shown, index))


def _measure(scene: Scene, index: int) -> tuple[pd.DataFrame, Masks]:
    lines: list[dict[str, Any]] = []
    masks: Masks = {}
    visits = scene.visits(snapshots.load_snapshot, lambda last: [*snapshots.steps(last), last])
    for place, training, predictor, case in visits:
        mask = pseudo_label(predictor, case, training, scene.device)
        masks.setdefault((place["label"], place["step"]), mask[..., index])  # of the first case and seed
        dice = 100 * mean_dice(mask, case.label > 0, classes=2)
        lines.append(place | {"fraction": place["step"] / training["iterations"], "dice": dice})
    return pd.DataFrame(lines), masks


def _draw(numbers: pd.DataFrame, masks: Masks, truth: np.ndarray) -> Figure:
    labels = list(dict.fromkeys(label for label, _ in masks))
    columns = max(sum(label == of for of, _ in masks) for label in labels)
    width, height = truth.shape
    tall = 7.2 / (columns + 0.3) * height / width
    figure = Figure(figsize=(7.2, len(labels) * (tall + 0.25) + 3.0), layout="constrained")
    upper, lower = figure.subfigures(2, 1, squeeze=False, height_ratios=[len(labels) * (tall + 0.25), 2.2]).ravel()
    pictures = upper.subplots(len(labels), columns, squeeze=False)
    for line, label in zip(pictures, labels, strict=True):
        line[0].set_ylabel(label, fontsize=9, fontweight="bold")
        steps = [step for of, step in masks if of == label]
        for axes, step in zip(line, steps, strict=True):
            mask = masks[label, step]
            _overlay(axes, mask, truth)
            axes.set_title(f"step {step}: Dice of plane {100 * mean_dice(mask, truth, classes=2):.1f} %", fontsize=7)
    _curves(lower.subplots(), numbers, labels)
    return figure


def _overlay(axes: Axes, mask: np.ndarray, truth: np.ndarray) -> None:
    """Colour the pseudo label over the white ground truth, whose outline stays visible on both."""
    colours = np.zeros((*truth.shape, 3))
    colours[truth] = 1
    colours[mask] = to_rgb(VERMILION)
    show(axes, colours)
    outline(axes, truth, "white", linewidths=0.9)


def _curves(axes: Axes, numbers: pd.DataFrame, labels: list[str]) -> None:
    """Draw the mean over scans, averaged over seeds, and the standard deviation over scans."""
    scans = numbers.groupby(["label", "step", "case"], sort=False)["dice"].mean().reset_index()
    looks = LINES[: len(labels)][::-1]  # the last method looks like DMD in the other figures
    colours, dashes, markers = map(list, zip(*looks, strict=True))
    look: Look = {"palette": colours, "linestyles": dashes, "markers": markers, "markersize": 4.5, "linewidth": 1.5}
    bars: Look = {"errorbar": "sd", "capsize": 0.2, "err_kws": {"linewidth": 0.8}, "dodge": True, "native_scale": True}
    sns.pointplot(scans, x="step", y="dice", hue="label", hue_order=labels, ax=axes, legend=True, **look, **bars)
    axes.set_xticks(sorted(set(numbers["step"])))
    axes.set(xlabel="training step", ylabel="Dice of the pseudo labels (%)", xlim=(0, None))
    axes.grid(axis="y")
    axes.legend().remove()
    handles, names = axes.get_legend_handles_labels()
    axes.figure.legend(handles, names, loc="outside upper center", ncols=len(labels), frameon=False, handlelength=3.2)
