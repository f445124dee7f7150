"""What a user has after a clone, and Snakemake in it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

BIN = Path(sys.executable).parent


def snakemake(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess:
    # The copy's own package, as an editable installation of it would give.
    environment = os.environ | {
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "PYTHONPATH": str(folder),
        "XDG_CACHE_HOME": str(folder / ".cache"),
        **variables,
    }
    command = [str(BIN / "snakemake"), "--cores", "2", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def jobs(dry_run: str) -> dict[str, int]:
    """Read the job counts that a dry run prints."""
    table = dry_run.split("Job stats:")[1].split("total")[0].splitlines()[3:]
    return {name: int(count) for name, count in (line.split() for line in table if line.strip())}


def clone(folder: Path) -> Path:
    """Copy what a user has after a clone, so that no result is made in the checkout itself."""
    root = Path(__file__).parents[2]
    for name in ("config", "workflow", "profiles", "dmd"):
        shutil.copytree(root / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "config.v9+.yaml"))
    for name in ("Snakefile", "environment.yaml"):
        shutil.copy(root / name, folder / name)
    (folder / "docs").mkdir()
    shutil.copy(root / "docs/deviations.md", folder / "docs")
    (folder / "slurm").symlink_to("profiles/slurm")
    return folder
