"""Guests: masks that were made elsewhere and are measured here, a row of a table that is not trained here."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from dmd.errors import InputError, lookup
from dmd.planning.config import Config
from dmd.planning.identity import DIGITS, NAME, digest
from dmd.planning.project import find
from dmd.planning.resolve import Cell, Resolver, Store
from dmd.planning.splits import load_split
from dmd.planning.strict import Label

ID = re.compile(rf"guest-{NAME}-\d+-[0-9a-f]{{{DIGITS}}}")  # no run's: behind its budget stands a method
MARK = "not trained here"
LABEL: TypeAdapter[str] = TypeAdapter(Label)


@dataclass(frozen=True)
class Guest:
    """Masks of the test cases of a store, under a name; whoever made them was to learn from ``labelled`` patients."""

    name: str
    labelled: int
    store: Store

    @property
    def settings(self) -> dict[str, Any]:
        """What decides the id, and with it the folder."""
        return {"dataset": self.store.identity, "labelled": self.labelled, "name": self.name}

    @property
    def id(self) -> str:
        """Name of the folder in results/guests, such as ``guest-la-8-0123456789``."""
        return f"guest-{self.store.identity['name']}-{self.labelled}-{digest(self.settings)}"

    @property
    def label(self) -> str:
        """What tables and figures call it."""
        return marked(self.name)


def marked(name: str) -> str:
    """Return what a guest is called wherever it stands beside runs.

    >>> marked("nnU-Net")
    'nnU-Net (not trained here)'
    """
    return f"{name} ({MARK})"


def is_guest(name: str) -> bool:
    """Say whether a name is the id of a guest.

    >>> is_guest("guest-la-8-0123456789"), is_guest("la-8-guest-0123456789"), is_guest("guest-8-dmd-0123456789")
    (True, False, False)
    """
    return bool(ID.fullmatch(name))


def invite(resolver: Resolver, cell: Cell, name: str) -> Guest:
    """Return the guest of a name on the data of a cell, whose method does not count.

    Raises
    ------
    InputError
        There is no such data set or budget, or the name is that of a method or none that can be printed.
    """
    try:
        name = LABEL.validate_python(name)
    except ValidationError as error:
        raise InputError(f"{cell.where}: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from None
    _require_free(name, resolver.config, cell.where)
    patients = len(resolver.splits[resolver.data(cell).data].parts["train"])
    if not 1 <= cell.labelled <= patients:
        raise InputError(f"{cell.where}: expected a budget of 1 to {patients} labelled patients, found {cell.labelled}")
    return Guest(name, cell.labelled, resolver.store(cell))


def find_guest(config: Config, scale: str, dataset: str, labelled: int, name: str) -> Guest:
    """Return the guest that a person means, as `invite`."""
    lookup(config.scales, scale, "scale", f"masks {name!r}")
    splits = {data: load_split(find(Path(facts.split))) for data, facts in config.datasets.items()}
    return invite(Resolver(config, splits), Cell(f"masks {name!r}", scale, dataset, labelled, "", {}), name)


def _require_free(name: str, config: Config, where: str) -> None:
    """Require a name that no row of ours has, in whatever case."""
    for method, stanza in config.methods.items():
        if name.lower() in map(str.lower, [method, stanza.label, *stanza.labels.values()]):
            raise InputError(
                f"{where}: expected a name of its own for masks made elsewhere, found '{name}', which is that of the "
                f"method '{method}'; say whose they are, such as '{name} by us'"
            )
