"""The one exception a user is meant to read."""

import difflib
from collections.abc import Iterable


class InputError(Exception):
    """Bad input: says what was expected, what was found, where, and what to do.

    The command line prints the message without a traceback and exits with status 2.
    """


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the known word most like ``word``, or an empty string."""
    match = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean '{match[0]}'?" if match else ""


def require_known(value: str, known: Iterable[str], what: str) -> None:
    """Raise an `InputError` unless ``value`` is one of the ``known`` ones, which it lists with the nearest."""
    if value not in known:
        raise InputError(f"unknown {what} '{value}'{nearest(value, known)}. Known: {', '.join(known)}")


def require_positive(where: str, **values: float) -> None:
    """Raise an `InputError` unless every one of ``values`` is above 0."""
    for name, value in values.items():
        if not value > 0:  # so that NaN is refused as well
            raise InputError(f"{where}: expected {name} > 0, found {value}; change it in config/methods.yaml")
