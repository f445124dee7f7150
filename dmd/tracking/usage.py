"""What a training uses of the machine: one line per look in ``usage.jsonl``, in the form of the history.

MLflow's own system metrics (3.x, ``mlflow.system_metrics``) are those of the whole machine and of every GPU in it,
whoever uses them; a node that several trainings share needs those of one process and of the GPUs that it may see.
"""

import csv
import os
import subprocess

import psutil

from dmd.runs.folder import RunFolder
from dmd.runs.history import History

QUERY = ["nvidia-smi", "--query-gpu=utilization.gpu,memory.used", "--format=csv,noheader,nounits"]


class Usage:
    """Looks at one process, and at the GPUs that it may see.

    Parameters
    ----------
    run : RunFolder
        Where the looks are kept, those of earlier attempts included.
    process : int
        Id of the training.
    """

    def __init__(self, run: RunFolder, process: int) -> None:
        self.process = psutil.Process(process)
        self.process.cpu_percent()  # percent are of the time since the call before
        earlier = run.usage.read_bytes() if run.usage.exists() else b""
        self.looks = earlier.count(b"\n")
        self.history = History(run.usage, earlier.rfind(b"\n") + 1)

    def look(self) -> None:
        """Note processor (100 is one core), resident memory, and of each GPU load and memory (of all processes)."""
        with self.process.oneshot():
            if self.process.status() == psutil.STATUS_ZOMBIE:  # dead, and said to use nothing
                raise psutil.ZombieProcess(self.process.pid)
            values = {
                "cpu_percent": self.process.cpu_percent(),
                "memory_mb": round(self.process.memory_info().rss / 2**20, 1),
            }
        self.history.append(self.looks + 1, values | _gpus())
        self.looks += 1


def _gpus() -> dict[str, float]:
    """Count the GPUs from 0, whichever they are, so that the curves of runs on different ones lie over each other."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    chosen = [f"--id={visible}"] if visible is not None else []
    try:
        said = subprocess.run([*QUERY, *chosen], capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return {}  # no GPU, or none that the training may see
    values: dict[str, float] = {}
    for number, line in enumerate(csv.reader(said.splitlines(), skipinitialspace=True)):
        try:
            load, memory = map(float, line)
        except ValueError:
            continue  # "[N/A]": a slice of a GPU has no load of its own; or it says in words that there is none
        values |= {f"gpu{number}_percent": load, f"gpu{number}_memory_mb": memory}
    return values
