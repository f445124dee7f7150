"""YAML files into one dictionary: strictly read, those of a folder and of a user laid over the project's."""

import hashlib
import json
import shlex
from collections import Counter
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from dmd.errors import InputError
from dmd.files import read_text, write_text
from dmd.planning import project
from dmd.planning.identity import DIGITS

FILES = ("config.yaml", "datasets.yaml", "scales.yaml", "methods.yaml", "artefacts.yaml")


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # libyaml is not everywhere
    """Refuses a key that stands twice in one mapping, of which YAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = Counter(str(self.construct_object(key, deep=True)) for key, _ in node.value)
        twice = [key for key, count in keys.items() if count > 1]
        if twice:
            line = node.start_mark.line + 1
            raise yaml.YAMLError(f"expected each key once in the mapping from line {line} on, found '{twice[0]}' again")
        return super().construct_mapping(node, deep)


def read(folder: Path = Path("config"), *own: Path) -> dict[str, Any]:
    """Merge the project's YAML files, those of the same names in ``folder`` and a user's ``own``, later ones winning.

    Raises
    ------
    InputError
        A file is missing or is not a YAML mapping.
    """
    paths = [project.CONFIG / name for name in FILES]
    if folder.resolve() != project.CONFIG.resolve():
        paths += [folder / name for name in FILES if (folder / name).exists()]
    merged: dict[str, Any] = {}
    for path in [*paths, *own]:
        merged = merge(merged, read_file(path))
    return merged


def read_file(path: Path) -> dict[str, Any]:
    """Read one file; one that says nothing yet changes nothing.

    Raises
    ------
    InputError
        It is missing, is no UTF-8 or no YAML, has a key twice, or holds no mapping.
    """
    path = path.expanduser()
    if not path.exists():
        raise InputError(f"expected a configuration file at {path}, found none")
    try:
        content = parse(read_text(path, "a configuration file"))
    except yaml.YAMLError as error:
        raise InputError(f"{path} is not valid YAML: {error}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected a mapping of keys, found {type(content).__name__}")
    return content


def parse(text: str) -> Any:
    """Return what YAML says; a `yaml.YAMLError` also where a key stands twice."""
    return yaml.load(text, _Loader)


def keep(laid_over: dict[str, Any], folder: Path) -> str:
    """Write down what is laid over the project's files and return the option by which a step of `dmd` reads it.

    Nothing is written, and no option is needed, where nothing is laid over. The file is named by its content, null and
    order included: it is never another than what its name was given for.
    """
    if not laid_over:
        return ""
    text = json.dumps(merge({}, laid_over), indent=2, ensure_ascii=False) + "\n"
    path = folder / f"{hashlib.sha256(text.encode()).hexdigest()[:DIGITS]}.json"
    if not path.exists():
        write_text(path, text)
    return f"--configfile {shlex.quote(str(path))}"


def merge(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """Return ``base`` with ``change`` laid over it, dictionary by dictionary (as Snakemake does).

    Keys are words, as JSON and the command line have them, so that the budget 16 of a YAML file is theirs.

    >>> merge({16: {"weight": 4, "rampup": 40}}, {"16": {"weight": 3}})
    {'16': {'weight': 3, 'rampup': 40}}
    """
    merged: dict[str, Any] = {}
    for key, value in [*base.items(), *change.items()]:
        name, before = str(key), merged.get(str(key))
        if isinstance(value, dict):
            merged[name] = merge(before if isinstance(before, dict) else {}, value)
        else:
            merged[name] = value
    return merged
