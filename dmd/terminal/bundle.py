"""`dmd bundle` and `dmd merge`: send runs in one small file, and add those that somebody sent."""

from pathlib import Path

from dmd.errors import InputError
from dmd.runs.folder import RunFolder, find_run
from dmd.terminal.options import RUNS, RunName, Runs


def bundle(run: RunName, /, *more: RunName, out: Path, weights: bool = False, runs: Runs = RUNS) -> None:
    """Write settings, history, scores, facts and checksums of tested runs into one file.

    Parameters
    ----------
    out : Path
        The file, a ZIP.
    weights : bool
        The networks too, which are most of what there is.
    """
    from dmd.runs.bundle import write_bundle

    found = [find_run(name, runs) for name in (run, *more)]
    size = write_bundle(found, out, weights=weights)
    number, how = len({each.id for each in found}), "with" if weights else "without"
    print(f"{out}: {number} run(s), {size / 1000:.0f} kB, {how} weights")


def merge(file: Path, /, *, runs: Runs = RUNS) -> None:
    """Add the runs of a bundle; one that is there as another is refused, and nothing is overwritten.

    Parameters
    ----------
    file : Path
        What `dmd bundle` wrote.
    """
    from dmd.runs.bare import STATE, is_bare
    from dmd.runs.merging import merge

    merged = merge(file, runs, _require_readable)
    for each in merged:
        said = "added" if each.is_new else f"{', '.join(each.added)} added" if each.added else "is there already"
        print(f"{each.run.id}  {said}" + (f", {STATE}" if is_bare(each.run) else ""))
    print(f"{sum(bool(each.added) for each in merged)} of {len(merged)} run(s) added to {runs}")


def _require_readable(run: RunFolder) -> None:
    """Require scores, history and cost that tables, pages and MLflow can read."""
    from dmd.report.cost import cost
    from dmd.report.history import read_history
    from dmd.report.tested import read_run

    try:
        cost([read_run(run).facts])
    except (TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{run.facts}: expected what a training came to, found otherwise: {error!r}") from None
    read_history(run)
