import math

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import tiny_testing, tiny_training
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from dmd.data.store import load_store
from dmd.errors import InputError
from dmd.planning import plan
from dmd.planning.artefacts import Panel
from dmd.planning.identity import Spec
from dmd.report.panels import pseudo_labels
from dmd.report.panels.entropy import means
from dmd.report.panels.probes import Entropies
from dmd.report.panels.scene import Scene, pixel_frame, say_empty
from dmd.report.panels.write import write_panel
from dmd.report.style import VERMILION
from dmd.runs.folder import RunFolder
from dmd.training.loop import train

from .made import describe

METHODS = {
    "cps": {"weight": 1},
    "dmd": {"temperature": 2, "weight": 4, "divergence": "dice"},
    "mcnet": {"supervised": 1, "consistency": 0.1, "rampup": 40, "sharpening": 0.1, "prediction": "mean"},
}
LOSSES = [
    {"divergence": name, "weight": weight, "temperature": T} for name, weight, T in (("dice", 4, 2), ("kl", 1, 1))
]


@pytest.fixture(scope="module")
def runs(tiny_store, tmp_path_factory) -> dict[str, RunFolder]:
    folder, made = tmp_path_factory.mktemp("panels"), {}
    for name, params in METHODS.items():
        spec = Spec(tiny_training(3, name, params) | {"iterations": 8}, tiny_testing(3))
        made[name] = RunFolder(folder / spec.id)
        made[name].write_spec(spec)
        train(made[name], tiny_store[3], "cpu")
    return made


def form(picture: str, **settings) -> Panel:
    return Panel.model_validate({"kind": "panel", "caption": "A panel.", "picture": picture} | settings)


@pytest.fixture
def drawn(runs, tiny_store, tmp_path):
    """Return a function that draws a picture of some methods and reads its two CSV files."""

    def draw(picture: str, *methods: str, **settings) -> tuple[pd.DataFrame, pd.DataFrame]:
        rows = tuple(plan.Row(name, name.upper(), False, "la", 2, 4, {}, (runs[name].id,), {}) for name in methods)
        artefact = plan.Artefact("smoke/fig", "smoke", form(picture, **settings), rows)
        write_panel(describe(tmp_path, artefact), runs["dmd"].path.parent, tiny_store[3], tmp_path / "fig.png", "cpu")
        assert imread(tmp_path / "fig.png").shape[1] == 1440
        said = (tmp_path / "fig.caption.txt").read_text()
        assert said.startswith(
            "Not the paper's setting: scale 'smoke' (tiny3d in place of la, patch 16x16x16, 8 of 6000 iterations)"
        )
        assert "A panel. Shown: p2, plane" in said
        assert (tmp_path / "fig.svg").exists()
        return pd.read_csv(tmp_path / "fig.csv"), pd.read_csv(tmp_path / "fig.pixels.csv")

    return draw


def test_pseudo_labels_over_training(drawn):
    numbers, pixels = drawn("pseudo_labels", "cps", "dmd")
    # 4 unlabelled cases, steps 1, 2, 4 and 8, two methods.
    assert len(numbers) == 4 * 4 * 2
    assert numbers["step"].drop_duplicates().tolist() == [1, 2, 4, 8]
    assert numbers["fraction"].drop_duplicates().tolist() == [0.125, 0.25, 0.5, 1]
    assert numbers["dice"].between(0, 100).all()
    assert len(pixels) == 22 * 20
    steps = [f"{name} step {step}" for name in ("CPS", "DMD") for step in (1, 2, 4, 8)]
    assert list(pixels) == ["x", "y", "image", "ground_truth", *steps]
    assert pixels["ground_truth"].sum() == 100  # the blob's cross-section
    assert set(np.unique(pixels[steps])) <= {0, 1}


