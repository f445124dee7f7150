"""`dmd doctor` and `dmd retrain`: look after a folder of results, and take a training back."""

from pathlib import Path

from dmd.errors import InputError
from dmd.runs.folder import RunFolder, find_run
from dmd.terminal.options import RESULTS, RUNS, Results, RunName, Runs


def doctor(*runs: RunName, clean: bool = False, results: Results = RESULTS) -> None:
    """Say which runs are whole, torn or foreign, and what is left over; status 1 if one is not well.

    Parameters
    ----------
    runs : str
        Left out, all.
    clean : bool
        Delete what killed jobs left half written in all of results; never a result, nor what a living process writes.
    """
    from dmd.runs.doctor import GOOD, examine

    if runs and clean:
        raise InputError("expected --clean, which goes over all of results, or runs by name, found both; leave one out")
    folders = [find_run(run, results / "runs") for run in runs] or _all(results / "runs")
    if not folders:
        print(f"no runs in {results / 'runs'}")
    bad = 0
    for finding in examine(folders):
        bad += finding.state not in GOOD
        print(f"{finding.run.id}  {finding.state}", *finding.reasons, sep="\n    ")
    if not runs:
        _tidy(results, clean)
    if bad:
        raise SystemExit(1)


def retrain(run: RunName, /, *, runs: Runs = RUNS) -> None:
    """Delete what training and test of a run have made, so that it is trained again from its first step."""
    from dmd.runs.retraining import take_back

    found = find_run(run, runs)
    take_back(found)
    print(f"{found.id} is to be trained: `snakemake --forcerun train -- TARGET` does, and makes what is made of it")


def _all(runs: Path) -> list[RunFolder]:
    return [RunFolder(path) for path in sorted(runs.glob("*")) if path.is_dir()]


def _tidy(results: Path, clean: bool) -> None:
    from dmd.runs.litter import find_litter

    for path, use in find_litter(results):
        size = f"{path.stat().st_size / 2**20:.1f} MB" if path.exists() else "gone"
        if use or not clean:
            print(f"{path}  left over, {size}" + (f"; {use}" if use else "; --clean deletes it"))
        else:
            path.unlink(missing_ok=True)
            print(f"{path}  deleted, {size}")
