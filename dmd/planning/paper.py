"""The numbers of the paper: those printed in its tables and those read off its plots."""

import csv
import io
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from dmd.errors import InputError
from dmd.files import read_text

Key = TypeVar("Key", bound=Hashable)
Cell = tuple[str, str, str, int]  # artefact, method, data set, budget


@dataclass(frozen=True)
class Published:
    """Scores of a method in one publication.

    ``selection`` says how the weights were chosen and ``largest_component`` whether it alone was kept ("yes", "no",
    "probably"); empty where that is not known (docs/deviations.md).
    """

    source: str
    selection: str
    largest_component: str
    scores: dict[str, float]


def printed_values(path: Path) -> dict[Cell, tuple[Published, ...]]:
    """Return what is published for a row of the paper's tables, the paper's own scores first.

    Raises
    ------
    InputError
        There is no such file, or a line of it lacks a number.
    """
    found: dict[Cell, tuple[Published, ...]] = {}
    for (cell, source, selection, component), scores in _values(path, _publication).items():
        found[cell] = (*found.get(cell, ()), Published(source, selection, component, scores))
    return found


def _publication(line: dict[str, str]) -> tuple[Cell, str, str, str]:
    cell = line["artefact"], line["method"], line["dataset"], int(line["labelled"])
    return cell, line["source"], line["selection"], line["largest_component"]


def plotted_values(path: Path) -> dict[tuple[str, str, float], dict[str, float]]:
    """Return the scores read off the paper's plots by artefact, line and place on the x axis.

    Raises
    ------
    InputError
        There is no such file, or a line of it lacks a number.
    """
    return _values(path, lambda line: (line["artefact"], line["line"], float(line["x"])))


def _values(path: Path, key: Callable[[dict[str, str]], Key]) -> dict[Key, dict[str, float]]:
    values: dict[Key, dict[str, float]] = {}
    lines = csv.DictReader(io.StringIO(read_text(path, "numbers of the paper")))
    for line in lines:
        try:
            values.setdefault(key(line), {})[line["metric"]] = float(line["value"])
        except (KeyError, ValueError, TypeError) as error:
            raise InputError(f"{path}, line {lines.line_num}: expected numbers of the paper: {error!r}") from None
    return values
