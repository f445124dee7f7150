"""The checksums that the arrays of a public copy have, and whether those at hand have them."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from dmd.data.store import sha256
from dmd.errors import InputError
from dmd.files import read_text
from dmd.planning.project import find


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


def _is_pair(found: Any) -> bool:
    return isinstance(found, list) and len(found) == 2 and all(isinstance(checksum, str) for checksum in found)
