"""Split files: which patients are trained on, validated on and tested on, and in which order; of a folder its files."""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

from dmd.errors import InputError
from dmd.files import read_text
from dmd.planning.project import find

PARTS = ("train", "validation", "test")
UNLABELLED = "unlabelled"  # a fourth part, of patients without annotation: learnt from, never tested on


@dataclass(frozen=True)
class Split:
    """A split by patient.

    Attributes
    ----------
    name : str
        Name of the data set.
    source : str
        Where the lists were published.
    sha256 : str
        Checksum of ``parts`` and ``scans``, see `checksum`; part of the identity of every run.
    parts : dict
        ``{"train": (patients, in order), "validation": (...), "test": (...)}``. The order of "train" decides
        who is labelled, see `drawn`. "unlabelled" is there where some have no annotation.
    scans : dict
        Of a folder: by case ``{"image": (path in the folder, SHA-256), "label": ...}``, no label where it is not
        annotated.
    """

    name: str
    source: str
    sha256: str
    parts: dict[str, tuple[str, ...]]
    scans: dict[str, dict[str, tuple[str, str]]] = field(default_factory=dict)

    @property
    def without_annotation(self) -> tuple[str, ...]:
        """The patients that no budget counts."""
        return self.parts.get(UNLABELLED, ())


def checksum(parts: dict[str, Any], scans: dict[str, Any] | None = None) -> str:
    """Return the SHA-256 of the canonical JSON (sorted keys, no spaces, UTF-8) of ``parts``, with ``scans`` if any."""
    text = json.dumps(
        parts | {"scans": scans} if scans else parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    return hashlib.sha256(text.encode()).hexdigest()


def drawn(patients: tuple[str, ...], draw: int) -> tuple[str, ...]:
    """Return training patients in the order of a draw: a budget of N labels the first N.

    Draw 0 is the order of the list, which is the public one. Draw k > 0 is the order of the SHA-256 of ``k:patient``:
    any order is as likely as any other, the same for every method and on every machine, and a larger budget keeps whom
    a smaller one labels.

    >>> drawn(("a", "b", "c"), 0), drawn(("a", "b", "c"), 2)
    (('a', 'b', 'c'), ('c', 'a', 'b'))
    """
    if draw == 0:
        return patients
    return tuple(sorted(patients, key=lambda patient: hashlib.sha256(f"{draw}:{patient}".encode()).digest()))


def load_split(path: Path) -> Split:
    """Read and check a split file.

    Raises
    ------
    InputError
        The file is missing or no JSON of the expected form, the parts do not have the checksum written beside
        them, no patient is trained on, or a patient stands twice in a part or in two parts.
    """
    content = _read(path)
    given = content["parts"]
    parts = {part: tuple(given[part]) for part in (*PARTS, UNLABELLED) if part in given}
    scans = {
        case: {what: (path, sha256) for what, (path, sha256) in files.items()}
        for case, files in content.get("scans", {}).items()
    }
    faults = _faults(parts)
    found = checksum(given, content.get("scans"))
    if found != content["sha256"]:
        faults.append(
            f"expected parts with the sha256 {content['sha256']}, found {found}: the lists were edited. If "
            "that is meant, write the checksum found into 'sha256'; it renames every run on this data set"
        )
    if faults:
        raise InputError(f"split file {path}:\n" + "\n".join(f"  {fault}" for fault in faults))
    return Split(content["name"], content["source"], content["sha256"], parts, scans)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(read_text(find(path), "a split (`split` in datasets.yaml)"))
    except json.JSONDecodeError as error:
        raise InputError(f"split file {path} is not valid JSON: {error}") from None
    if not isinstance(content, dict) or not _is_text(content, "name", "source", "sha256"):
        raise InputError(f"split file {path}: expected texts under name, source and sha256, found {_brief(content)}")
    parts = content.get("parts")
    if (
        not isinstance(parts, dict)
        or set(parts) - {UNLABELLED} != set(PARTS)
        or not all(map(_is_names, parts.values()))
    ):
        raise InputError(
            f"split file {path}: expected the parts {', '.join(PARTS)}, each a list of names (no "
            f"slash, no '..') or empty, found {_brief(parts)}"
        )
    if not _is_scans(content.get("scans", {})):
        raise InputError(
            f"split file {path}: expected under scans, by case, path and sha256 of its image and label, found "
            "something else; write it again with `dmd data init`"
        )
    return content


def _faults(parts: dict[str, tuple[str, ...]]) -> list[str]:
    faults = [] if parts["train"] else ["expected at least one patient in 'train', found none"]
    for part, patients in parts.items():
        repeated = [patient for patient, count in Counter(patients).items() if count > 1]
        if repeated:
            faults.append(f"expected each patient once, found more than once in '{part}': {', '.join(repeated)}")
    for first, second in combinations(parts, 2):
        shared = [patient for patient in parts[first] if patient in set(parts[second])]
        if shared:
            faults.append(f"expected each patient in one part, found in '{first}' and '{second}': {', '.join(shared)}")
    return faults


def _is_text(content: dict[str, Any], *keys: str) -> bool:
    return all(isinstance(content.get(key), str) for key in keys)


def _is_names(patients: Any) -> bool:
    """Say whether this is a list of names that can be those of files: a patient's scans lie under them."""
    return isinstance(patients, list) and all(isinstance(patient, str) and _is_file(patient) for patient in patients)


def _is_scans(scans: Any) -> bool:
    return isinstance(scans, dict) and all(
        isinstance(files, dict)
        and "image" in files
        and not set(files) - {"image", "label"}
        and all(isinstance(pair, list) and len(pair) == 2 and {*map(type, pair)} == {str} for pair in files.values())
        for files in scans.values()
    )


def _is_file(name: str) -> bool:
    return name.isprintable() and name not in ("", ".", "..") and not set(name) & set("/\\")


def _brief(content: Any) -> str:
    return f"the keys {', '.join(content) or '(none)'}" if isinstance(content, dict) else f"{content!r:.60}"
