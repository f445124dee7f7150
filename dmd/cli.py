"""The `dmd` command: what people ask for; the workflow's steps are a group of their own (`dmd.terminal.steps`).

The docstrings are the help. A verb imports what it needs when it is called, so that `dmd plan` starts without torch.
"""

import os
import signal
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, CycloptsError, Parameter

from dmd.errors import DivergedError, InputError, require_known
from dmd.files import ALLOW, DISK, is_unreadable
from dmd.terminal import bundle, data_set, doctor, guest, init, method, steps
from dmd.terminal.export import export
from dmd.terminal.options import PROJECT, RESULTS, RUNS, Configuration, Results, RunName, Runs, Uri
from dmd.terminal.plan import KEYS
from dmd.terminal.predict import predict
from dmd.terminal.track import track

app = App(
    name="dmd",
    help="Deep mutual distillation and its rivals: what there is to do, how far it is, what came of it.",
    version=lambda: version("dmd"),
    help_format="plaintext",
    # No `--no-x` for a flag, no "[default: False]" for what is off.
    default_parameter=Parameter(negative=(), show_default=lambda value: str(value) if value else None),
    print_error=False,
    exit_on_error=False,
    result_action="return_value",
)
app.command(data_set.app)
app.command(method.app)
app.command(steps.app)
app.register_install_completion_command(help="Have this shell complete verbs and options; once is enough.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a verb; bad input ends with a message and status 2, a diverged training with 3, a disk with 4."""
    tokens = sys.argv[1:] if arguments is None else list(arguments)
    name = " ".join(["dmd", *app.parse_commands(tokens)[0]])
    try:
        app(tokens)
        sys.stdout.flush()
    except BrokenPipeError:  # who read the output has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except (InputError, DivergedError, CycloptsError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 3 if isinstance(error, DivergedError) else 2
    except OSError as error:
        if error.errno not in DISK:
            raise
        return _refused(name, error)
    return 0


def _refused(name: str, error: OSError) -> int:
    """Say what a disk refuses and return the status: 2 for what one may not read, 4 for what cannot be written."""
    forbidden = isinstance(error, PermissionError)
    if forbidden and is_unreadable(error.filename):
        print(f"{name}: expected what you may read at {error.filename}; {ALLOW}, and repeat", file=sys.stderr)
        return 2
    cure = f"You may not read or write it; {ALLOW}," if forbidden else "Make room, or the folder writable,"
    _say(
        f"{name}: {error.strerror}: {error.filename or 'a file of the run'}. What was written before "
        f"is whole. {cure} and repeat the command: it goes on from there"
    )
    return 4


def _say(message: str) -> None:
    """Print on stderr and, where that is a log, which may lie on the disk that is full, on stdout too."""
    for stream in [sys.stderr] if sys.stderr.isatty() else [sys.stderr, sys.stdout]:
        try:
            print(message, file=stream, flush=True)
        except OSError:  # what it still holds would fail again when Python ends, with another status
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def verb(example: str, more: str = "") -> Callable[..., Any]:
    """Return a decorator that adds a verb, after those before it; its help ends with an example."""
    return app.command(sort_key=len([*app]), help_epilogue=f"{more}Example: {example}")


@verb("dmd plan half/table3", f"{KEYS}\n\n")
def plan(
    *words: str,
    scale: str | None = None,
    json: bool = False,
    slurm: bool = False,
    configuration: Configuration = PROJECT,
) -> None:
    """Print the runs, how far each is and how long the rest will take.

    Parameters
    ----------
    words : str
        Names of artefacts (half/table3) and settings (method=dmd temperature=2): only the runs behind and with them.
    scale : str
        Only runs of this scale.
    json : bool
        Machine-readable, see below.
    slurm : bool
        What a submission would cost: jobs, hours, longest chain.
    """
    from dmd.runs.sources import undecided
    from dmd.terminal import cost
    from dmd.terminal.find import find
    from dmd.terminal.plan import show, show_json

    if slurm and json:
        raise InputError("expected --slurm, which prints text, or --json, found both; leave one out")
    checked, made = configuration.plan()
    for said in undecided(made.runs, RUNS, checked.keep):
        print(said, file=sys.stderr)
    if slurm:
        return cost.show(find(made, words, scale), made, checked, RESULTS)
    times = cost.step_times(RUNS, cost.MEASURED)
    if json:
        return show_json(find(made, words, scale), RUNS, times)
    return show(made, words, scale, RUNS, times)


@verb("dmd show b8031fc709")
def show(run: RunName, /, *, runs: Runs = RUNS, configuration: Configuration = PROJECT) -> None:
    """Print settings, loss, test scores and cost of a run, also while it trains."""
    from dmd.runs.folder import find_run
    from dmd.terminal import cost
    from dmd.terminal.show import class_names, show

    found, datasets = find_run(run, runs), configuration.check().datasets
    show(found, cost.step_times(runs, cost.MEASURED), class_names(found.read_spec(), datasets))


@verb("dmd compare la-8-cps-10038f1b64 la-8-dmd-b8031fc709")
def compare(first: RunName, second: RunName, /, *, runs: Runs = RUNS) -> None:
    """Print how two runs differ on the same test patients, first minus second."""
    from dmd.runs.folder import find_run
    from dmd.terminal.compare import say_pair

    print(say_pair(find_run(first, runs), find_run(second, runs)))


verb("dmd predict --run la-8-dmd-b8031fc709 scans --out masks")(predict)
verb("dmd export la-8-dmd-b8031fc709 --out network")(export)


@verb("dmd report --scale half")
def report(
    *descriptions: Path,
    scale: str | None = None,
    output: Path | None = None,
    results: Results = RESULTS,
    configuration: Configuration = PROJECT,
) -> None:
    """Make one page of everything that a scale has.

    Parameters
    ----------
    descriptions : Path
        JSON of artefacts; left out, all of the scale.
    scale : str
        Left out, the one of the configuration.
    output : Path
        Left out, report.html beside the artefacts.
    """
    from dmd.planning.describe import read_any
    from dmd.planning.identity import artefact_name
    from dmd.report.page.write import write_page

    if descriptions and scale:
        raise InputError("expected descriptions, or --scale for all artefacts of one, found both; leave one out")
    if descriptions:
        artefacts = [read_any(path) for path in descriptions]
    else:
        checked, made = configuration.plan()
        artefacts = made.of_scale(scale or checked.scale)
    output = output or results / f"{artefact_name('report', artefacts[0].scale)}.html"
    write_page(artefacts, results, output)
    print(output)


@verb("dmd ui half/table3")
def ui(
    artefact: str = "",
    /,
    *,
    uri: Uri = None,
    host: Annotated[str, Parameter(help="Where a SQLite file is served.")] = "127.0.0.1",
    port: Annotated[int, Parameter(help="Port of that address.")] = 5000,
    no_browser: bool = False,
    configuration: Configuration = PROJECT,
) -> None:
    """Show the runs in MLflow.

    Parameters
    ----------
    artefact : str
        Only the runs of this artefact.
    no_browser : bool
        Only print the address.
    """
    if artefact:
        require_known("the configuration", artefact, configuration.plan()[1].artefacts, "artefact")
    from dmd.tracking.view import view

    view(uri or configuration.check().tracking.store, artefact, host, port, browser=not no_browser)


verb("dmd track")(track)
verb('dmd evaluate --predictions masks --name "nnU-Net" --dataset la --labelled 8 --scale half')(guest.evaluate)
verb("dmd bundle b8031fc709 --out runs.zip")(bundle.bundle)
verb("dmd merge runs.zip")(bundle.merge)
verb("dmd init work")(init.init)
verb("dmd doctor --clean")(doctor.doctor)
verb("dmd retrain b8031fc709")(doctor.retrain)
