"""The settings of a run as people read and type them: every one by its path, as text."""

from contextlib import suppress
from typing import Any

import yaml

from dmd.errors import InputError
from dmd.planning.plan import canonical


def flat(spec: dict[str, Any], path: str = "") -> dict[str, str]:
    """Return every setting by its path, as `text`.

    >>> flat({"labelled": 8, "method": {"params": {"weight": 4.0}}, "patch": [64, 64, 32]})
    {'labelled': '8', 'method.params.weight': '4', 'patch': '64x64x32'}
    """
    found: dict[str, str] = {}
    for name, value in spec.items():
        found |= flat(value, f"{path}{name}.") if isinstance(value, dict) else {f"{path}{name}": text(value)}
    return found


def text(value: Any) -> str:
    """Return a value as it is printed and typed: one spelling per number, the lengths of a list between crosses."""
    if isinstance(value, list):
        return "x".join(map(text, value))
    return value if isinstance(value, str) else canonical(value)


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
        return key, yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise InputError(f"{where}: expected YAML after '{key}=', found '{value}': {error}") from None


def iterations(spec: dict[str, Any]) -> int:
    """Return the steps of the whole training."""
    return spec["iterations"]
