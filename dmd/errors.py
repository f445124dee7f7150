"""The exceptions a user is meant to read."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any


class InputError(Exception):
    """Bad input: says what was expected, what was found, where, and what to do.

    The command line prints the message without a traceback and exits with status 2.
    """


class PassingError(InputError):
    """The machine or the moment is wrong, not the input: another attempt may succeed, elsewhere or later."""


class DivergedError(Exception):
    """A loss term or a weight is not finite; the last good state is kept. The command line exits with status 3."""


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the known word most like ``word`` in any case, or an empty string."""
    spelt = {name.lower(): name for name in known}
    match = difflib.get_close_matches(word.lower(), spelt, n=1, cutoff=0.5)
    return f"; did you mean '{spelt[match[0]]}'?" if match else ""


def require_known(where: str, name: str, known: Iterable[str], what: str) -> None:
    """Raise an `InputError` unless ``name`` is one of the ``known`` ones, which it lists with the nearest."""
    if name not in known:
        raise InputError(f"{where}: unknown {what} '{name}'{nearest(name, known)}. Known: {', '.join(known)}")


def lookup(known: Mapping[str, Any], name: str, what: str, where: str) -> Any:
    """Return what ``known`` holds under a name.

    Raises
    ------
    InputError
        It holds nothing there; lists the known names and the nearest.
    """
    require_known(where, name, known, what)
    return known[name]
