"""The numbers of the paper: those printed in its tables and those read off its plots."""

import csv
import io
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import TypeVar

from dmd.errors import InputError
from dmd.files import read_text

Key = TypeVar("Key", bound=Hashable)


def printed_values(path: Path) -> dict[tuple[str, str, str, int], dict[str, float]]:
    """Return the scores in the paper's tables by artefact, method, data set and budget.

    Raises
    ------
    InputError
        There is no such file, or a line of it lacks a number.
    """
    return _values(path, lambda line: (line["artefact"], line["method"], line["dataset"], int(line["labelled"])))


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
