"""The test scores of runs and guests, read from their folders."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from dmd.planning.guests import is_guest
from dmd.planning.identity import Spec
from dmd.report.cases import read_cases
from dmd.report.oracle import oracle_gap
from dmd.runs.folder import RunFolder
from dmd.runs.guests import FOLDER, GuestFolder
from dmd.runs.vouching import read_record, require_own


@dataclass(frozen=True)
class Tested:
    """The settings of a run, none of a guest; test scores on the data set ``data``; what else is known of a run.

    That is its ``run.json`` and ``oracle_gap``.

    The columns of ``cases.csv``, Dice and Jaccard in percent, and ``outcome`` (`dmd.runs.outcomes`).
    """

    spec: Spec | None
    data: str
    lines: pd.DataFrame
    facts: dict[str, Any]


class ReadOnce:
    """Reads the test scores of runs and guests, each file once, whoever asks, and all that are asked for together."""

    def __init__(self, runs: Path) -> None:
        self.runs, self.known = runs, dict[str, Tested]()

    def __call__(self, names: Iterable[str]) -> dict[str, Tested]:
        """Return the scores of the runs and guests of these names, as strictly as `read_runs`."""
        asked = dict.fromkeys(names)
        new = [name for name in asked if name not in self.known]
        self.known |= read_runs([RunFolder(self.runs / name) for name in new if not is_guest(name)])
        self.known |= read_guests([GuestFolder(self.runs.parent / FOLDER / name) for name in new if is_guest(name)])
        return {name: self.known[name] for name in asked}


def read_runs(runs: Sequence[RunFolder]) -> dict[str, Tested]:
    """Read the test scores of runs, by their ids.

    Raises
    ------
    InputError
        A ``cases.csv`` is missing, cannot be read, does not hold every class of every case once per post-processing,
        lacks a score, or is not the run's own.
    """
    for run in runs:
        require_own(run, run.cases)
    specs = [run.read_spec() for run in runs]
    found = read_cases([(run.cases, spec.training["classes"]) for run, spec in zip(runs, specs, strict=True)])
    return {
        run.id: Tested(spec, spec.training["dataset"]["name"], lines, _facts(run, spec))
        for run, spec, lines in zip(runs, specs, found, strict=True)
    }


def read_run(run: RunFolder) -> Tested:
    """Read the test scores of one run, as `read_runs` does."""
    return read_runs([run])[run.id]


def _facts(run: RunFolder, spec: Spec) -> dict[str, Any]:
    facts = read_record(run, run.facts) if run.facts.exists() else {}
    return facts | {"oracle_gap": oracle_gap(run, spec.training)}


def read_guests(guests: Sequence[GuestFolder]) -> dict[str, Tested]:
    """Read the test scores of masks that were made elsewhere, as strictly as those of runs."""
    records = [guest.read() for guest in guests]
    found = read_cases([(guest.cases, len(of["classes"])) for guest, of in zip(guests, records, strict=True)])
    return {
        guest.id: Tested(None, record["dataset"]["name"], lines, {})
        for guest, record, lines in zip(guests, records, found, strict=True)
    }


def read_guest(guest: GuestFolder) -> Tested:
    """Read the test scores of masks that were made elsewhere, as `read_guests` does."""
    return read_guests([guest])[guest.id]