def test_pseudo_labels_are_vermilion_over_white_and_the_curve_is_the_mean_of_the_csv(runs, tiny_store):
    """What is drawn, not what is written beside it."""
    rows = tuple(plan.Row(name, name.upper(), False, "la", 2, 4, {}, (runs[name].id,), {}) for name in ("cps", "dmd"))
    artefact = plan.Artefact("smoke/fig", "smoke", form("pseudo_labels"), rows)
    store = load_store(tiny_store[3], parts=["train"])
    drawn = pseudo_labels.panel(Scene(artefact, runs["dmd"].path.parent, store.unlabelled(2), torch.device("cpu")))
    *pictures, curves = (axes for part in drawn.figure.subfigs for axes in part.axes)
    truth = drawn.pixels["ground_truth"].to_numpy().reshape(22, 20).T.astype(bool)
    assert len(pictures) == 2 * 4
    for axes, name in zip(pictures, drawn.pixels.columns[4:], strict=True):
        mask = drawn.pixels[name].to_numpy().reshape(22, 20).T.astype(bool)
        (shown,) = axes.images
        expected = np.zeros((20, 22, 3))
        expected[truth], expected[mask] = 1, to_rgb(VERMILION)
        assert np.array_equal(shown.get_array(), expected)
        dice = 200 * (truth & mask).sum() / (truth.sum() + mask.sum())  # of what is shown, not of the whole scan
        assert axes.get_title() == f"step {name.split()[-1]}: Dice of plane {dice:.1f} %"
    means = drawn.numbers.groupby(["label", "step"])["dice"].mean()
    plotted = {line.get_label(): line.get_ydata() for line in curves.lines if len(line.get_ydata()) == 4}
    names = {name: label for label, name in zip(plotted, ("CPS", "DMD"), strict=True)}
    assert all(plotted[names[name]] == pytest.approx(means[name].to_numpy()) for name in ("CPS", "DMD"))


def test_gradients_of_losses_of_one_pair(drawn):
    numbers, pixels = drawn("gradients", "dmd", losses=LOSSES)
    assert numbers["loss"].tolist() == ["Dice, λ = 4, T = 2", "KL, λ = 1, T = 1"] * 4
    for kind in ("energy", "voxels"):
        parts = numbers[[name for name in numbers if name.startswith(f"{kind}_")]]
        assert parts.shape[1] == 4
        whole = parts.sum(axis=1)[numbers["predicted_voxels"] > 0]
        assert whole.tolist() == pytest.approx([1] * len(whole), abs=1e-5)
    assert list(pixels)[5:] == ["gradient Dice, λ = 4, T = 2", "gradient KL, λ = 1, T = 1"]
    assert (pixels.iloc[:, 5:] >= 0).all(axis=None)


def test_entropy_of_guidance(drawn):
    numbers, pixels = drawn("entropy", "cps", "mcnet", "dmd")
    assert len(numbers) == 3 * 4 * 2  # methods, cases, peers
    assert numbers["peer"].tolist() == [1, 2] * 12
    by_method = numbers.groupby("method")[["elsewhere_prediction", "elsewhere_guidance"]].mean()
    assert by_method.loc["cps", "elsewhere_guidance"] == 0
    assert by_method.loc["mcnet", "elsewhere_guidance"] < by_method.loc["mcnet", "elsewhere_prediction"]
    assert by_method.loc["dmd", "elsewhere_guidance"] > by_method.loc["dmd", "elsewhere_prediction"]
    assert by_method.max(axis=None) <= math.log(2)
    assert list(pixels)[3:] == ["guidance CPS", "guidance MCNET", "guidance DMD"]


def test_means_at_the_boundary_and_elsewhere_by_hand():
    predicted = np.zeros((12, 1, 1), bool)
    predicted[:6] = True
    prediction = np.arange(12.0).reshape(12, 1, 1)
    # Planes 4 to 7 are near: mean 5.5; the others sum to 66 - 22 = 44 over 8.
    found = means(Entropies(predicted, prediction, 2 * prediction))
    expected = {"boundary_prediction": 5.5, "boundary_guidance": 11, "elsewhere_prediction": 44 / 8}
    assert found == pytest.approx(expected | {"elsewhere_guidance": 11})
    empty = means(Entropies(np.zeros((3, 3, 3), bool), np.ones((3, 3, 3)), np.ones((3, 3, 3))))
    assert math.isnan(empty["boundary_guidance"])
    assert empty["elsewhere_guidance"] == 1


def test_pixels_know_their_place():
    frame = pixel_frame(a=np.array([[1, 2, 3], [4, 5, 6]]))
    assert frame.to_dict("list") == {"x": [0, 0, 0, 1, 1, 1], "y": [0, 1, 2, 0, 1, 2], "a": [1, 2, 3, 4, 5, 6]}


def test_empty_predictions_are_counted_with_what_they_are_counted_of():
    assert say_empty(0, 24, "run and scan") == ""
    assert say_empty(1, 24, "run and scan").endswith("nothing is predicted: 1 of 24 (one per run and scan).")


def test_a_run_without_its_state_is_named(drawn, runs):
    held = runs["cps"].state.rename(runs["cps"].path / "away")
    try:
        with pytest.raises(InputError, match=f"{runs['cps'].id}/state.pt"):
            drawn("entropy", "cps")
    finally:
        held.rename(runs["cps"].state)


def test_the_users_settings_change_nothing(drawn, tmp_path, require_our_style):
    require_our_style(lambda: drawn("pseudo_labels", "cps", "dmd"), tmp_path / "fig.png")
