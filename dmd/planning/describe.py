"""What the workflow writes down for its steps: settings of a run, facts of a store, an artefact with its rows."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from dmd.errors import InputError, nearest
from dmd.files import read_text, write_json
from dmd.planning.artefacts import AnyForm, Curve, Panel, Table
from dmd.planning.config import Config
from dmd.planning.plan import Artefact, Plan, Row
from dmd.planning.resolve import Store

FORM: TypeAdapter[AnyForm] = TypeAdapter(AnyForm)
ROWS: TypeAdapter[tuple[Row, ...]] = TypeAdapter(tuple[Row, ...])
F = TypeVar("F", Table, Curve, Panel)


def describe(name: str, config: Config, plan: Plan) -> tuple[str, dict[str, Any]]:
    """Return where the description of a run, store or artefact lies below results/, and what it says.

    Raises
    ------
    InputError
        Nothing that is planned has the name.
    """
    if name in plan.runs:
        return f"runs/{name}/spec.json", asdict(plan.runs[name].spec)
    if name in plan.stores:
        return f"data/{name}.json", describe_store(config, plan.stores[name])
    if name in plan.artefacts:
        return f"{name}.json", describe_artefact(plan.artefacts[name])
    hint = nearest(name, [*plan.artefacts, *plan.stores, *plan.runs])
    raise InputError(f"the configuration has no run, store or artefact '{name}'{hint}")


def describe_store(config: Config, store: Store) -> dict[str, Any]:
    """Return what `dmd step prepare` and `dmd step check` work from: the identity of a store and its facts.

    Words for readers are left out: another wording makes no store again.
    """
    return {"identity": store.identity, "dataset": config.datasets[store.dataset].model_dump(exclude={"terms"})}


def describe_artefact(artefact: Artefact[Any]) -> dict[str, Any]:
    """Return what an artefact is made from, for whoever has only the runs."""
    rows = [asdict(row) for row in artefact.rows]
    return {"name": artefact.name, "scale": artefact.scale, "form": artefact.form.model_dump(), "rows": rows}


def read_artefact(path: Path, kind: type[F]) -> Artefact[F]:
    """Read the description of an artefact of one kind.

    Raises
    ------
    InputError
        The file is missing or describes something else.
    """
    artefact = read_any(path)
    if not isinstance(artefact.form, kind):
        raise InputError(
            f"expected the description of a {kind.__name__.lower()} at {path}, found that of a {artefact.form.kind}"
        )
    return artefact


def read_any(path: Path) -> Artefact[Any]:
    """Read the description of an artefact of any kind.

    Raises
    ------
    InputError
        The file is missing or describes something else.
    """
    try:
        content = json.loads(read_text(path, "the description of a table or figure"))
        form, rows = FORM.validate_python(content["form"]), ROWS.validate_python(content["rows"])
        return Artefact(content["name"], content["scale"], form, rows)
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        raise InputError(
            f"expected the description of a table or figure at {path}, found another content ({error!r}); delete the "
            "file and have it made again"
        ) from None


def write(name: str, config: Config, plan: Plan, results: Path) -> Path:
    """Write the description of a run, store or artefact where the workflow looks for it; one that is right stays."""
    place, content = describe(name, config, plan)
    path = results / place
    if not _says(path, content):
        write_json(path, content)
    return path


def read_json(path: Path) -> Any:
    """Return what a description says.

    Raises
    ------
    InputError
        There is no file, or it is no JSON.
    """
    try:
        return json.loads(read_text(path, "a JSON description"))
    except json.JSONDecodeError as error:
        raise InputError(f"expected a JSON description at {path}: {error}") from None


def _says(path: Path, content: dict[str, Any]) -> bool:
    try:
        return bool(json.loads(path.read_text(encoding="utf-8")) == json.loads(json.dumps(content)))
    except (OSError, ValueError):
        return False
