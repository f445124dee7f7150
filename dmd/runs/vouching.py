"""What vouches for the files of a run: ``run.json`` for those of its training, ``test.json`` for those of its test.

Each of the two is written last: it names its run, holds the SHA-256 of the files that it closes, and has a seal.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dmd.errors import InputError
from dmd.files import checksum, write_json
from dmd.planning.identity import canonical
from dmd.runs.folder import ForeignError, RunFolder

SUMS, SEAL = "sha256", "seal"


def vouch(run: RunFolder, record: Path, content: dict[str, Any], files: Iterable[Path]) -> None:
    """Write a record that closes ``files``, as far as they are there."""
    sums = {_name(run, file): checksum(file) for file in files if file.exists()}
    record_ = {"run": run.id} | content | {SUMS: sums}
    write_json(record, record_ | {SEAL: seal(record_)})


def read_record(run: RunFolder, record: Path) -> dict[str, Any]:
    """Return what ``run.json`` or ``test.json`` says.

    Raises
    ------
    InputError
        It is missing or torn, another run's, or is not as it was sealed.
    """
    what = "the facts of a trained run" if record == run.facts else "how a run was tested"
    try:
        content = json.loads(record.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError) as error:
        raise InputError(f"expected {what} at {record}: {error}. {_cure(run)}") from None
    if not isinstance(content, dict):
        raise InputError(f"expected {what} at {record}, found {str(content)[:40]}. {_cure(run)}")
    if content.get("run") not in (run.id, None):
        raise ForeignError(f"{record}: expected that of run '{run.id}', found that of '{content['run']}'. {_cure(run)}")
    if content.get(SEAL) != seal(content):
        raise InputError(f"{record}: expected it as the run left it, found that it was changed since. {_cure(run)}")
    return content


def differing(run: RunFolder, content: dict[str, Any]) -> list[str]:
    """Return the names of the files that a record closes and that are away or others."""
    sums = content[SUMS].items()
    return [name for name, of in sums if not (run.path / name).exists() or checksum(run.path / name) != of]


def is_whole(run: RunFolder, record: Path) -> bool:
    """Say whether a record vouches for all files that it closes; snapshots may be away, and no bundle has them."""
    try:
        content = read_record(run, record)
    except InputError:
        return False
    snapshots = run.snapshot(0).parent
    differ = [run.path / name for name in differing(run, content)]
    return not [file for file in differ if file.parent != snapshots or file.exists()]


def require_own(run: RunFolder, file: Path) -> None:
    """Require that a file is the one that its run made; nothing is asked of a file that is not there.

    Raises
    ------
    InputError
        It is another, or its record is missing or not what it should be.
    """
    if not file.exists():
        return
    of_test = file in (run.cases, run.predictions)
    record = run.test if of_test else run.facts
    content = read_record(run, record)
    if content[SUMS].get(_name(run, file)) != checksum(file):
        raise InputError(
            f"{file}: expected the file that {record.name} vouches for, found another: of another run, damaged or "
            f"edited. {_cure(run)}"
        )
    if of_test and run.facts.exists() and not _same_weights(run, content):
        raise InputError(f"{file}: expected a test of the weights that are there, found one of others. {_cure(run)}")


def _same_weights(run: RunFolder, tested: dict[str, Any]) -> bool:
    name = _name(run, run.weights)
    trained = read_record(run, run.facts)
    return bool(trained[SUMS].get(name) == tested[SUMS].get(name))


def _cure(run: RunFolder) -> str:
    return (
        f"`dmd doctor {run.path}` says what else is wrong. Without {run.cases.name} the run is tested again; "
        "`dmd retrain` has it trained again"
    )


def _name(run: RunFolder, file: Path) -> str:
    return file.relative_to(run.path).as_posix()


def seal(content: dict[str, Any]) -> str:
    """Return the SHA-256 of a record, which may hold its seal already."""
    sealed = {name: value for name, value in content.items() if name != SEAL}
    return hashlib.sha256(canonical(sealed).encode()).hexdigest()
