"""Runs that are tested, sent to MLflow: one by itself when its test ends, all that are not there yet in one sweep."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from mlflow import MlflowClient

from dmd.errors import InputError
from dmd.planning.address import public
from dmd.planning.guests import is_guest
from dmd.planning.plan import Plan
from dmd.runs.folder import RunFolder, find_run, read_json
from dmd.runs.guests import FOLDER, GuestFolder
from dmd.tracking.guests import read_record
from dmd.tracking.mirror import track, track_run
from dmd.tracking.models import add_weights
from dmd.tracking.picture import add_picture
from dmd.tracking.server import FAULTS, brief, make_server, may_send, open_server, say

MOST_PICTURED = 100  # runs of a sweep; of more the pictures alone would take minutes


def send(run: RunFolder, uri: str, artefacts: Sequence[str], methods: Sequence[str]) -> None:
    """Mirror a run that was just tested, unless that is not for a job of a cluster to do: the sweep does it then."""
    if may_send(uri):
        with suppress(InputError):  # `track_run` says it, and a test that ended well does not fail for it
            make_server(uri)
        track_run(run, uri, list(artefacts), methods)


def folders(results: Path) -> list[Path]:
    """Return the folders of all runs and guests."""
    return [path for kind in ("runs", FOLDER) for path in results.glob(f"{kind}/*/")]


def find_folder(name: str, results: Path) -> Path:
    """Return the folder of the run that a person means, as `find_run`, or of the guest whose id or path it is.

    Raises
    ------
    InputError
        There is neither.
    """
    path = Path(name).absolute()
    if not is_guest(path.name):
        return find_run(name, results / "runs").path
    guest = GuestFolder(path if path.is_dir() else results / FOLDER / path.name)
    if not guest.record.exists():
        raise InputError(f"expected masks made elsewhere at {guest.path}, found none; `dmd evaluate` measures them")
    return guest.path


def sweep(folders: Iterable[Path], uri: str, plan: Plan) -> tuple[int, int]:
    """Mirror the tested runs, and the guests, among ``folders`` that MLflow lacks, as far as their files know.

    More than `MOST_PICTURED` go without a picture of each, two fifths of the time: `send_pictures` adds them.

    Returns
    -------
    tuple of int
        How many were sent, and how many could not be, the damaged ones among them, and stay pending.

    Raises
    ------
    InputError
        There is no such store.
    """
    make_server(uri)
    found = [GuestFolder(path) if is_guest(path.name) else RunFolder(path) for path in sorted(folders)]
    missing = [folder for folder in found if folder.is_untracked or _is_elsewhere(folder, uri)]
    is_pictured = len(missing) <= MOST_PICTURED
    if not is_pictured:
        say("tracking", f"{len(missing)} runs are sent without a picture of each; `dmd track --pictures` adds them")
    sent = sum(_send(folder, uri, plan, is_pictured) for folder in missing)
    return sent, len(missing) - sent


def send_weights(folders: Iterable[Path], uri: str) -> tuple[int, int]:
    """Put the weights of the runs that MLflow has beside their models, as far as it lacks them.

    Returns
    -------
    tuple of int
        Of how many runs it has the weights now, and of how many not.
    """
    return _add(folders, uri, add_weights, "weights")


def send_pictures(folders: Iterable[Path], uri: str) -> tuple[int, int]:
    """Put a picture beside the curves of the runs that MLflow has, as far as it lacks them, as `send_weights`."""
    return _add(folders, uri, add_picture, "pictures")


def _add(
    folders: Iterable[Path], uri: str, add: Callable[[MlflowClient, RunFolder], bool], what: str
) -> tuple[int, int]:
    runs = (RunFolder(path) for path in sorted(folders) if not is_guest(path.name))
    tracked = [run for run in runs if run.tracked.exists()]
    there = 0
    for run in tracked:
        try:
            if add(open_server(uri), run):
                there += 1
            else:
                say(run.id, f"MLflow does not have it; delete {run.tracked}, then `dmd track --{what}`")
        except InputError as error:
            say(run.id, f"no {what} of it in MLflow: {error}")
        except FAULTS as error:
            say(run.id, f"no {what} of it in MLflow ({public(uri)}): {brief(error)}")
    return there, len(tracked) - there


def _send(folder: RunFolder | GuestFolder, uri: str, plan: Plan, is_pictured: bool) -> bool:
    """Mirror a folder and say whether MLflow has all of it now; one that is damaged keeps no other one out."""
    try:
        return _mirror(folder, uri, plan, is_pictured)
    except InputError as error:
        say(folder.id, f"not sent to MLflow: {error}")
        return False


def _mirror(folder: RunFolder | GuestFolder, uri: str, plan: Plan, is_pictured: bool) -> bool:
    if isinstance(folder, GuestFolder):
        shown = [name for name, of in plan.artefacts.items() if any(row.guest == folder.id for row in of.rows)]
        return track(folder, read_record(folder), uri, shown)
    planned = plan.runs.get(folder.id)
    wanted_by, methods = (planned.wanted_by, planned.methods) if planned else ((), ())
    return track_run(folder, uri, list(wanted_by), methods, is_pictured)


def _is_elsewhere(run: RunFolder | GuestFolder, uri: str) -> bool:
    """Say whether what is tested was sent to another server than this one."""
    return run.cases.exists() and read_json(run.tracked).get("uri") != public(uri)
