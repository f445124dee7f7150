"""Whether the SLURM cluster that the profile names is there, asked once before anything is submitted."""

import shutil
import subprocess

from dmd.errors import InputError, nearest

PROFILE = "profiles/slurm/config.yaml"
PATIENCE = 60  # seconds that SLURM has to answer


def check(partitions: set[str | None]) -> None:
    """Require that jobs can be submitted, to partitions that exist.

    Parameters
    ----------
    partitions : set
        What jobs ask for; ``None`` is the cluster's own default, and ``a,b`` whichever is free first.

    Raises
    ------
    InputError
        SLURM's commands are missing, it does not answer, or a partition does not exist; says what to edit.
    """
    for command in ("sbatch", "sinfo"):
        if shutil.which(command) is None:
            raise InputError(
                f"expected SLURM's `{command}` on the path, found none. Start Snakemake on a machine that submits to "
                "the cluster (often `module load slurm`), or leave out `--profile slurm` to work on this one"
            )
    known = _partitions()
    for name in sorted({name for entry in partitions if entry for name in str(entry).split(",")} - set(known)):
        raise InputError(
            f"{PROFILE}: the cluster has no partition '{name}'{nearest(name, known)}. "
            f"It has: {', '.join(known)}. Edit slurm_partition there"
        )


def _partitions() -> list[str]:
    """Return the names of all partitions; jobs may be submitted to hidden ones too."""
    command = ["sinfo", "--all", "--noheader", "--format=%R"]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        raise InputError(f"SLURM does not answer: `sinfo` took more than {PATIENCE} s. Does it work here?") from None
    if asked.returncode:
        raise InputError(f"SLURM does not answer: {asked.stderr.strip()}. Does `sinfo` work here?")
    return sorted(set(asked.stdout.split()))
