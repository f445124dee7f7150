"""The numbers of the paper: those printed in its tables and those read off its plots."""

import csv
from pathlib import Path


def printed_values(path: Path) -> dict[tuple[str, str, str, int], dict[str, float]]:
    """Return the scores in the paper's tables by artefact, method, data set and budget."""
    values: dict[tuple[str, str, str, int], dict[str, float]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for line in csv.DictReader(file):
            key = (line["artefact"], line["method"], line["dataset"], int(line["labelled"]))
            values.setdefault(key, {})[line["metric"]] = float(line["value"])
    return values


def plotted_values(path: Path) -> dict[tuple[str, str, float], dict[str, float]]:
    """Return the scores read off the paper's plots by artefact, line and place on the x axis."""
    values: dict[tuple[str, str, float], dict[str, float]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for line in csv.DictReader(file):
            key = (line["artefact"], line["line"], float(line["x"]))
            values.setdefault(key, {})[line["metric"]] = float(line["value"])
    return values
