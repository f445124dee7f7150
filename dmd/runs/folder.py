"""The folder of one run: where each file lies, and a spec that is known to be the one the folder is named for."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dmd.errors import InputError, nearest
from dmd.files import checksum, read_text, write_json
from dmd.planning.identity import Spec
from dmd.planning.settings import faults
from dmd.runs import ownership


class ForeignError(InputError):
    """A file belongs to another run than its folder does."""


@dataclass(frozen=True)
class RunFolder:
    """Paths in ``results/runs/<id>``.

    None of them is declared to Snakemake on purpose: it deletes the declared outputs of a job that fails, whoever made
    them.
    """

    path: Path

    @property
    def id(self) -> str:
        """Name of the run."""
        return self.path.name

    @property
    def spec(self) -> Path:
        """The settings, enough to repeat the run by hand."""
        return self.path / "spec.json"

    @property
    def weights(self) -> Path:
        """The network used for inference."""
        return self.path / "weights.pt"

    @property
    def history_table(self) -> Path:
        """Loss terms and learning rate at every step."""
        return self.path / "history.csv"

    @property
    def facts(self) -> Path:
        """Commit, versions, device, wall time and peak memory."""
        return self.path / "run.json"

    @property
    def predictions(self) -> Path:
        """Label maps of the test cases."""
        return self.path / "predictions.h5"

    @property
    def cases(self) -> Path:
        """Metrics, one line per test case, class and post-processing."""
        return self.path / "cases.csv"

    @property
    def state(self) -> Path:
        """What an interrupted training goes on from."""
        return self.path / "state.pt"

    @property
    def history(self) -> Path:
        """The history while the run trains: one JSON line per step, with its time."""
        return self.path / "history.jsonl"

    def snapshot(self, step: int) -> Path:
        """Weights of the network used for inference as they were after ``step`` steps."""
        return self.path / "snapshots" / f"{step:06d}.pt"

    def changes(self, attempt: int) -> Path:
        """Return where it stands what the code had beside its commit in an attempt, counted from 1; there if it had."""
        return self.path / f"changes-{attempt}.patch"

    @property
    def owner(self) -> Path:
        """Which job trains the run now; there only while one does."""
        return self.path / "owner.json"

    @property
    def tracked(self) -> Path:
        """Which tracking run mirrors this run."""
        return self.path / "tracked.json"

    @property
    def usage(self) -> Path:
        """What the training used of the machine, now and then."""
        return self.path / "usage.jsonl"

    @property
    def tracking_lock(self) -> Path:
        """Held by the process that sends the run to MLflow."""
        return self.path / ".tracking.lock"

    @property
    def test(self) -> Path:
        """By which testing settings ``cases.csv`` was made."""
        return self.path / "test.json"

    @property
    def is_trained(self) -> bool:
        """Whether the training has ended: the weights, their history and what they come from are there."""
        return all(path.exists() for path in (self.weights, self.history_table, self.facts))

    @property
    def tested_with(self) -> dict[str, Any] | None:
        """The testing settings of the scores that are there, ``None`` without any."""
        if not self.cases.exists():
            return None
        return read_json(self.test).get("testing")

    @property
    def is_untracked(self) -> bool:
        """Whether MLflow lacks something of an evaluated run, as far as the files know."""
        if not self.cases.exists():
            return False
        found = read_json(self.tracked)
        return (found.get("status"), found.get("cases")) != ("complete", self.cases_digest())

    def cases_digest(self) -> str:
        """Return the SHA-256 of the scores."""
        return checksum(self.cases)

    @property
    def stage(self) -> str:
        """How far the run is: ``missing``, ``started``, ``running``, ``trained`` or ``evaluated``."""
        if self.cases.exists():
            return "evaluated"
        if self.weights.exists():
            return "trained"
        if ownership.alive(self.owner):
            return "running"
        return "started" if self.state.exists() or self.history.exists() else "missing"

    def clear_leftovers(self) -> None:
        """Delete what killed attempts had half written of the files that only the run's owner writes."""
        for path in (self.state, self.weights, self.history_table, self.facts):
            for leftover in self.path.glob(f".{path.name}.*.part"):
                leftover.unlink(missing_ok=True)

    def read_spec(self) -> Spec:
        """Return the settings.

        Raises
        ------
        InputError
            The file is missing, is not JSON, or its settings have another id than the folder's name.
        """
        try:
            content = json.loads(read_text(self.spec, "the settings of a run"))
        except json.JSONDecodeError as error:
            raise InputError(f"{self.spec} is not valid JSON: {error}") from None
        spec = _parse(content, self.spec)
        _require_id(spec, self.id, self.spec)
        return spec

    def write_spec(self, spec: Spec) -> None:
        """Write the settings, refusing those of another run."""
        _require_id(spec, self.id, self.spec)
        write_json(self.spec, asdict(spec))


def find_run(name: str, folder: Path) -> RunFolder:
    """Return the run that a person means.

    Parameters
    ----------
    name : str
        The path of a run's folder or of its ``weights.pt``, or the id, the end or any part of the id of one of the runs
        in ``folder``.
    folder : Path
        Where the runs lie.

    Raises
    ------
    InputError
        There is no such run, or several have the part.
    """
    path = Path(name).absolute()
    run = RunFolder(path.parent if path.name == "weights.pt" else path)
    if run.spec.exists():
        return run
    ids = sorted(spec.parent.name for spec in folder.glob("*/spec.json"))
    meant = [name] if name in ids else [id_ for id_ in ids if id_.endswith(name)] or [id_ for id_ in ids if name in id_]
    if len(meant) == 1:
        return RunFolder(folder / meant[0])
    if meant:
        raise InputError(f"expected a part of one run's id, found '{name}' in {len(meant)}: {', '.join(meant)}")
    hint = nearest(name, [*ids, *(id_.rsplit("-", 1)[1] for id_ in ids if "-" in id_)])
    raise InputError(
        f"expected the id of one of the {len(ids)} runs in {folder}, a part of it, or the path of a run (`dmd plan` "
        f"lists them), found '{name}'{hint}"
    )


def read_json(path: Path) -> dict[str, Any]:
    """Return what a small file says, nothing where it is not there or torn."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _parse(content: Any, where: Path) -> Spec:
    found = faults(content)
    if found:
        raise InputError(
            f"{where}: expected the settings of a run: {'; '.join(found)}. Delete the file to have it made again"
        )
    return Spec(**content)


def _require_id(spec: Spec, name: str, where: Path) -> None:
    found = spec.id
    if found != name:
        raise ForeignError(
            f"{where}: expected the settings of run '{name}', found those of '{found}'. Was the file edited by hand? "
            "Change config/ instead and let `snakemake` name the new run, or delete this file to have it made again"
        )
