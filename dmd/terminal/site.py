"""The profile of one cluster: a copy of the general one, filled in from what SLURM says, that git ignores."""

import json
import math
import re
from collections.abc import Iterable
from pathlib import Path

from dmd.errors import InputError
from dmd.files import write_text
from dmd.terminal import cluster
from dmd.terminal.cluster import Partition, UnansweredError

PROFILE = Path("profiles/slurm/config.yaml")
SITE = Path("profiles/slurm/config.v9+.yaml")  # of the files in a profile's folder Snakemake takes the highest version
HEAD = """\
# Yours, and ignored by git. Snakemake takes it in place of the config.yaml beside it, of which `dmd init --slurm` made
# it: when an update changes that, delete this and make it again.
"""


def where_to_edit() -> str:
    """Return where the facts of this cluster stand, or how they get there."""
    if SITE.exists():
        return f"Edit {SITE}"
    return f"`dmd init --slurm` writes what this cluster has into {SITE}, which is yours to edit"


def ask(folder: Path) -> list[Partition]:
    """Return the partitions that SLURM has, for a folder that has no profile of its cluster yet.

    Raises
    ------
    InputError
        It has one, or SLURM does not answer.
    """
    if (folder / SITE).exists():
        raise InputError(f"{folder / SITE} is there; edit it, or delete it to have it made again")
    return list(cluster.partitions().values())


def fill_in(folder: Path, known: list[Partition]) -> None:
    """Write the profile of a cluster with these partitions, made of the folder's general one, and say what there is."""
    cpu, gpu = _best(known), _best(partition for partition in known if partition.gpus)
    text = (folder / PROFILE).read_text(encoding="utf-8")
    text, trains = _filled(text, "gpu", gpu) if gpu else re.subn(r"\bgpu: 1 ", "gpu: 0 ", text)
    text, others = _filled(text, "cpu", cpu) if cpu else (text, 0)
    write_text(folder / SITE, HEAD + text)
    print("The cluster has", *map(_say, known), f"Your accounts: {_accounts()}", sep="\n")
    print(f"{folder / SITE}: {_chosen(gpu, trains > 0)}, {_rest(cpu, others > 0)}. Edit it as you like")


def _best(among: Iterable[Partition]) -> Partition | None:
    """Return the default partition, else one that is up with the longest limit."""
    return max(among, key=lambda partition: (partition.is_up, partition.is_default, partition.minutes), default=None)


def _filled(text: str, example: str, value: Partition) -> tuple[str, int]:
    """Return a profile with the name of a partition for the example in a comment, and how often that was there."""
    return re.subn(rf"# slurm_partition: {example}\b", lambda _: f"slurm_partition: {json.dumps(value.name)}", text)


def _say(partition: Partition) -> str:
    limit = f"at most {partition.minutes / 60:g} h" if partition.minutes < math.inf else "no limit"
    gpus = ", ".join(gpu or "GPUs of no type" for gpu in partition.gpus) or "no GPU"
    return f"  {partition.name}: {limit}, {gpus}{'' if partition.is_up else ', not up'}"


def _chosen(gpu: Partition | None, is_filled: bool) -> str:
    if not is_filled:
        return f"trainings and tests go where {PROFILE} says"
    return f"trainings and tests go to {gpu.name}" if gpu else "trainings and tests use no GPU"


def _rest(cpu: Partition | None, is_filled: bool) -> str:
    return f"the rest to {cpu.name}" if cpu and is_filled else f"the rest where {PROFILE} says"


def _accounts() -> str:
    try:
        return ", ".join(sorted(cluster.accounts())) or "none"
    except UnansweredError as error:
        return f"not known ({error})"
