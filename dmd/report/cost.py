"""What the runs of a row cost, and where they ran, from what their ``run.json`` says."""

from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any

Facts = Sequence[dict[str, Any]]


def cost(facts: Facts) -> dict[str, Any]:
    """Return ``passes_per_step``, ``hours``, ``processor_hours``, ``peak_memory_mb`` and ``device`` of a row's runs.

    The first three are means over runs (`dmd.networks.passes`; wall and processor time of the training), the fourth is
    the most of any; NaN where a run does not say it. Hours and memory are those of a machine, so rows compare only
    where that is the same. Wall time counts what else the machine did, or that the process was stopped; processor time
    does not.
    """
    return {
        "passes_per_step": _of_all(facts, "passes_per_step", fmean),
        "hours": _of_all(facts, "wall_seconds", fmean) / 3600,
        "processor_hours": _of_all(facts, "processor_seconds", fmean) / 3600,
        "peak_memory_mb": _of_all(facts, "peak_memory_mb", max),
        "device": "; ".join(devices(facts)),
    }


def devices(facts: Facts) -> list[str]:
    """Return on what the runs of a row were trained, each device once: a GPU, or the model of a processor.

    A run that went on elsewhere has been on several: each of its attempts says its own.
    """
    return sorted({device for of in facts for device in map(_device, [of, *of.get("attempts", ())]) if device})


def _device(of: dict[str, Any]) -> str | None:
    return of.get("processor") or "cpu" if of.get("device") == "cpu" else of.get("device")


def _of_all(facts: Facts, name: str, reduced: Callable[[list[float]], float]) -> float:
    """Return a mean or the most over all runs: over some of them it would stand beside that of others."""
    known = [of[name] for of in facts if of.get(name) is not None]
    return reduced(known) if known and len(known) == len(facts) else float("nan")
