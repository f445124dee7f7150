"""What `dmd data` prints: what a folder of scans holds, and what would be used of it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dmd.planning.identity import Spec
from dmd.planning.proposal import Choice, Seen, by
from dmd.planning.splits import UNLABELLED
from dmd.planning.trainable import least_memory
from dmd.terminal import cost
from dmd.terminal.options import RUNS
from dmd.terminal.settings import iterations

if TYPE_CHECKING:
    from dmd.data.survey import Survey

MOST = 4  # kinds of something that are named


def say_found(folder: Path, found: "Survey") -> None:
    """Print what a folder holds."""
    scans = [*found.train, *found.test]
    annotated = [scan for scan in found.train if scan.is_annotated]
    print(f"{folder}: {found.layout}, {len(scans)} scans")
    if not scans:
        return
    _say("annotated", f"{len(annotated)}, and {len(found.test)} for tests" if found.test else len(annotated))
    _say("unlabelled", len(found.train) - len(annotated))
    _say("voxels", _range(scan.size for scan in scans))
    _say("spacing, mm", _kinds(by([round(edge, 4) for edge in scan.spacing_mm]) for scan in scans))
    _say("axes towards", _kinds(scan.orientation for scan in scans))
    for name, value in found.classes.items():
        _say(f"label {value}", f"{name}, {_share(value, scans):.3g} % of the voxels")


def say_choice(choice: Choice, specs: Mapping[str, Spec] | None = None) -> None:
    """Print what would be used, and what a run of each row of the table asks for."""
    print("Would be used:")
    parts = {part: len(patients) for part, patients in choice.parts.items() if patients}
    _say("scans", ", ".join(f"{count} {part}" for part, count in parts.items() if part != UNLABELLED))
    _say("learnt from", "{} with their labels, {} without".format(*_learnt(choice)))
    _say("voxels, mm", by(choice.spacing_mm) if choice.spacing_mm else "each scan's own, slice by slice")
    _say("patch", by(choice.patch) + (f", windows every {by(choice.stride)}" if choice.stride else ""))
    _say("iterations", f"{choice.iterations}, as '{choice.protocol}'")
    times = cost.step_times(RUNS, cost.MEASURED) if specs else {}
    for label, spec in (specs or {}).items():
        memory = sum(least_memory(spec.training)) / 1e9
        _say(f"a run of {label}", f"{memory:.2g} GB of memory at least, {_hours(spec, times)}")


def _learnt(choice: Choice) -> tuple[int, int]:
    """Return how many scans are learnt from with and without their labels, of which there may be less than wanted."""
    annotated, others = len(choice.parts["train"]), len(choice.parts.get(UNLABELLED, ()))
    labelled = min(choice.labelled, annotated)
    return labelled, annotated - labelled + others


def _hours(spec: Spec, times: cost.StepTimes) -> str:
    pace = cost.pace(spec, times, {})
    if pace is None:
        return "time unknown, no step of its kind was measured"
    return f"very roughly {pace.seconds * iterations(spec) / 3600:.2g} h on {pace.device}"


def _say(what: str, found: object) -> None:
    print(f"  {what:<14} {found}")


def _range(sizes: Iterable[Sequence[int]]) -> str:
    ordered = sorted(sizes, key=lambda size: (size[0] * size[1] * size[2], size))
    least, most = by(ordered[0]), by(ordered[-1])
    return least if least == most else f"{least} to {most}"


def _kinds(found: Iterable[str]) -> str:
    counts = Counter(found)
    named = ", ".join(f"{kind} ({count})" for kind, count in counts.most_common(MOST))
    return named + (f" and {len(counts) - MOST} more" if len(counts) > MOST else "")


def _share(value: int, scans: Sequence[Seen]) -> float:
    voxels = sum(sum(scan.voxels.values()) for scan in scans)
    return 100 * sum(scan.voxels.get(value, 0) for scan in scans) / voxels if voxels else 0.0
