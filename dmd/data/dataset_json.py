"""``dataset.json`` of nnU-Net's layout, in its first and second form: which value means what, and how many channels."""

import json
from pathlib import Path
from typing import Any

from dmd.errors import InputError
from dmd.files import read_text

NAME = "dataset.json"


def read_classes(folder: Path) -> dict[str, int] | None:
    """Return the value of each class by its name, the background first; None where there is no file.

    Raises
    ------
    InputError
        It is no JSON, names several channels, or no single value for a class.
    """
    path = folder / NAME
    if not path.exists():
        return None
    try:
        content = json.loads(read_text(path, "nnU-Net's description of a data set"))
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: expected JSON, found something else: {error}") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected names with values, found {content!r:.60}")
    channels = content.get("channel_names", content.get("modality"))
    if channels is not None and len(channels) != 1:
        raise InputError(f"{path}: expected one channel, found {channels}; make a folder with the one that matters")
    return _in_order(path, _values(path, content.get("labels")))


def in_order(values: list[int]) -> list[int]:
    """Return the values of classes in order, the background first: 0, or where nothing has it the lowest."""
    return sorted(values, key=lambda value: (value != 0, value))


def _values(path: Path, labels: Any) -> dict[str, int]:
    """Return the value by name of ``{"liver": 1}`` and of ``{"1": "liver"}``, as the first form had it."""
    if not isinstance(labels, dict) or len(labels) < 2:
        raise InputError(f"{path}: expected under labels the background and a class at least, found {labels!r:.80}")
    if "ignore" in labels:
        raise InputError(
            f"{path}: expected scans that are annotated whole or not at all, found the label 'ignore'; take the labels "
            "of such scans away, and they are learnt from as unlabelled ones"
        )
    if all(isinstance(name, str) and name.lstrip("-").isdecimal() for name in labels):
        labels = {name: int(value) for value, name in labels.items()}
    wrong = {name: value for name, value in labels.items() if type(value) is not int}
    if wrong:
        raise InputError(
            f"{path}: expected one whole number for each label, found {wrong}; regions of several are not supported"
        )
    if len(set(labels.values())) < len(labels):
        raise InputError(f"{path}: expected another number for each label, found {labels}")
    return labels


def _in_order(path: Path, labels: dict[str, int]) -> dict[str, int]:
    names = {value: name for name, value in labels.items()}
    if len(names) < len(labels) or not all(isinstance(name, str) and name.strip() for name in labels):
        raise InputError(f"{path}: expected a name for each label, found {labels}")
    return {names[value]: value for value in in_order([*names])}
