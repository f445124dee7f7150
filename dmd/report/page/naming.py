"""What things are called on the page, and where a link to them leads."""

import re

from dmd.planning.identity import canonical
from dmd.planning.plan import Artefact, Row


def title(artefact: Artefact) -> str:
    """Return the name of an artefact as the paper prints it.

    >>> from types import SimpleNamespace as A
    >>> [title(A(name=name)) for name in ("half/table3", "fig3a", "smoke/entropy")]
    ['Table 3', 'Fig. 3(a)', 'Entropy']
    """
    name = artefact.name.rpartition("/")[2]
    found = re.fullmatch(r"(table|fig)(\d+)([a-z]?)", name)
    if not found:
        return name.capitalize()
    kind, place, part = found.groups()
    return f"{'Table' if kind == 'table' else 'Fig.'} {place}" + (f"({part})" if part else "")


def anchor(artefact: Artefact) -> str:
    """Return the id of an artefact's section."""
    return artefact.name.rpartition("/")[2]


def row_name(row: Row) -> str:
    """Return what a row is called: its label, a star where it is a reconstruction, its own hyper-parameters."""
    name = f"{row.label}*" if row.reconstructed else row.label
    params = ", ".join(f"{key} {canonical(value)}" for key, value in row.params.items()).replace('"', "")
    return f"{name} ({params})" if params else name


def point_name(row: Row) -> str:
    """Return what a point of a curve is called: its hyper-parameters, words without their names."""
    said = (str(value) if isinstance(value, str) else f"{key} {canonical(value)}" for key, value in row.params.items())
    return ", ".join(said)


def setting_name(row: Row) -> str:
    """Return the name of a row with its data set and budget, for where rows of several stand together."""
    return f"{row_name(row)}, {row.dataset} with {row.labelled} labelled"


def digests(runs: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return links to runs, each named by the end of its id."""
    return tuple((run.rpartition("-")[2], run) for run in runs)


def file(artefact: Artefact) -> str:
    """Return the file that says that an artefact is made, below the folder of results."""
    return f"{artefact.name}.{'csv' if artefact.form.kind == 'table' else 'png'}"


def command(artefact: Artefact) -> str:
    """Return the command that makes an artefact."""
    return f"snakemake --cores 2 -- results/{file(artefact)}"
