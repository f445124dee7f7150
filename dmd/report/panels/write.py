"""Figures that look into trained networks: finds who draws a picture and writes what it drew and from what numbers."""

from pathlib import Path

from dmd.data.store import load_store
from dmd.devices import choose_device
from dmd.errors import InputError
from dmd.files import write_text
from dmd.planning import artefacts
from dmd.planning.describe import read_artefact
from dmd.report.naming import caption
from dmd.report.panels import entropy, gradients, pseudo_labels
from dmd.report.panels.scene import Scene
from dmd.report.style import our_style, publish
from dmd.report.tables import csv
from dmd.runs.folder import RunFolder

PICTURES = {of.__name__.rpartition(".")[2]: of.panel for of in (pseudo_labels, gradients, entropy)}


def write_panel(description: Path, runs: Path, store: Path, output: Path, device: str = "auto") -> None:
    """Draw a panel from the trained networks behind it.

    Parameters
    ----------
    description : Path
        JSON of a `dmd.planning.plan.Artefact` of kind ``panel``.
    runs : Path
        Folder that holds the run folders.
    store : Path
        The prepared data set that the runs were trained on.
    output : Path
        The PNG to write; beside it ``.svg``, ``.caption.txt``, ``.csv`` (the numbers) and
        ``.pixels.csv`` (the plane that is shown).
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Raises
    ------
    InputError
        The description is none, a run behind the figure is missing, or the store is another.
    """
    if output.suffix != ".png":
        raise InputError(f"expected a file name that ends in .png for the figure, found {output}")
    artefact = read_artefact(description, artefacts.Panel)
    specs = {run: RunFolder(runs / run).read_spec() for run in artefact.runs}
    training = specs[artefact.runs[0]].training
    data = load_store(store, training["dataset"], parts=["train"])
    hidden = data.hidden(training["labelled"], training.get("draw", 0))
    scene = Scene(artefact, runs, hidden, choose_device(device))
    with our_style():
        panel = PICTURES[artefact.form.picture](scene)
    write_text(output.with_suffix(".csv"), csv(panel.numbers.round(6)))
    write_text(output.with_suffix(".pixels.csv"), csv(panel.pixels, "%.6g"))
    publish(panel.figure, f"{caption(artefact, specs)} {panel.note}", artefact.runs, output)
