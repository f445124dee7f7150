"""What was made in a folder of masks: by which weights, of which scans (``predictions.json``).

One folder holds the masks of one network, made in one way. A mask is entered before it is put in its place: after a
kill there is none that nothing is known of, and one that is entered and not there is made again.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from dmd.errors import InputError
from dmd.files import checksum, locked, read_text, write_json

NAME = "predictions.json"


class Ledger:
    """The entries of a folder.

    Parameters
    ----------
    folder : Path
        Where the masks lie.
    made_by : dict
        What makes them, as JSON has it.

    Raises
    ------
    InputError
        The folder holds masks that something else made.
    """

    def __init__(self, folder: Path, made_by: dict[str, Any]) -> None:
        self.folder, self.path, self.made_by = folder, folder / NAME, made_by
        self._read()

    def found(self, scan: Path, digest: str, names: Sequence[str]) -> dict[str, str] | None:
        """Return what was found in a scan, if the files with these ``names`` are there as they were made of it.

        ``digest`` is the checksum that the scan has.

        Raises
        ------
        InputError
            A file is there that is not the one that was made, or that was made of another folder's scan.
        """
        entry = self._entry(scan, digest)
        there = [name for name in {*names, *entry["files"]} if (self.folder / name).exists()]
        for name in there:
            if checksum(self.folder / name) != entry["files"].get(name):
                raise InputError(
                    f"expected no file at {self.folder / name}, or the mask that was made here, found another: edited, "
                    "or from elsewhere. It is left as it is; move it away to have it made"
                )
        if entry["scan"] == digest:
            return entry["found"] if set(names) <= set(there) else None
        self._take_away(there)  # of a scan that is no longer there
        return None

    def enter(self, scan: Path, digest: str, found: dict[str, str], files: Sequence[Path]) -> None:
        """Say what is about to be put in its place.

        Parameters
        ----------
        scan, digest
            The scan, and the checksum that it has.
        found
            How much there is of each class.
        files
            The files that are about to be put into the folder, under the names that they have.
        """
        with locked(self.path.with_name(f".{NAME}.lock")):
            earlier, sums = self._entry(scan, digest), {file.name: checksum(file) for file in files}
            sums = (earlier["files"] if earlier["scan"] == digest else {}) | sums
            entry = {"scan": digest, "folder": _folder(scan), "found": found, "files": sums}
            self._take_away(file.name for file in files)
            write_json(self.path, self.made_by | {"scans": self._read() | {scan.name: entry}})

    def _entry(self, scan: Path, digest: str) -> dict[str, Any]:
        """Return what is known of a scan: nothing, or of the same one, or of what lay there before in its folder."""
        entry = self._read().get(scan.name)
        if entry is None:
            return {"scan": None, "files": {}}
        if entry["scan"] != digest and entry.get("folder") != _folder(scan):
            raise InputError(
                f"expected in {self.folder} masks of the scans of {_folder(scan)}, found that of another {scan.name}, "
                f"from {entry.get('folder', 'a folder that nothing is known of')}. It is left as it is; name another "
                "folder"
            )
        return entry

    def _take_away(self, names: Iterable[str]) -> None:
        for name in names:
            (self.folder / name).unlink(missing_ok=True)

    def _read(self) -> dict[str, Any]:
        if not self.path.exists():
            return {}
        try:
            content = json.loads(read_text(self.path, "what masks were made by"))
            scans: dict[str, Any] = content["scans"]
        except (ValueError, KeyError, TypeError):
            raise InputError(
                f"expected at {self.path} what `dmd predict` wrote there, found something else; name another folder"
            ) from None
        if other := [name for name, value in self.made_by.items() if content.get(name) != value]:
            raise InputError(
                f"expected in {self.folder} masks of {self.made_by['run']}, made as they are asked for now, found "
                f"masks of {content.get('run')} with another {' and '.join(other)}; name another folder"
            )
        return scans


def _folder(scan: Path) -> str:
    return str(scan.parent.resolve())
