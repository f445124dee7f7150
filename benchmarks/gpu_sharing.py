"""How much faster two trainings on one device are at once than one after the other: for `trainings_per_gpu`."""

import multiprocessing
import time
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import torch
from gpu_sides import Side, waited

from dmd.data.store import load_store
from dmd.networks.kernels import Kernels


def gain(training: dict, kernels: Kernels, path: Path, device: torch.device, steps: int) -> float:
    """Return the steps a second of two trainings together over those of one, each in a process of its own."""
    alone, together = (_rate(training, kernels, path, device, count, steps) for count in (1, 2))
    return together / alone


def _rate(training: dict, kernels: Kernels, path: Path, device: torch.device, count: int, steps: int) -> float:
    context = multiprocessing.get_context("spawn")
    ready, times = context.Barrier(count), context.Queue()
    settings = (training, kernels, path, str(device), steps, ready, times)
    processes = [context.Process(target=_train, args=settings) for _ in range(count)]
    for process in processes:
        process.start()
    spans = [times.get(timeout=600) for _ in processes]
    for process in processes:
        process.join()
    return count * steps / (max(end for _, end in spans) - min(start for start, _ in spans))


def _train(training: dict, kernels: Kernels, path: Path, name: str, steps: int, ready: Barrier, times: Queue) -> None:
    device = torch.device(name)
    store = load_store(path, training["dataset"], parts=["train", "test"])
    side = Side(training, kernels, store, device)
    waited(device, lambda: side.with_data(2))
    ready.wait()
    start = time.monotonic()
    waited(device, lambda: side.with_data(steps))
    times.put((start, time.monotonic()))
