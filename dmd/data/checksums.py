"""The checksums that the arrays of a public copy or the files of a folder have, and whether those at hand have them."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from dmd.data.store import sha256
from dmd.errors import InputError
from dmd.files import read_text
from dmd.planning.project import find
from dmd.planning.splits import Split

MOST = 20  # files that a message names


def read_checksums(path: Path, cases: list[str]) -> dict[str, list[str]]:
    """Return the SHA-256 of image and label by case.

    Raises
    ------
    InputError
        The file is missing, is not JSON, or lacks the pair of one of the cases.
    """
    try:
        checksums = json.loads(read_text(find(path), "the checksums of the arrays"))
    except json.JSONDecodeError as error:
        raise InputError(f"expected the checksums of the arrays in {path}: {error}") from None
    pairs = checksums if isinstance(checksums, dict) else {}
    missing = [case for case in cases if not _is_pair(pairs.get(case))]
    if missing:
        raise InputError(f"{path}: expected a pair of checksums for each case, found none for {', '.join(missing)}")
    return pairs


def difference(case: str, arrays: tuple[np.ndarray, np.ndarray], checksums: dict[str, list[str]]) -> str | None:
    """Return which array of a case has another checksum, or None."""
    for what, array, expected in zip(("image", "label"), arrays, checksums[case], strict=True):
        found = sha256(array)
        if found != expected:
            return f"expected the {what} of case '{case}' to have sha256 {expected}, found {found}"
    return None


def require_listed(split: Split, folder: Path, found: dict[str, str]) -> None:
    """Require the files of a folder as they were when the split was made; nothing of a split that lists none.

    Parameters
    ----------
    split : Split
        Lists files with their checksums.
    folder : Path
        Where they lie.
    found : dict
        The SHA-256 of those that are there, by path in the folder.

    Raises
    ------
    InputError
        Names every file that is another or is gone.
    """
    listed = dict(pair for files in split.scans.values() for pair in files.values())
    if listed and not folder.is_dir():
        raise InputError(f"expected the scans of '{split.name}' in {folder}, found no folder; name it under `data`")
    changed = [
        f"  {folder / name}: expected sha256 {expected}, found {found.get(name, 'no file')}"
        for name, expected in listed.items()
        if found.get(name) != expected
    ]
    if changed:
        more = [f"  and {len(changed) - MOST} more"] if len(changed) > MOST else []
        said = "\n".join([*changed[:MOST], *more])
        raise InputError(
            f"{folder} has changed since `dmd data init` looked at it:\n{said}\nPut back what it was, or look at it "
            "anew under another name: another set of scans has other runs"
        )


def _is_pair(found: Any) -> bool:
    return isinstance(found, list) and len(found) == 2 and all(isinstance(checksum, str) for checksum in found)
