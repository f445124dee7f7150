"""What an artefact is made from, as the workflow wrote it down, and how its setting is said in words."""

import json
from pathlib import Path

from dmd.errors import InputError
from dmd.planning.plan import Artefact, Loss, Row

EMPTY = {
    "no_distance": "they count with Dice 0 and are left out of the distances",
    "as_published": (
        "they count with all scores 0, the distances too, as in released test scripts (as_published), which flatters"
    ),
    "penalised": "they count with Dice 0 and the diagonal of the volume as distance (penalised)",
}


def read_description(path: Path, kind: str | None = None) -> Artefact:
    """Read the JSON of a `dmd.planning.plan.Artefact`.

    Parameters
    ----------
    path : Path
        Written by `dmd step describe`.
    kind : str, optional
        ``table``, ``curve`` or ``panel``: what it must be the description of; left out, any of them.

    Raises
    ------
    InputError
        The file is missing or describes something else.
    """
    expected = f"the description of a {kind or 'table or figure'}"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        rows = tuple(Row(**row | {"runs": tuple(row["runs"])}) for row in content["rows"])
        losses = tuple(Loss(**loss) for loss in content.get("losses") or ()) or None
        artefact = Artefact(**content | {"columns": tuple(content["columns"]), "rows": rows, "losses": losses})
        if kind and artefact.kind != kind:
            raise ValueError(f"it is that of a {artefact.kind}")
        return artefact
    except FileNotFoundError:
        raise InputError(f"expected {expected} at {path}, found no file") from None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"expected {expected} at {path}, found another content ({error!r}); delete the file and have it made again"
        ) from None


def setting(artefact: Artefact, trained: list[str]) -> str:
    """Say at which scale an artefact was made; ``trained`` names data, patch and iterations where they differ."""
    if artefact.scale == "paper":
        return "Scale 'paper'."
    said = f"Not the paper's setting: scale '{artefact.scale}' ({'; '.join(trained)})."
    if artefact.kind == "panel":
        return said
    return f"{said} The paper's numbers stand beside for orientation, not for comparison."


def empty_predictions(artefact: Artefact) -> str:
    """Say what empty predictions count as."""
    return EMPTY[artefact.empty or "no_distance"]
