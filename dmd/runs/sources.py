"""Whether runs were trained by the method's file as it is now, and what to say where they were not."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dmd.errors import InputError
from dmd.planning.declarations import declaration
from dmd.planning.implementations import is_elsewhere, source_file
from dmd.planning.plan import Run
from dmd.runs.folder import RunFolder, read_json


def changed(runs: Iterable[Run], folder: Path) -> dict[str, list[Run]]:
    """Return the trained runs, by implementation, whose method had other statements under the same revision."""
    found: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        facts = read_json(RunFolder(folder / run.id).facts)
        implementation = run.spec.training["method"]["implementation"]
        if _is_changed(implementation, [facts, *facts.get("attempts", [])]):
            found[implementation].append(run)
    return dict(found)


def require_same_method(run: RunFolder, implementation: str, attempts: Iterable[dict[str, Any]]) -> None:
    """Require that a training, of which ``attempts`` made the steps so far, goes on with the method as they had it.

    Raises
    ------
    InputError
        Says which ways out there are.
    """
    if _is_changed(implementation, attempts):
        raise InputError(
            f"{run.state}: expected to go on with the method that made its steps, found other statements in "
            f"{source_file(implementation)} under the same revision. If its maths is another now, raise `revision` of "
            "the method where it stands: a new run is trained. If it is the same, say so: name the method under "
            f"`keep`. `dmd retrain {run.id}` has this run begin anew"
        )


def _is_changed(implementation: str, attempts: Iterable[dict[str, Any]]) -> bool:
    return not {of.get("method_source") for of in attempts} <= {None, declaration(implementation).source}


def undecided(runs: Mapping[str, Run], folder: Path, kept: Iterable[str]) -> list[str]:
    """Say of each method whose file was changed, and whose runs nobody has decided about, what there is to decide.

    Parameters
    ----------
    runs : mapping
        All planned runs.
    folder : Path
        Where the runs lie.
    kept : iterable of str
        Methods whose runs stay, `dmd.planning.config.Config.keep`.
    """
    return [
        _say(implementation, found)
        for implementation, found in changed(runs.values(), folder).items()
        if {implementation, *(method for run in found for method in run.methods)}.isdisjoint(kept)
    ]


def _say(implementation: str, found: list[Run]) -> str:
    elsewhere = is_elsewhere(implementation)
    method = found[0].methods[0] if elsewhere else implementation
    file = implementation if elsewhere else f"dmd/methods/{implementation}.py"
    return (
        f"{file} has other statements than when {len(found)} run(s) were trained, {found[0].id} first, and the same "
        f"revision. If its maths is another now, raise `revision` of methods.{method} where it stands: new runs are "
        f"trained, the old ones stay. If it is the same, say so: `keep: [{method}]` in config/config.yaml"
    )


def require_decided(runs: Mapping[str, Run], folder: Path, kept: Iterable[str]) -> None:
    """Raise an `InputError` where `undecided` has something to say."""
    said = undecided(runs, folder, kept)
    if said:
        raise InputError("\n".join(said))
