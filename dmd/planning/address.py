"""What the address of a tracking store says; no mlflow, which takes seconds to import."""

import re
from pathlib import Path

from pydantic import field_validator

from dmd.errors import InputError
from dmd.planning.strict import Strict

DEFAULT_STORE = "sqlite:///results/mlflow.db"


def database(uri: str) -> Path | None:
    """Return the file of a SQLite store, ``None`` for a server.

    Parameters
    ----------
    uri : str
        ``sqlite:///relative.db``, ``sqlite:////absolute.db`` or ``http(s)://server``.

    Raises
    ------
    InputError
        Another kind of store.
    """
    kind, _, place = uri.partition("://")
    if kind in ("http", "https") and place:
        return None
    if kind == "sqlite" and place.startswith("/") and place != "/" and not place.startswith("/~"):
        return Path(place.removeprefix("/"))
    raise InputError(
        f"expected a tracking store sqlite:///path.db or http(s)://server, found '{public(uri)}'. The file "
        "store (a folder) is refused: it is in maintenance mode since MLflow 3.13 and loses what "
        "concurrent runs write. Other databases are reached through `mlflow server`; `~` is no home in an address"
    )


def public(uri: str) -> str:
    """Return an address, or a text with one, without user and password."""
    return re.sub(r"//\S*@", "//", uri)  # up to the last: a password may hold one itself


class Tracking(Strict):
    """Where runs are mirrored for comparison; ``None`` is the SQLite file results/mlflow.db."""

    uri: str | None = None

    @field_validator("uri")
    @classmethod
    def _be_a_store(cls, given: str | None) -> str | None:
        try:
            database(DEFAULT_STORE if given is None else given)
        except InputError as error:
            raise ValueError(str(error)) from None
        return given

    @property
    def store(self) -> str:
        """The address, also where none is given."""
        return self.uri or DEFAULT_STORE
