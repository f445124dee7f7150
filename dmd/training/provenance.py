"""Where weights come from: commit, what was changed since, versions, machine."""

import os
import platform
import socket
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from dmd.devices import describe_device, describe_processor
from dmd.planning.declarations import declaration

PACKAGES = ("dmd", "torch", "numpy", "scipy", "h5py")
PARTS = ("dmd", "config", "workflow", "Snakefile")  # of the repository: what a training reads
ROOT = Path(__file__).parents[2]


def provenance(device: torch.device, implementation: str) -> dict[str, Any]:
    """Return what is needed to judge where a number came from.

    ``commit`` ends in ``-dirty`` where files of it were changed or added since, and is null outside a checkout;
    ``method_source`` is the checksum of the method's statements (`dmd.planning.declarations.Declaration.source`).
    """
    return {
        "commit": commit(),
        "method_source": declaration(implementation).source,
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
        "device": describe_device(device),
        "processor": describe_processor(),
        "threads": torch.get_num_threads(),
        "cpus": os.cpu_count(),
        "host": socket.gethostname(),
        "slurm_job": os.environ.get("SLURM_JOB_ID"),
    }


def commit() -> str | None:
    """Return the commit of the code, marked where a file was changed or added since; ``None`` outside a checkout."""
    found = _git("rev-parse", "--short=12", "HEAD")
    if found is None:
        return None
    return found.strip() + ("-dirty" if _git("status", "--porcelain", "--", *PARTS) else "")


def changes() -> str:
    """Return what differs from the commit as a patch that ``git apply`` takes, files that were added included."""
    changed = _git("diff", "HEAD", "--", *PARTS) or ""
    added = (_git("ls-files", "--others", "--exclude-standard", "--", *PARTS) or "").splitlines()
    return changed + "".join(_added(name) for name in added)


def _added(name: str) -> str:
    # git ends with status 1 where the two files differ, which they do.
    done = subprocess.run(["git", "-C", str(ROOT), "diff", "--no-index", "--", "/dev/null", name], capture_output=True)
    return done.stdout.decode(errors="replace")


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.decode(errors="replace")
