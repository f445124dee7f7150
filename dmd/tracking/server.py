"""The store of the mirrors: a SQLite file or a server, made once, asked with short timeouts."""

import os
import re
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")  # MLflow's 7 block for four minutes
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")  # seconds; MLflow's are 120
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # by default MLflow reports its use to its makers
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")

import mlflow
from mlflow import MlflowClient
from mlflow.entities import LifecycleStage
from mlflow.exceptions import MlflowException
from mlflow.store.db.utils import _get_latest_schema_revision
from sqlalchemy.exc import SQLAlchemyError

from dmd.errors import InputError
from dmd.files import locked, replacing
from dmd.planning.address import database, public


class ServerError(Exception):
    """The store cannot take a run as it is now."""


FAULTS = (ServerError, MlflowException, SQLAlchemyError, OSError)  # of a store; none of them may stop anything


def make_server(uri: str) -> None:
    """Make a SQLite database where there is none yet, or see that a server answers.

    MLflow makes the tables of a new database when that is first opened, and of several processes that do so
    at once all but one die. Therefore one process makes it, aside, and it appears when it is whole.

    Parameters
    ----------
    uri : str
        As `dmd.planning.address.database` takes it.

    Raises
    ------
    InputError
        Another kind of store, or a database that cannot be opened. A server that does not answer raises nothing:
        it is a warning, and what is tracked meanwhile waits for it.
    """
    file = database(uri)
    try:
        if file and not file.exists():
            _make(file)
        _connect(uri)
    except FAULTS as error:
        fault = f"expected an MLflow store at {public(uri)} that can be used: {brief(error)}"
        if file:
            raise InputError(fault) from None
        say("tracking", f"{fault}. Runs are tracked later, nothing waits for it")


def _make(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with locked(file.with_name(f".{file.name}.lock")):
        if not file.exists():
            with replacing(file) as aside:
                _connect(f"sqlite:///{aside.resolve()}")


def may_send(uri: str) -> bool:
    """Say whether this process may write to a store: a job of a cluster to a server only.

    Many nodes would write one file on a network file system, whose locks SQLite cannot trust.
    """
    return database(uri) is None or "SLURM_JOB_ID" not in os.environ


def open_server(uri: str) -> MlflowClient:
    """Return a client of a store that is there; one of `FAULTS` says why it cannot be used."""
    file = database(uri)
    if file and not os.access(file, os.R_OK | os.W_OK):
        raise ServerError(f"no database to write to at {file}; `dmd track` makes it and sends the runs that are tested")
    return _connect(uri)


def experiment_id(client: MlflowClient, name: str, uri: str) -> str:
    """Return the id of an experiment that is there and active afterwards."""
    file = database(uri)
    # A server has a place of its own for files.
    location = (file.resolve().parent / "mlartifacts" / name).as_uri() if file else None
    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return client.create_experiment(name, location)
        except MlflowException:
            found = client.get_experiment_by_name(name)  # another process was faster
            if found is None:
                raise
    if found.lifecycle_stage != LifecycleStage.ACTIVE:
        say(name, "this experiment was deleted in MLflow; restored")
        client.restore_experiment(found.experiment_id)
    if location and found.artifact_location != location:
        raise ServerError(
            f"expected artifacts in {location}, found {found.artifact_location}: the folder was moved, and "
            "MLflow keeps absolute paths. Delete the database and mlartifacts/ beside it, track the runs anew"
        )
    return found.experiment_id


def brief(error: Exception) -> str:
    """Return the reason of a fault in one line, without user and password."""
    return public(str(error).partition("\n")[0][:300]) or type(error).__name__


def say(who: str, text: str) -> None:
    """Print a line to stderr, which is the log of a rule."""
    print(f"{who}: {text}", file=sys.stderr, flush=True)


def _connect(uri: str) -> MlflowClient:
    file = database(uri)
    if file and file.exists():
        _require_schema(file, uri)
    try:
        client = MlflowClient(uri)
        client.search_experiments(max_results=1)
    except MlflowException as error:
        found = re.search(r"database schema \(found version (\w+)", str(error))
        if found is None:
            raise
        raise ServerError(_other_schema(found[1], uri)) from None
    return client


def _require_schema(file: Path, uri: str) -> None:
    """Refuse a file that MLflow would change without asking: it migrates a database that lacks tables of its own."""
    try:  # writable, for what a process that was killed left half written to be undone
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=rw", uri=True)) as opened:
            tables = {name for (name,) in opened.execute("select name from sqlite_master where type = 'table'")}
            known = "alembic_version" in tables
            versions = [of for (of,) in opened.execute("select version_num from alembic_version")] if known else []
    except sqlite3.Error as error:
        raise ServerError(f"{error}") from None
    if tables and not versions:
        raise ServerError(f"{file} is a database of something else than MLflow; name another in `tracking: uri:`")
    if versions and versions != [_get_latest_schema_revision()]:
        raise ServerError(_other_schema(versions[0], uri))


def _other_schema(version: str, uri: str) -> str:
    """Say what to do about a database of another MLflow; MLflow itself calls a newer one out of date."""
    if any(Path(mlflow.__file__).parent.glob(f"store/db_migrations/versions/{version}_*")):
        return (
            f"the database was made by an older MLflow than this {mlflow.__version__}: `mlflow db upgrade {uri}` "
            "brings it up to date, for good: copy the file first, or name another store in `tracking: uri:`"
        )
    return (
        f"the database was made by a newer MLflow than this {mlflow.__version__} (its schema is {version}). It is left "
        "as it is: install that MLflow here, or name another store in `tracking: uri:`"
    )
