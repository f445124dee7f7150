"""Whether runs were trained by the method's file as it is now, and what to say where they were not."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from dmd.errors import InputError
from dmd.planning.declarations import declaration
from dmd.planning.implementations import is_elsewhere
from dmd.planning.plan import Run
from dmd.runs.folder import RunFolder, read_json


def changed(runs: Iterable[Run], folder: Path) -> dict[str, list[Run]]:
    """Return the trained runs, by implementation, whose method had other statements under the same revision."""
    found: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        facts = read_json(RunFolder(folder / run.id).facts)
        implementation = run.spec.training["method"]["implementation"]
        source = facts.get("method_source")
        if source not in (None, declaration(implementation).source):
            found[implementation].append(run)
    return dict(found)


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
