"""One file with whole runs, to be sent: a ZIP of their small files and ``SHA256SUMS``, equal bytes for equal runs.

``unzip`` opens it; ``history.csv`` alone is packed (`dmd.runs.columns`). What is read from one is believed of nobody:
names, sizes and checksums are looked at before anything is used, and nothing in it is executed.
"""

import errno
import hashlib
import re
import shutil
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

from dmd.errors import InputError
from dmd.files import checksum, replacing
from dmd.planning.identity import RUN
from dmd.runs.columns import pack, unpack
from dmd.runs.folder import RunFolder
from dmd.runs.vouching import read_record, require_own

SUMS = "SHA256SUMS"
HISTORY, PACKED = "history.csv", "history.columns"
NEEDED = ("spec.json", "run.json", "test.json", "cases.csv", HISTORY)
WEIGHTS = "weights.pt"
FILE = re.compile(rf"({RUN})/({'|'.join(map(re.escape, (*NEEDED, PACKED, WEIGHTS)))}|changes-[1-9]\d{{0,3}}\.patch)")
LINE = re.compile(r"([0-9a-f]{64})  (\S+)")
SMALL, LARGE = 2**25, 2**33  # bytes: of a file, and of weights
MOST = 200_000  # files
# What a ZIP that was cut off, edited or made to harm raises; `OSError` where it leads to no place in the file.
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError, LookupError)


def write_bundle(runs: Iterable[RunFolder], out: Path, *, weights: bool) -> int:
    """Write runs that are trained and tested into one file, and return how many bytes it has.

    Parameters
    ----------
    runs : iterable of RunFolder
        Each once, whatever the order.
    out : Path
        The file.
    weights : bool
        Whether ``weights.pt`` goes with them, most of what there is.

    Raises
    ------
    InputError
        A run is not tested, not as it was left, or has no weights.
    """
    if out.is_dir():
        raise InputError(f"expected a file name for the bundle, found the folder {out}; add a name to it")
    by_id: dict[str, RunFolder] = {}
    for run in runs:
        if by_id.setdefault(run.id, run).path.resolve() != run.path.resolve():
            raise InputError(f"expected each run once, found '{run.id}' in {by_id[run.id].path} and {run.path}")
    files = {path: f"{name}/{path.name}" for name, run in sorted(by_id.items()) for path in _files(run, weights)}
    sums = "".join(f"{checksum(path)}  {name}\n" for path, name in files.items())
    with replacing(out) as aside, zipfile.ZipFile(aside, "w") as archive:
        _add(archive, SUMS, sums.encode())
        for path, name in files.items():
            if path.name == WEIGHTS:
                _stream(archive, name, path)
                continue
            content = path.read_bytes()
            packed = pack(content) if path.name == HISTORY else None
            _add(archive, name.replace(HISTORY, PACKED) if packed else name, packed or content)
    return out.stat().st_size


def _files(run: RunFolder, weights: bool) -> list[Path]:
    """Return the files of a run that are sent, after a look at what vouches for them."""
    run.read_spec()
    for name in NEEDED:
        if not (run.path / name).exists():
            raise InputError(f"{run.path / name}: expected a run that is trained and tested, found it '{run.stage}'")
    for record in (run.facts, run.test):
        read_record(run, record)
    wanted = [run.weights] if weights else []
    if weights and not run.weights.exists():
        raise InputError(f"{run.weights}: expected weights to bundle, found none; leave --weights out")
    for path in (run.history_table, run.cases, *wanted):
        require_own(run, path)
    found = [run.path / name for name in NEEDED] + sorted(run.path.glob("changes-*.patch")) + wanted
    for path in found:
        if path.name != WEIGHTS and path.stat().st_size > SMALL:
            raise InputError(f"{path}: expected at most {SMALL} bytes in a bundle, found {path.stat().st_size}")
    return found


def _entry(name: str, compression: int = zipfile.ZIP_DEFLATED) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)  # of 1980, as no time of a file belongs to what it says
    entry.compress_type, entry.create_system, entry.external_attr = compression, 3, 0o644 << 16
    return entry


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    archive.writestr(_entry(name), content, compresslevel=9)


def _stream(archive: zipfile.ZipFile, name: str, path: Path) -> None:
    """Add a large file as it is: trained weights hardly get smaller."""
    with archive.open(_entry(name, zipfile.ZIP_STORED), "w", force_zip64=True) as entry, path.open("rb") as source:
        shutil.copyfileobj(source, entry)


def unpack_bundle(bundle: Path, folder: Path) -> list[RunFolder]:
    """Write the runs of a bundle into an empty folder and return them; what they hold is still to be looked at.

    Raises
    ------
    InputError
        It is no bundle, or holds other names, sizes or contents than it says.
    """
    if not bundle.is_file():
        raise InputError(f"expected a bundle at {bundle}, found no file; `dmd bundle` makes one")
    try:
        with zipfile.ZipFile(bundle) as archive:
            sums = _sums(archive)
            _require_room(archive, folder)
            for entry in archive.infolist():
                if entry.filename != SUMS:
                    _write(archive, entry, folder, sums)
    except BROKEN as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise  # of the machine: the bundle may be whole
        raise InputError(
            f"{bundle}: expected a bundle as `dmd bundle` writes it, found another file, or one that was damaged or "
            f"edited ({error}); have it sent again"
        ) from None
    return [RunFolder(folder / name) for name in dict.fromkeys(name.split("/")[0] for name in sums)]


def _sums(archive: zipfile.ZipFile) -> dict[str, str]:
    """Return the checksums by name, where the bundle holds just the files that are named, each once."""
    entries = archive.infolist()
    if len(entries) > MOST or archive.getinfo(SUMS).file_size > SMALL:
        raise ValueError(f"expected up to {MOST} files, found {len(entries)}")
    lines = archive.read(SUMS).decode("ascii").splitlines()
    parsed = [LINE.fullmatch(line) for line in lines]
    sums = {match[2]: match[1] for match in parsed if match}
    there = sorted(entry.filename.replace(PACKED, HISTORY) for entry in entries if entry.filename != SUMS)
    if len(sums) != len(lines) or sorted(sums) != there or len(entries) != len(sums) + 1:
        raise ValueError(f"expected the files that {SUMS} names, each once")
    return sums


def _require_room(archive: zipfile.ZipFile, folder: Path) -> None:
    for entry in archive.infolist():
        if entry.filename != SUMS and not FILE.fullmatch(entry.filename):
            raise ValueError(f"expected files of runs alone, found the name {entry.filename!r}")
        if entry.file_size > (LARGE if entry.filename.endswith(WEIGHTS) else SMALL):
            raise ValueError(f"expected a smaller file than {entry.filename} of {entry.file_size} bytes")
    needed, free = sum(entry.file_size for entry in archive.infolist()), shutil.disk_usage(folder).free
    if needed > free:
        raise ValueError(f"expected room for {needed} bytes in {folder}, found {free}")


def _write(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path, sums: dict[str, str]) -> None:
    """Write one file; no more of it is read than its entry says."""
    name = entry.filename.replace(PACKED, HISTORY)
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    if entry.filename.endswith(PACKED):
        path.write_bytes(unpack(archive.read(entry)))
    else:
        with archive.open(entry) as source, path.open("wb") as target:
            shutil.copyfileobj(source, target)
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != sums[name]:
            raise ValueError(f"expected {name} with the checksum in {SUMS}, found another")
