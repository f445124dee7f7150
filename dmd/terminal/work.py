"""What a step of a run works on: the folder, the store, who wants the run and where it is shown."""

from dataclasses import dataclass
from pathlib import Path

from dmd.errors import InputError, nearest
from dmd.planning.describe import write
from dmd.planning.identity import store_name
from dmd.runs.folder import RunFolder
from dmd.terminal.options import Configuration


@dataclass(frozen=True)
class Work:
    """A run with its settings written down; ``artefacts`` use it and call its method ``methods``.

    ``kept`` says whether the configuration has its method's runs stay although its file was changed.
    """

    folder: RunFolder
    store: Path
    uri: str
    artefacts: tuple[str, ...]
    methods: tuple[str, ...]
    kept: bool

    @property
    def names(self) -> list[str]:
        """Who wants the run, as options of `dmd step follow`."""
        return ["--artefacts", ",".join(self.artefacts), "--methods", ",".join(self.methods)]


def find_work(name: str, store: Path | None, results: Path, configuration: Configuration) -> Work:
    """Return the run that a folder holds, or that has an id in the plan, whose settings are then written down.

    Raises
    ------
    InputError
        No run is planned under the name, and it is no folder with the settings of one.
    """
    given = RunFolder(Path(name))
    if given.spec.exists():
        data = given.read_spec().training["dataset"]
        return _work(given, store or results / "data" / f"{store_name(data)}.h5", configuration)
    config, plan = configuration.plan()
    if name not in plan.runs:
        hint = nearest(name, plan.runs)
        raise InputError(f"expected the id of a planned run or a folder with its spec.json, found '{name}'{hint}")
    folder = RunFolder(write(name, config, plan, results).parent)
    return _work(folder, store or results / "data" / f"{plan.runs[name].store}.h5", configuration)


def _work(folder: RunFolder, store: Path, configuration: Configuration) -> Work:
    config, plan = configuration.plan()
    run = plan.runs.get(folder.path.absolute().name)
    wanted_by, methods = (run.wanted_by, run.methods) if run else ((), ())
    implementation = folder.read_spec().training["method"]["implementation"]
    kept = not {implementation, *methods}.isdisjoint(config.keep)
    return Work(folder, store, config.tracking.store, wanted_by, methods, kept)
