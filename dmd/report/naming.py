"""What things are called in tables, in figures and on the page, and how their setting is said in words."""

import re
from collections.abc import Sequence
from typing import Any

from dmd.planning.identity import Spec, canonical
from dmd.planning.plan import Artefact, Row

DISTANCES = {"hd95_voxel": "HD95 (voxel)", "asd_voxel": "ASD (voxel)", "hd95_mm": "HD95 (mm)", "asd_mm": "ASD (mm)"}
HEADINGS = {"dice": "Dice (%)", "jaccard": "Jaccard (%)"} | DISTANCES
GROUPS = {"none": "No post-processing", "largest_component": "Largest component"}
EMPTY = {
    "no_distance": "with Dice 0 and are left out of the distances",
    "as_published": "with all scores 0, distances too, as in released test scripts, which flatters (as_published)",
    "penalised": "with Dice 0 and the diagonal of the volume as distance (penalised)",
}
WEIGHTS = {
    "last": "the last iteration",
    "validation": "the best mean Dice on the validation patients",
    "oracle": "the best mean Dice on the TEST patients (oracle)",
}


def title(artefact: Artefact[Any]) -> str:
    """Return the name of an artefact as the paper prints it.

    >>> from types import SimpleNamespace as A
    >>> [title(A(name=name)) for name in ("half/table3", "fig3a", "smoke/entropy")]
    ['Table 3', 'Fig. 3(a)', 'Entropy']
    """
    found = re.fullmatch(r"(table|fig)(\d+)([a-z]?)", anchor(artefact))
    if not found:
        return anchor(artefact).capitalize()
    kind, place, part = found.groups()
    return f"{'Table' if kind == 'table' else 'Fig.'} {place}" + (f"({part})" if part else "")


def anchor(artefact: Artefact[Any]) -> str:
    """Return the name of an artefact without its scale."""
    return artefact.name.rpartition("/")[2]


def params_text(row: Row) -> str:
    """Return what a row sets itself, as ``temperature=2 divergence=kl``."""
    return " ".join(f"{name}={canonical(value)}" for name, value in row.params.items()).replace('"', "")


def row_name(row: Row) -> str:
    """Return what a row is called: its label in one line, a star for a reconstruction, its own hyper-parameters."""
    name = " ".join(row.label.split()) + "*" * row.reconstructed
    return f"{name} ({params_text(row)})" if row.params else name


def setting_name(row: Row) -> str:
    """Return the name of a row with its data set and budget, for where rows of several stand together."""
    return f"{row_name(row)}, {row.dataset} with {row.labelled} labelled"


def is_published(artefact: Artefact[Any]) -> bool:
    """Say whether the paper has numbers of any row: not where the data or the methods are none of the paper's."""
    return any(row.paper for row in artefact.rows)


def caption(artefact: Artefact[Any], specs: dict[str, Spec]) -> str:
    """Return the caption of an artefact, after its scale and, where that is not the paper's, what differs."""
    said = f"Scale '{artefact.scale}'."
    if artefact.scale != "paper":
        said = f"Not the paper's setting: scale '{artefact.scale}' ({'; '.join(settings([artefact], specs))})."
        said += " The paper's numbers are for orientation, not for comparison." if is_published(artefact) else ""
    return f"{said} {' '.join(artefact.form.caption.split())}"


def settings(artefacts: Sequence[Artefact[Any]], specs: dict[str, Spec]) -> list[str]:
    """Say on what data, patch and number of iterations those runs were trained that have a spec, each setting once."""
    rows = [
        (row.dataset, specs[run].training) for of in artefacts for row in of.rows for run in row.runs if run in specs
    ]
    return list(dict.fromkeys(_setting(dataset, training) for dataset, training in rows))


def selections(specs: dict[str, Spec]) -> list[str]:
    """Say which weights were tested on each data, each rule once."""
    told = ((spec.training["dataset"]["name"], WEIGHTS[spec.training["selection"]]) for spec in specs.values())
    return list(dict.fromkeys(map(": ".join, told)))


def _setting(dataset: str, training: dict[str, Any]) -> str:
    data, factors = training["dataset"]["name"], training["dataset"]["downsample"]
    factor, patch = ("x".join(map(str, sizes)) for sizes in (factors, training["patch"]))
    data += f" in place of {dataset}" if data != dataset else ""
    data += f" downsampled by {factor}" if set(factors) != {1} else ""
    return f"{data}, patch {patch}, {training['iterations']} of {training['reference_iterations']} iterations"
