"""Runs mirrored in MLflow: a view of their files, never in the way of the science.

The mirror of a run is found by its tag ``dmd.run``. What it holds is compared with the files and only what is
missing is sent: repeating is harmless, and the mirror of a run that was trained anew is made again.
"""

import math
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")  # MLflow's 7 block for four minutes
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")  # seconds; MLflow's are 120
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # by default MLflow reports its use to its makers
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")

from mlflow import MlflowClient
from mlflow.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LifecycleStage,
    Metric,
    Param,
    Run,
    RunTag,
    ViewType,
)
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from dmd.errors import InputError
from dmd.files import replacing, write_json
from dmd.plan import canonical
from dmd.report.record import Point, Record, read_record
from dmd.rundir import RunDir

BATCH = 1000  # MLflow's limit on metrics per call


class StoreError(Exception):
    """The store cannot take a run as it is now."""


def make_store(uri: str) -> None:
    """Make a SQLite store, or see that a server answers; once, before the first run is tracked.

    MLflow makes the tables of a new database when that is first opened, and of several processes that do so
    at once all but one die. Therefore the database is made aside and appears when it is whole.

    Parameters
    ----------
    uri : str
        ``sqlite:///relative.db``, ``sqlite:////absolute.db`` or ``http(s)://server``.

    Raises
    ------
    InputError
        Another kind of store, or a database that cannot be opened. A server that does not answer raises nothing:
        it is a warning, and what is tracked meanwhile waits for it.
    """
    database = _database(uri)
    try:
        if database and not database.exists():
            with replacing(database) as aside:
                _open(f"sqlite:///{aside.resolve()}")
        _open(uri)
    except (MlflowException, SQLAlchemyError, OSError) as error:
        fault = f"expected an MLflow store at {_public(uri)}, found none: {_brief(error)}"
        if database:
            raise InputError(fault) from None
        _say("tracking", f"{fault}. Runs are tracked later, nothing waits for it")


def track_run(run: RunDir, uri: str, artefacts: list[str], methods: Sequence[str] = ()) -> None:
    """Mirror an evaluated run in MLflow and write ``tracked.json``.

    Parameters
    ----------
    run : RunDir
        Folder of the run.
    uri : str
        As in `make_store`.
    artefacts : list of str
        Names of the artefacts that use the run (``table3``, ``smoke/table3``). The scale of the first decides
        the experiment, ``dmd-paper`` or ``dmd-smoke``; without any it is ``dmd-other``.
    methods : sequence of str
        What the artefacts call the method (``dml``, where the implementation is ``dmd``), for the tag ``method``.

    Raises
    ------
    InputError
        A file of the run is missing, or the kind of store is not supported. A store that does not answer
        raises nothing: it is a warning and the status ``pending`` in ``tracked.json``, and a later call makes
        up for it.
    """
    database = _database(uri)
    content = read_record(run)
    if methods:
        content.tags["method"] = ",".join(methods)
    try:
        if database and not os.access(database, os.R_OK | os.W_OK):
            raise StoreError(f"no database to write to at {database}; make one with `dmd track-store {uri}`")
        found = _mirror(_open(uri), run.id, content, artefacts, _artifacts(database))
    except (StoreError, MlflowException, SQLAlchemyError, OSError) as error:
        found = {"status": "pending", "reason": _brief(error)}
        _say(
            run.id,
            f"not in MLflow yet ({_public(uri)}): {found['reason']}. The files of the run are complete; "
            "`dmd track` or `snakemake --forcerun track_run` sends what is missing",
        )
    write_json(run.tracked, {"uri": _public(uri)} | found)


def _mirror(
    client: MlflowClient, run: str, content: Record, artefacts: list[str], artifacts: Path | None
) -> dict[str, str]:
    """Bring MLflow up to date and say where the mirror is."""
    home = _experiment(client, f"dmd-{_scale(artefacts)}", artifacts)
    ours = client.search_experiments(filter_string="name LIKE 'dmd-%'")
    experiments = {experiment.experiment_id: experiment.name for experiment in ours}
    mirror = _find(client, list(experiments), run)
    stored = _stored(client, mirror, content) if mirror else {}
    if mirror and not _agrees(stored, content):
        _say(run, f"MLflow run {mirror.info.run_id} shows another training or test; deleted and made again")
        client.delete_run(mirror.info.run_id)
        mirror, stored = None, {}
    if mirror is None:
        mirror = client.create_run(home, content.start, {"dmd.run": run}, run)
    experiment = experiments[mirror.info.experiment_id]
    known = mirror.data.tags.get("artefacts", "").split(",")
    tags = {
        "scale": experiment.removeprefix("dmd-"),
        "artefacts": ",".join(dict.fromkeys(filter(None, [*known, *artefacts]))),
    }
    _send(client, mirror.info.run_id, content, tags, stored)
    return {"experiment": experiment, "mlflow_run": mirror.info.run_id, "status": "complete"}


