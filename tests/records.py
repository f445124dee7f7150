"""Records of runs that tests make by hand."""

from typing import Any

from dmd.runs.folder import RunFolder, read_json
from dmd.runs.vouching import SEAL, SUMS, vouch


def vouch_for(run: RunFolder, **facts: Any) -> None:
    """Vouch for the files of a run as they are, as far as it looks trained or tested; ``facts`` add to those there."""
    known = {name: value for name, value in read_json(run.facts).items() if name not in ("run", SUMS, SEAL)} | facts
    if known or run.weights.exists() or run.history_table.exists():
        kept = run.path.glob("snapshots/*")
        vouch(run, run.facts, known, [run.weights, run.history_table, *kept])
    if run.cases.exists() or run.predictions.exists():
        tested = read_json(run.test).get("testing", {})
        vouch(run, run.test, {"testing": tested}, [run.weights, run.predictions, run.cases])
