"""What this machine has for trainings that Snakemake starts on it."""

import os
import subprocess

HIDDEN = ("", "-1", "NoDevFiles")  # of CUDA_VISIBLE_DEVICES: none, as `dmd.devices` has it, which needs torch


def gpus() -> int:
    """Return how many NVIDIA GPUs trainings here may use, as the driver says: planning starts without torch."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return 0 if visible in HIDDEN else len(visible.split(","))
    try:
        asked = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    # Parts of a GPU stand below it, indented.
    return sum(line.startswith("GPU ") for line in asked.stdout.splitlines()) if asked.returncode == 0 else 0
