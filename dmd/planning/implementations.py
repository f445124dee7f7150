"""Where the code of a method lies: a file of this package, a module of another, or a file of one's own."""

import re
from collections.abc import Mapping
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Protocol

from dmd.errors import InputError, lookup, nearest

FOLDER = Path(__file__).parents[1] / "methods"
NO_METHODS = ("__init__", "base", "contract")
PATTERN = r"^([a-z0-9_-]+|[A-Za-z_]\w*(\.[A-Za-z_]\w*)+|[^\x00-\x1f\x7f]+\.py)$"


@cache
def methods() -> tuple[str, ...]:
    """Return the names of all methods of this package: the files in dmd/methods."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in NO_METHODS))


def is_file(implementation: str) -> bool:
    """Say whether a method is a file of one's own, named by its path."""
    return implementation.endswith(".py")


def is_elsewhere(implementation: str) -> bool:
    """Say whether the code of a method lies outside this package: ``mypackage.mine`` or ``methods/mine.py``."""
    return "." in implementation


def short_name(implementation: str) -> str:
    """Return what the runs of a method are called after.

    >>> short_name("dmd"), short_name("mypackage.Mine"), short_name("own/mean-teacher.py")
    ('dmd', 'mine', 'mean-teacher')
    """
    stem = Path(implementation).stem if is_file(implementation) else implementation.rpartition(".")[2]
    return re.sub(r"[^a-z0-9_-]", "-", stem.lower())


class Stanza(Protocol):
    """What the configuration says of a method, as far as it matters here."""

    @property
    def implementation(self) -> str | None:
        """Another stanza, or where the code lies; by default the file of the method's own name."""


def implemented(stanzas: Mapping[str, Stanza], method: str, where: str) -> tuple[str, str]:
    """Return the stanza that has the revision and every hyper-parameter of a method, and where its code lies.

    Raises
    ------
    InputError
        There is no such method, or it shares the implementation of one that does not exist.
    """
    named = lookup(stanzas, method, "method", where).implementation or method
    if is_elsewhere(named):
        return method, named
    shared = lookup(stanzas, named, "method", where).implementation
    return named, shared if shared and is_elsewhere(shared) else named


def source_file(implementation: str) -> Path:
    """Return the file that holds a method; nothing is imported.

    Raises
    ------
    InputError
        There is no such file.
    """
    if not is_elsewhere(implementation):
        return _own(implementation)
    path = Path(implementation).expanduser() if is_file(implementation) else _module(implementation)
    if not path.is_file():
        raise InputError(
            f"expected the file of method '{implementation}' at {path.absolute()}, found none; a path is relative to "
            "the folder that the command runs in"
        )
    return path


def _own(name: str) -> Path:
    if name not in methods():
        raise InputError(
            f"unknown method '{name}'{nearest(name, methods())}. Files in dmd/methods: {', '.join(methods())}. A "
            "method of your own is named by its module (`mypackage.mine`) or its file (`mine.py`)"
        )
    return FOLDER / f"{name}.py"


def _module(name: str) -> Path:
    """Return where a module lies below its outermost package, which alone Python can find without importing any."""
    outermost, *inner = name.split(".")
    found = PathFinder.find_spec(outermost)
    places = [*(found.submodule_search_locations or [])] if found else []
    if not places:
        raise InputError(
            f"expected a package '{outermost}' that Python can import, for method '{name}', found none; install it "
            "where dmd is installed, or name the file by its path (`mine.py`)"
        )
    return Path(places[0]).joinpath(*inner).with_suffix(".py")
