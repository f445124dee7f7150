"""Why a step failed, kept beside its log: for `dmd plan`, the end of a call, an attempt that could only repeat it."""

import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from dmd.errors import DivergedError, InputError, PassingError
from dmd.files import write_json
from dmd.planning.identity import Spec, store_name
from dmd.runs.folder import RunFolder, read_json

WIDTH = 80
# What cannot heal, by the status of the command: another attempt would find the same.
FINAL = {2: InputError, 3: DivergedError}


@dataclass(frozen=True)
class Failure:
    """What a step of the workflow ended with; ``status`` is null where another attempt may succeed."""

    step: str
    name: str
    reason: str
    log: str
    status: int | None = None


def log_of(results: Path, step: str, name: str) -> Path:
    """Return where Snakemake keeps what a step printed."""
    return results / "logs" / step / f"{name}.log"


@contextmanager
def noted(results: Path, step: str, name: str, attempt: int) -> Iterator[None]:
    """Leave behind why a step fails, if it does; a second attempt does not repeat what cannot heal.

    Called by hand, without the folder of logs that Snakemake makes, a step leaves nothing behind.

    Raises
    ------
    InputError, DivergedError
        An attempt before this one ended with it.
    """
    log = log_of(results, step, name)
    before = read(log)
    if attempt > 1 and before and before.status:
        raise FINAL[before.status](f"{before.reason} (so ended the first attempt; this one did not try again)")
    forget([log])
    try:
        yield
    except Exception as error:
        if log.parent.is_dir():
            with suppress(OSError):  # a full disk, which is the failure itself
                write_json(_card(log), asdict(_failure(step, name, log, error)))
        raise


def read(log: Path) -> Failure | None:
    """Return the failure whose log this is."""
    found = read_json(_card(log))
    return Failure(**found) if found else None


def forget(logs: Iterable[Path]) -> None:
    """Delete the failures that these logs are of: their steps are about to be made again."""
    for log in logs:
        _card(log).unlink(missing_ok=True)


def of_run(run: RunFolder, spec: Spec, stage: str) -> Failure | None:
    """Return what keeps a run at its stage: a failed test or training, or before that the failure of its store."""
    results, store = run.path.parent.parent, store_name(spec.training["dataset"])
    steps = {"trained": ["test"], "started": ["train"], "missing": ["train", "check", "prepare"]}
    names = {"test": run.id, "train": run.id, "check": store, "prepare": store}
    found = (read(log_of(results, step, names[step])) for step in steps.get(stage, []))
    return next(filter(None, found), None)


def say(logs: Sequence[Path], behind: Sequence[str]) -> None:
    """Print which steps, by their logs, failed and why, and the files ``behind`` them that were not made."""
    said = ["", f"{len(logs)} failed:" if len(logs) > 1 else "Failed:"]
    said += [lines(read(log) or _unexplained(log)) for log in sorted(logs)]
    if behind:
        said += ["Not made for want of that:", _wrapped(", ".join(behind), "  ")]
    print("\n".join([*said, "What was made before is whole; `dmd plan` says how far every run is."]), file=sys.stderr)


def lines(failure: Failure) -> str:
    """Return a failure for a terminal: the step and what it worked on, the reason, the log."""
    return "\n".join([f"  {failure.step} {failure.name}", _wrapped(failure.reason, "    "), f"    {failure.log}"])


def _card(log: Path) -> Path:
    return log.with_suffix(".failed.json")


def _failure(step: str, name: str, log: Path, error: Exception) -> Failure:
    known = isinstance(error, (InputError, DivergedError))
    reason = str(error) if known else f"{type(error).__name__}: {error}"
    final = known and not isinstance(error, PassingError)
    status = next((status for status, kind in FINAL.items() if isinstance(error, kind)), None)
    return Failure(step, name, reason, str(log), status if final else None)


def _unexplained(log: Path) -> Failure:
    """Return the failure of a step that died without leaving a reason: what it said last stands for it."""
    step, *name = log.parts[log.parts.index("logs") + 1 :]
    said = []
    with suppress(OSError):
        said = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    reason = said[-1].strip() if said else "it left no word; what Snakemake or SLURM said of it stands above"
    return Failure(step, "/".join(name).removesuffix(".log"), reason, str(log))


def _wrapped(text: str, indent: str) -> str:
    whole = textwrap.TextWrapper(WIDTH, indent, indent, break_long_words=False, break_on_hyphens=False)
    return whole.fill(text)
