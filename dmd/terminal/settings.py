"""The settings of a run as people read and type them: every one by its path, as text."""

from contextlib import suppress
from functools import lru_cache
from typing import Any

import yaml

from dmd.errors import InputError
from dmd.planning.identity import Spec, canonical
from dmd.planning.reading import parse


def flat(spec: Spec) -> dict[str, str]:
    """Return every setting of a run by its path, as `text`; those of the test have no path before their name.

    >>> flat(Spec({"labelled": 8, "method": {"params": {"weight": 4.0}}}, {"stride": [16, 16, 6]}))
    {'labelled': '8', 'method.params.weight': '4', 'stride': '16x16x6'}
    """
    return _flat(spec.training | spec.testing)


def _flat(settings: dict[str, Any], path: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{path}{name}.")
        else:
            found[f"{path}{name}"] = text(value)
    return found


def text(value: Any) -> str:
    """Return a value as it is printed and typed: one spelling per number, the lengths of a list between crosses."""
    if isinstance(value, list):
        return "x".join(map(text, value))
    if isinstance(value, str):
        return value
    return _spelled(value) if isinstance(value, float | int) else canonical(value)


@lru_cache(maxsize=None, typed=True)  # a grid has few numbers, and each of them in thousands of runs
def _spelled(number: float) -> str:
    return canonical(number)


def assignment(word: str, where: str) -> tuple[str, Any]:
    """Return key and value of ``key=value``, the value read as Snakemake reads it: a number, else YAML.

    >>> assignment("weight_decay=1e-4", "--config")
    ('weight_decay', 0.0001)

    Raises
    ------
    InputError
        There is no ``=``, or no YAML behind it.
    """
    key, sign, value = word.partition("=")
    if not sign:
        raise InputError(f"{where}: expected KEY=VALUE, found '{word}', e.g. scale=half")
    for read in (int, float):
        with suppress(ValueError):
            return key, read(value)
    try:
        return key, parse(value)
    except yaml.YAMLError as error:
        raise InputError(f"{where}: expected YAML after '{key}=', found '{value}': {error}") from None


def iterations(spec: Spec) -> int:
    """Return the steps of the whole training."""
    return int(spec.training["iterations"])
