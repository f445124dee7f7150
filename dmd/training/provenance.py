"""Where weights come from: commit, what was changed since, versions, machine."""

import os
import platform
import socket
from importlib.metadata import version
from typing import Any

import torch

from dmd.devices import describe_device, describe_processor
from dmd.planning.declarations import declaration
from dmd.training.checkout import commit

PACKAGES = ("dmd", "torch", "numpy", "scipy", "h5py")


def provenance(device: torch.device, implementation: str) -> dict[str, Any]:
    """Return what is needed to judge where a number came from.

    ``commit`` ends in ``-dirty`` where files of it were changed or added since, and is null where nobody knows it
    (`dmd.training.checkout.commit`); ``method_source`` is the checksum of the method's statements
    (`dmd.planning.declarations.Declaration.source`).
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