def _scale(artefacts: list[str]) -> str:
    if not artefacts:
        return "other"
    return artefacts[0].split("/")[0] if "/" in artefacts[0] else "paper"


def _experiment(client: MlflowClient, name: str, artifacts: Path | None) -> str:
    """Return the id of an experiment that is there and active afterwards."""
    location = (artifacts / name).as_uri() if artifacts else None
    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return client.create_experiment(name, location)
        except MlflowException:
            found = client.get_experiment_by_name(name)  # another process was faster
            if found is None:
                raise
    if found.lifecycle_stage != LifecycleStage.ACTIVE:
        _say(name, "this experiment was deleted in MLflow; restored")
        client.restore_experiment(found.experiment_id)
    if location and found.artifact_location != location:
        raise StoreError(
            f"expected artifacts in {location}, found {found.artifact_location}: the folder was moved, and "
            "MLflow keeps absolute paths. Delete the database and mlartifacts/ beside it, track the runs anew"
        )
    return found.experiment_id


def _find(client: MlflowClient, experiments: list[str], run: str) -> Run | None:
    """Return the MLflow run of a run; the oldest, should there be several."""
    mirrors = client.search_runs(
        experiments, f"tags.`dmd.run` = '{run}'", ViewType.ALL, order_by=["attributes.start_time ASC"]
    )
    active = [mirror for mirror in mirrors if mirror.info.lifecycle_stage == LifecycleStage.ACTIVE]
    if mirrors and not active:
        _say(run, "its MLflow run was deleted; made again")
    return active[0] if active else None


def _stored(client: MlflowClient, mirror: Run, content: Record) -> dict[Point, float]:
    """Return what MLflow holds under the names of our points; other metrics are their owner's business.

    To ask takes a second for 10 000 points. To send them again instead would change nothing either, but takes
    MLflow 3.17 half a minute, because it looks each of them up.
    """
    names = {name for name, _ in content.points} & set(mirror.data.metrics)
    return {
        (name, metric.step): metric.value
        for name in names
        for metric in client.get_metric_history(mirror.info.run_id, name)
    }


def _agrees(stored: dict[Point, float], content: Record) -> bool:
    return all(
        point in content.points and math.isclose(content.points[point][0], value, rel_tol=1e-12)
        for point, value in stored.items()
    )


def _send(client: MlflowClient, mirror: str, content: Record, tags: dict[str, str], stored: dict[Point, float]) -> None:
    client.log_batch(
        mirror,
        params=[Param(name, value) for name, value in content.params.items()],
        tags=[RunTag(name, value) for name, value in (content.tags | tags).items()],
    )
    missing = [
        Metric(name, value, time, step)
        for (name, step), (value, time) in content.points.items()
        if (name, step) not in stored
    ]
    for start in range(0, len(missing), BATCH):
        client.log_batch(mirror, metrics=missing[start : start + BATCH])
    identity = content.dataset
    dataset = Dataset(identity["name"], identity["split"][:12], "dmd", canonical(identity))
    client.log_inputs(mirror, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])])
    for file in content.files:
        client.log_artifact(mirror, str(file))
    client.set_terminated(mirror, "FINISHED", content.end)


def _open(uri: str) -> MlflowClient:
    client = MlflowClient(uri)
    client.search_experiments(max_results=1)
    return client


def _database(uri: str) -> Path | None:
    """Return the file of a SQLite store, ``None`` for a server."""
    kind, _, place = uri.partition("://")
    if kind in ("http", "https") and place:
        return None
    if kind == "sqlite" and place.startswith("/") and place != "/":
        return Path(place.removeprefix("/"))
    raise InputError(
        f"expected a tracking store sqlite:///path.db or http(s)://server, found '{_public(uri)}'. The file "
        "store (a folder) is refused: it is in maintenance mode since MLflow 3.13 and loses what "
        "concurrent runs write. Other databases are reached through `mlflow server`"
    )


def _artifacts(database: Path | None) -> Path | None:
    """Return the folder for files, beside the database; a server has its own."""
    return database.resolve().parent / "mlartifacts" if database else None


def _public(uri: str) -> str:
    """Return an address without user and password."""
    return re.sub("//[^/@]*@", "//", uri)


def _brief(error: Exception) -> str:
    return _public(str(error).partition("\n")[0][:300]) or type(error).__name__


def _say(who: str, text: str) -> None:
    print(f"{who}: {text}", file=sys.stderr)
