"""YAML files into one dictionary: strictly read, those of a folder and of a user laid over the project's."""

import shlex
from collections import Counter
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from dmd.errors import InputError
from dmd.files import read_text, write_json
from dmd.planning import project
from dmd.planning.identity import digest

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

    Nothing is written, and no option is needed, where nothing is laid over.
    """
    if not laid_over:
        return ""
    path = folder / f"{digest(laid_over)}.json"
    if not path.exists():
        write_json(path, laid_over)
    return f"--configfile {shlex.quote(str(path))}"


def merge(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """Return ``base`` with ``change`` laid over it, dictionary by dictionary (as Snakemake does)."""
    merged = dict(base)
    for key, value in change.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if both else value
    return merged
