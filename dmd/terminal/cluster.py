"""What a SLURM cluster has: partitions with their limits and nodes, accounts, qualities of service."""

import getpass
import math
import re
import shutil
import subprocess
from dataclasses import dataclass

from dmd.errors import InputError

PATIENCE = 60  # seconds that SLURM has to answer


class UnansweredError(Exception):
    """One of SLURM's commands says nothing of use; says why."""


@dataclass(frozen=True)
class Node:
    """What each node of some has; ``gpus`` are the types of its GPUs, an empty word where SLURM knows none.

    ``shards`` counts the parts in which jobs may hold its GPUs.
    """

    cpus: int
    memory_mb: int
    gpus: tuple[str, ...]
    shards: int = 0


@dataclass(frozen=True)
class Partition:
    """What jobs may ask for together; ``minutes`` is infinite without a limit."""

    name: str
    is_default: bool
    is_up: bool
    minutes: float
    nodes: tuple[Node, ...]

    @property
    def gpus(self) -> list[str]:
        """Types of GPU."""
        return sorted({gpu for node in self.nodes for gpu in node.gpus})


def partitions() -> dict[str, Partition]:
    """Return all partitions by name, hidden ones too: jobs may be submitted to them.

    Raises
    ------
    InputError
        SLURM's commands are missing, or the controller does not answer.
    """
    for command in ("sbatch", "sinfo"):
        if shutil.which(command) is None:
            raise InputError(
                f"expected SLURM's `{command}` on the path, found none. Start Snakemake on a machine that submits to "
                "the cluster (often `module load slurm`), or leave out `--profile slurm` to work on this one"
            )
    try:
        return read_partitions(_ask("sinfo", "--all", "--exact", "--noheader", "--format=%P|%a|%l|%c|%m|%G"))
    except UnansweredError as error:
        raise InputError(f"SLURM does not answer: {error}. Does `sinfo` work here?") from None


def read_partitions(said: str) -> dict[str, Partition]:
    """Return what ``sinfo`` says in lines of partition, state, time limit, processors, memory and GPUs."""
    found: dict[str, Partition] = {}
    for line in said.splitlines():
        if line.count("|") != 5:  # a greeting of the site
            continue
        name, state, limit, cpus, memory, gres = line.split("|")
        node = Node(_first_number(cpus), _first_number(memory), _gpus(gres), _shards(gres))
        before = found[name.rstrip("*")].nodes if name.rstrip("*") in found else ()
        made = Partition(name.rstrip("*"), name.endswith("*"), state == "up", minutes(limit), (*before, node))
        found[made.name] = made
    return found


def accounts() -> set[str]:
    """Return the accounts of this user in small letters, as SLURM compares them."""
    user = f"user={getpass.getuser()}"
    return set(_ask(*SACCTMGR, "associations", user, "format=account").lower().split())


def qualities() -> set[str]:
    """Return the qualities of service that there are, in small letters."""
    return set(_ask(*SACCTMGR, "qos", "format=name").lower().split())


SACCTMGR = ("sacctmgr", "--noheader", "--parsable2", "list")


def minutes(limit: str) -> float:
    """Return a time limit of SLURM in minutes.

    >>> [minutes(limit) for limit in ("infinite", "2-12:00:00", "1:00:00", "30:00")]
    [inf, 3600.0, 60.0, 30.0]
    """
    days, _, clock = limit.rpartition("-")
    parts = clock.split(":")
    if not all(part.isdigit() for part in parts):
        return math.inf
    seconds = sum(int(part) * 60**place for place, part in enumerate(reversed(parts)))
    return int(days or 0) * 24 * 60 + seconds / 60


def _ask(*command: str) -> str:
    """Return what one of SLURM's commands prints.

    Raises
    ------
    UnansweredError
        It is missing, fails or is silent for too long.
    """
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    except FileNotFoundError:
        raise UnansweredError(f"there is no `{command[0]}` on the path") from None
    except subprocess.TimeoutExpired:
        raise UnansweredError(f"`{command[0]}` took more than {PATIENCE} s") from None
    if asked.returncode:
        raise UnansweredError(" ".join(asked.stderr.split()) or f"`{command[0]}` ended with {asked.returncode}")
    return asked.stdout


def _first_number(text: str) -> int:
    found = re.match(r"\d+", text)
    return int(found[0]) if found else 0


def _gpus(gres: str) -> tuple[str, ...]:
    """Return the types of GPU in a list such as ``gpu:a100:4(S:0-1),gpu:8,mps:100``."""
    return tuple(entry[1] if len(entry) == 3 else "" for entry in _entries(gres) if entry[0] == "gpu")


def _shards(gres: str) -> int:
    """Return how many shards are in a list such as ``gpu:a100:2,shard:a100:8``."""
    return sum(_first_number(entry[-1]) for entry in _entries(gres) if entry[0] == "shard")


def _entries(gres: str) -> list[list[str]]:
    return [entry.split(":") for entry in re.sub(r"\(.*?\)", "", gres).split(",")]
