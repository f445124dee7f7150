"""Whether the SLURM cluster that the profile names is there, asked once before anything is submitted."""

import shutil
import subprocess

from dmd.errors import InputError, nearest

PROFILE = "profiles/slurm/config.yaml"


def check(partitions: set[str | None]) -> None:
    """Require that jobs can be submitted, to partitions that exist.

    Parameters
    ----------
    partitions : set
        What jobs ask for; ``None`` is the cluster's own default, and ``a,b`` whichever is free first.

    Raises
    ------
    InputError
        There is no ``sbatch``, SLURM does not answer, or a partition does not exist; says what to edit.
    """
    if shutil.which("sbatch") is None:
        raise InputError(
            "expected SLURM's `sbatch` on the path, found none. Start Snakemake on a machine that submits to the "
            "cluster (often `module load slurm`), or leave out `--profile slurm` to work on this one"
        )
    asked = subprocess.run(["sinfo", "--noheader", "--format=%R"], capture_output=True, text=True)
    if asked.returncode:
        raise InputError(f"SLURM does not answer: {asked.stderr.strip()}. Does `sinfo` work here?")
    known = sorted(set(asked.stdout.split()))
    for name in sorted({name for entry in partitions if entry for name in str(entry).split(",")} - set(known)):
        raise InputError(
            f"{PROFILE}: the cluster has no partition '{name}'{nearest(name, known)}. "
            f"It has: {', '.join(known)}. Edit slurm_partition there"
        )
