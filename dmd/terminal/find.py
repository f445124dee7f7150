"""Which runs of a plan a person means, and what tells them apart."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from dmd.errors import InputError, lookup, nearest, require_known
from dmd.planning.plan import Artefact, Plan, Run
from dmd.terminal.settings import assignment, flat, text

WHERE = "the configuration"  # of what no run knows
# Words for what has another path, or none.
METHOD, DATASET = "method", "dataset"


def find(plan: Plan, words: Sequence[str], scale: str | None = None) -> list[Run]:
    """Return the runs that a person asks for, in the order of the artefacts.

    Parameters
    ----------
    plan : Plan
        All runs.
    words : sequence of str
        Names of artefacts, of which a run must be behind one, and settings ``key=value``, which it must all have. A key
        is a setting's path or so much of its end as no other path has (``method.params.temperature``, ``temperature``);
        ``method`` is what an artefact calls it, ``dataset`` the data set's name.
    scale : str, optional
        Only runs that an artefact of this scale wants.

    Raises
    ------
    InputError
        No artefact or scale has this name, no run this setting or value, or no run all that is asked for.
    """
    behind = dict.fromkeys(run for artefact in asked(plan, words, scale) for run in artefact.runs)
    meant = set(behind).intersection(*(_having(plan, word) for word in words if "=" in word))
    if not meant:
        scales = [f"--scale {scale}"] if scale else []
        raise InputError(f"each of these is known, but no run is all of them: {' '.join([*words, *scales])}")
    return [plan.runs[run] for run in behind if run in meant]


def asked(plan: Plan, words: Sequence[str], scale: str | None = None) -> list[Artefact[Any]]:
    """Return the artefacts among ``words``, or all where there is none among them; of one ``scale`` only, if given."""
    names = [word for word in words if "=" not in word]
    artefacts = [lookup(plan.artefacts, name, "artefact", WHERE) for name in names or plan.artefacts]
    if scale is not None:
        require_known(WHERE, scale, dict.fromkeys(artefact.scale for artefact in plan.artefacts.values()), "scale")
    return [artefact for artefact in artefacts if scale in (None, artefact.scale)]


def tell_apart(plan: Plan, runs: Iterable[Run], artefacts: Iterable[Artefact[Any]]) -> dict[str, str]:
    """Return, by id, what artefacts call the method of a run, and the settings that it has not in common with its like.

    Alike are runs of one scale whose ids differ only in their end and whose methods are called the same.
    """
    called = {run: row.label for artefact in artefacts for row in artefact.rows for run in row.runs}
    alike: dict[tuple[str, str, str], list[Run]] = defaultdict(list)
    for run in runs:
        alike[run.id.rpartition("-")[0], called[run.id], plan.artefacts[run.wanted_by[0]].scale].append(run)
    return {
        run: ", ".join([label, *own])
        for (_, label, _), group in alike.items()
        for run, own in _differing(group).items()
    }


def _differing(runs: list[Run]) -> dict[str, list[str]]:
    """Return, by id, the settings that are not the same in all runs."""
    flats = {run.id: flat(run.spec) for run in runs}
    paths = dict.fromkeys(path for settings in flats.values() for path in settings)
    differing = [path for path in paths if len({settings.get(path) for settings in flats.values()}) > 1]
    return {
        run: [f"{path.rpartition('.')[2]} {settings[path]}" for path in differing if path in settings]
        for run, settings in flats.items()
    }


def _having(plan: Plan, word: str) -> set[str]:
    """Return the ids of all runs that have a setting ``key=value``."""
    key, value = assignment(word, f"'{word}'")
    having = _by_value(plan, key)
    require_known(WHERE, text(value), having, key)
    return having[text(value)]


def _by_value(plan: Plan, key: str) -> dict[str, set[str]]:
    """Return the ids of the runs by the value that they have of a setting."""
    having: dict[str, set[str]] = defaultdict(set)
    if key == METHOD:
        for run in plan.runs.values():
            for method in run.methods:
                having[method].add(run.id)
        return having
    flats = {name: flat(run.spec) for name, run in plan.runs.items()}
    path = _path("dataset.name" if key == DATASET else key, flats.values())
    for name, settings in flats.items():
        if path in settings:
            having[settings[path]].add(name)
    return having


def _path(key: str, flats: Iterable[dict[str, str]]) -> str:
    """Return the one path that a key stands for."""
    paths = dict.fromkeys(path for settings in flats for path in settings)
    meant = [key] if key in paths else [path for path in paths if path.endswith(f".{key}")]
    if len(meant) > 1:
        raise InputError(f"'{key}' may be {' or '.join(meant)}; write the one that you mean")
    if not meant:
        words = [METHOD, DATASET, *paths, *(path.rpartition(".")[2] for path in paths)]
        hint = nearest(key, words) or "; `dmd plan --json` prints the settings of every run"
        raise InputError(f"no run has a setting '{key}'{hint}")
    return meant[0]
