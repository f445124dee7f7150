"""Put runs that were made elsewhere into a folder of runs: what is there is kept, and nothing is overwritten."""

import itertools
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dmd.errors import InputError
from dmd.files import checksum
from dmd.runs.bundle import NEEDED, unpack_bundle
from dmd.runs.folder import RunFolder
from dmd.runs.ownership import alive, owned
from dmd.runs.vouching import SUMS, read_record

CLOSED = re.compile(r"weights\.pt|history\.csv|predictions\.h5|cases\.csv|snapshots/\d{6}\.pt")
SUM = re.compile(r"[0-9a-f]{64}")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
LAST = ("run.json", "test.json")  # what vouches comes last, as where the run was made


@dataclass(frozen=True)
class Merged:
    """What became of a run of a bundle: the files that were added, none where the same run is there."""

    run: RunFolder
    added: tuple[str, ...]
    is_new: bool


def merge(bundle: Path, runs: Path, check: Callable[[RunFolder], Any]) -> list[Merged]:
    """Add the runs of a bundle to a folder of runs, all of them or none.

    Parameters
    ----------
    bundle : Path
        What `dmd.runs.bundle.write_bundle` wrote, somewhere.
    runs : Path
        Where runs lie.
    check : callable
        Raises an `InputError` for a run whose scores cannot be read.

    Raises
    ------
    InputError
        The bundle is none; or a run of it is not whole, is there as another, or is being trained there.
    """
    runs.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".merge-", dir=runs.resolve().parent) as place:
        given = unpack_bundle(bundle, Path(place))
        for run in given:
            _require_whole(bundle, run, check)
        known = [(run, RunFolder(runs / run.id)) for run in given]
        faults = [fault for pair in known for fault in _conflicts(*pair)]
        if faults:
            said = "\n  ".join(faults)
            raise InputError(f"{bundle}: expected runs that are not there as others; nothing was added\n  {said}")
        return [_add(*pair) for pair in known]


def _require_whole(bundle: Path, run: RunFolder, check: Callable[[RunFolder], Any]) -> None:
    """Require files that the run's own records vouch for, and settings that have its id."""
    try:
        for name in NEEDED:
            if not (run.path / name).is_file():
                raise InputError(f"{name} is missing")
        run.read_spec()
        sums = _sums(run)
        for file in (run.history_table, run.cases, *[run.weights] * run.weights.exists()):
            if sums.get(file.name) != checksum(file):
                raise InputError(f"{file.name} is not the one that its record vouches for")
        _require_text(run)
        check(run)
    except (InputError, RecursionError) as error:
        said = str(error).replace(f"{run.path}/", "")
        raise InputError(f"{bundle}: expected run '{run.id}' whole, found otherwise: {said}") from None


def _require_text(run: RunFolder) -> None:
    """Require words that a terminal only shows: nothing in them moves its cursor or colours it."""
    for file in (run.spec, run.facts, run.test):
        if any(map(CONTROL.search, _texts(json.loads(file.read_text(encoding="utf-8"))))):
            raise InputError(f"{file.name} holds control characters")
    for file in (run.history_table, run.cases):
        if CONTROL.search(file.read_text(encoding="utf-8", errors="replace").replace("\n", "")):
            raise InputError(f"{file.name} holds control characters")


def _texts(content: Any) -> Iterator[str]:
    if isinstance(content, dict):
        content = [*content, *content.values()]
    if isinstance(content, list):
        yield from itertools.chain.from_iterable(map(_texts, content))
    elif isinstance(content, str):
        yield content


def _sums(run: RunFolder) -> dict[str, str]:
    """Return the checksums of the files that the records of a run close, in words and names that we write."""
    sums: dict[str, str] = {}
    for record in (run.facts, run.test):
        found = read_record(run, record).get(SUMS)
        if not isinstance(found, dict) or not all(map(_is_sum, found, found.values())):
            raise InputError(f"{record.name} closes other files than a run has")
        if any(sums.get(name, of) != of for name, of in found.items()):
            raise InputError(f"{run.test.name} is of other weights than {run.facts.name}")
        sums |= found
    return sums


def _is_sum(name: str, of: object) -> bool:
    return bool(CLOSED.fullmatch(name)) and isinstance(of, str) and bool(SUM.fullmatch(of))


def _conflicts(given: RunFolder, there: RunFolder) -> list[str]:
    """Say what keeps a run from being added where it is to lie: another file of the same name, or a training."""
    if not there.path.exists():
        return []
    if alive(there.owner):
        return [f"{there.id} is trained there now, as {there.owner} says"]
    return _differences(given, there)


def _differences(given: RunFolder, there: RunFolder) -> list[str]:
    """Say what of a run that is there is another's, or was begun."""
    wanted = _sums(given) | {path.name: checksum(path) for path in given.path.iterdir()}
    found = {name: there.path / name for name in wanted if (there.path / name).exists()}
    others = [name for name, path in found.items() if checksum(path) != wanted[name]]
    if others:
        return [f"{there.id} is there with another {', '.join(others)}; `dmd doctor {there.path}` looks at it"]
    if there.facts.exists():
        return []
    begun = ", ".join(path.name for path in (there.state, there.history) if path.exists())
    return [f"{there.id} was begun there: {begun}; `dmd retrain {there.id}` takes that back"] if begun else []


def _add(given: RunFolder, there: RunFolder) -> Merged:
    names = sorted((path.name for path in given.path.iterdir()), key=lambda name: (name in LAST, name))
    if not there.path.exists():
        given.path.rename(there.path)
        return Merged(there, tuple(names), is_new=True)
    if not _missing(names, there):
        return Merged(there, (), is_new=False)
    with owned(there.owner, there.id, waits=False):
        if faults := _differences(given, there):  # looked at once more: until now anybody could train it
            raise InputError(
                f"{there.path}: expected it as it was when merging began, found otherwise: {faults[0]}. Runs before it "
                "in the bundle are added; merge again to see what to do"
            )
        is_new, missing = not there.facts.exists(), _missing(names, there)
        for name in missing:
            (given.path / name).rename(there.path / name)
    return Merged(there, missing, is_new)


def _missing(names: list[str], there: RunFolder) -> tuple[str, ...]:
    return tuple(name for name in names if not (there.path / name).exists())
