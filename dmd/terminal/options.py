"""Options that several verbs of `dmd` share: which configuration, which run, which device."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from dmd.planning.config import Config, check
from dmd.planning.plan import Plan, make
from dmd.planning.reading import merge, read
from dmd.terminal.settings import assignment

RESULTS = Path("results")
RUNS = RESULTS / "runs"

RunName = Annotated[str, Parameter(help="Id of a run, a part of it such as its end, or the path of its folder.")]
Runs = Annotated[Path, Parameter(help="Where runs are looked for.")]
Results = Annotated[Path, Parameter(help="Folder that holds data, runs and artefacts.")]
Device = Annotated[str, Parameter(help="auto, cpu, cuda or cuda:N.")]
Folder = Annotated[Path, Parameter(help="Folder of the run, with its spec.json.")]
Artefacts = Annotated[str, Parameter(help="Comma separated names of the artefacts that use the run.")]
Methods = Annotated[str, Parameter(help="Comma separated names that they give its method.")]
Attempt = Annotated[int, Parameter(help="Above 1, what cannot heal is not tried again.", validator=Number(gte=1))]
Uri = Annotated[str | None, Parameter(help="Tracking server; left out, the one of the configuration.")]


@Parameter(name="*")
@dataclass(frozen=True)
class Configuration:
    """The configuration of the folder that one works in and what a call lays over it, with the words of Snakemake.

    Attributes
    ----------
    configfile : tuple of Path
        Your own configuration; may be given again, the last wins.
    config : tuple of str
        KEY=VALUE in YAML, laid over the files; may be given again.
    """

    configfile: tuple[Path, ...] = ()
    config: tuple[str, ...] = ()

    def read(self) -> dict[str, Any]:
        """Read everything; an `InputError` where a file is missing or none."""
        content = read(Path("config"), *self.configfile)
        for entry in self.config:
            key, value = assignment(entry, "--config")
            content = merge(content, {key: value})
        return content

    def check(self) -> Config:
        """Read and check everything.

        Raises
        ------
        InputError
            A file is missing, or something in it is not as it should be.
        """
        return check(self.read())

    @cache  # noqa: B019 - one configuration per call of `dmd`
    def plan(self) -> tuple[Config, Plan]:
        """Read, check and plan everything, with the errors of both."""
        checked = self.check()
        return checked, make(checked)


PROJECT = Configuration()


def between_commas(names: str) -> list[str]:
    """Return the names that stand between commas, as `Artefacts` and `Methods` are given."""
    return [name for name in names.split(",") if name]
