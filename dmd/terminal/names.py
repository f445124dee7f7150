"""The name of what somebody adds to the configuration, which YAML, the configuration and the folder must leave free."""

import re
from collections.abc import Container
from pathlib import Path

from dmd.errors import InputError
from dmd.planning.identity import NAME
from dmd.planning.reading import parse


def require_name(name: str) -> None:
    """Raise an `InputError` for what cannot be a name, or is another value for YAML, as `on` and `42` are."""
    if not re.fullmatch(NAME, name) or parse(name) != name:
        raise InputError(f"expected a name of small letters, digits, _ and -, and no word of YAML, found '{name}'")


def require_free(name: str, *known: Container[str]) -> None:
    """Raise an `InputError` for a name that is known: what is added would be laid over what has it."""
    if any(name in names for names in known):
        raise InputError(f"expected a name that the configuration does not have yet, found '{name}'; take another")


def require_no_file(*paths: Path) -> None:
    """Raise an `InputError` where something is there already: nothing is written over."""
    for path in paths:
        if path.exists():
            raise InputError(f"expected no file at {path} yet; take another name, or go on with what is there")
