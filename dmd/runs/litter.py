"""What killed jobs leave in a results folder, told from what living ones are writing."""

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

from dmd.files import process_lives

# Written by `dmd.files.replacing` (machine and process; SQLite puts files of its own beside), and by an owner that
# takes another's place.
PART = re.compile(r"\..+\..+-(?P<process>\d+)\.part(-journal|-wal|-shm)?")
GRAVE = re.compile(r"\.owner\.json\.[0-9a-f]{32}\.part")
QUIET = 86400.0  # seconds after which a file that nobody writes to is nobody's; a download gives up after 30 s


def find_litter(results: Path) -> Iterator[tuple[Path, str]]:
    """Yield the files that only a job that writes them needs, each with why it may be in use; "" where it is not."""
    held = _open_files()
    for path in sorted(results.rglob("*")):
        part = PART.fullmatch(path.name)
        if (part or GRAVE.fullmatch(path.name)) and path.is_file() and not path.is_symlink():
            here = part and f".{os.uname().nodename}-{part['process']}.part" in path.name
            yield path, _use(path, int(part["process"]) if part and here else None, held)


def _use(path: Path, process: int | None, held: set[str]) -> str:
    if os.path.realpath(path) in held:
        return "open in a process"
    if process is not None:
        return f"process {process} lives" if process_lives(process) else ""
    try:
        age = time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return "gone"
    return "" if age > QUIET else "written to within a day, perhaps by a process that is not seen from here"


def _open_files() -> set[str]:
    """Return the files that processes of this machine have open, as far as we may look."""
    found = set()
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            found.add(str(link.readlink()))
        except OSError:
            continue
    return found
