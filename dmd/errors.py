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
