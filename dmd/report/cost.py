"""What the runs of a row cost, and where they ran, from what their ``run.json`` says."""

from collections.abc import Sequence
from statistics import fmean
from typing import Any

Facts = Sequence[dict[str, Any]]


def cost(facts: Facts) -> dict[str, Any]:
    """Return ``passes_per_step``, ``hours``, ``processor_hours``, ``peak_memory_mb`` and ``device`` of a row's runs.

    The first three are means over runs (`dmd.networks.passes`; wall and processor time of the training), the fourth is
    the most of any; NaN where no run says it. Hours and memory are those of a machine, so rows compare only where that
    is the same. Wall time counts what else the machine did, or that the process was stopped; processor time does not.
    """
    return {
        "passes_per_step": _mean(_known(facts, "passes_per_step")),
        "hours": _mean(_known(facts, "wall_seconds")) / 3600,
        "processor_hours": _mean(_known(facts, "processor_seconds")) / 3600,
        "peak_memory_mb": max(_known(facts, "peak_memory_mb"), default=float("nan")),
        "device": "; ".join(devices(facts)),
    }


def devices(facts: Facts) -> list[str]:
    """Return on what the runs of a row were trained, each device once: a GPU, or the model of a processor."""
    said = (of["processor"] if of.get("device") == "cpu" and of.get("processor") else of.get("device") for of in facts)
    return sorted({device for device in said if device})


def _known(facts: Facts, name: str) -> list[float]:
    return [of[name] for of in facts if of.get(name) is not None]


def _mean(values: list[float]) -> float:
    return fmean(values) if values else float("nan")
