"""What a store was made from, kept beside it, and whether it would be made from the same today.

``<store>.origin.json`` has the seal of the store that it is of, the digest of the description, and size, time and
SHA-256 of each raw file. Where the time is another the content decides, so that a copy is what it is a copy of.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dmd.data.description import Description, read_description
from dmd.data.hdf5 import read_seal
from dmd.files import checksum, write_json
from dmd.planning.identity import digest
from dmd.runs.folder import read_json


def fingerprints(wanted: Description, folder: Path) -> dict[str, list[Any]]:
    """Return size, time and SHA-256 of the raw files that are there, by their paths in ``folder``."""
    return {name: [*_stat(path), checksum(path)] for name, path in _raw_files(wanted, folder) if path.is_file()}


def write_origin(store: Path, description: dict[str, Any], files: dict[str, list[Any]]) -> None:
    """Keep what a store was made from; ``files`` are the `fingerprints` of before it was made."""
    write_json(_place(store), {"seal": read_seal(store), "description": digest(description), "files": files})


def why_outdated(store: Path, description: dict[str, Any], folder: Path) -> str:
    """Return why a store is not what it would be made into today, or an empty text.

    Parameters
    ----------
    store : Path
        The HDF5 file, which is there.
    description : dict
        What it should be made of, see `dmd.data.description.read_description`.
    folder : Path
        Where the raw files lie. One that is not there, as after results were copied alone, changes nothing.
    """
    origin = read_json(_place(store))
    if origin.get("seal") != read_seal(store):
        return "nothing says what the store was made from"
    if origin.get("description") != digest(description):
        return "the configuration of the store has changed"
    if not folder.is_dir():
        return ""
    known = origin.get("files", {})
    for name, path in _raw_files(read_description(description), folder):
        if not _is_same(path, known.get(name)):
            return f"{path} is not the file that the store was made from"
    return ""


def _raw_files(wanted: Description, folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files of all cases; none for a reader that does not say where they lie."""
    reader = wanted.reader
    for case in (case for patient in wanted.patients for case in reader.cases(patient)):
        if hasattr(reader, "files"):
            paths = reader.files(folder, case)
        else:
            paths = [reader.path(folder, case)] if hasattr(reader, "path") else []
        yield from ((str(path.relative_to(folder)), path) for path in paths)


def _is_same(path: Path, known: list[Any] | None) -> bool:
    if known is None or not path.is_file():
        return known is None and not path.is_file()
    size, time = _stat(path)
    return size == known[0] and (time == known[1] or checksum(path) == known[2])


def _stat(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def _place(store: Path) -> Path:
    return store.with_suffix(".origin.json")
