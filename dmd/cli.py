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
from dmd.files import DISK
from dmd.terminal import bundle, data_set, doctor, guest, init, method, steps
from dmd.terminal.export import export
from dmd.terminal.options import PROJECT, RESULTS, RUNS, Configuration, Results, RunName, Runs, Uri
from dmd.terminal.plan import KEYS
from dmd.terminal.predict import predict

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
        _say(
            f"{name}: {error.strerror}: {error.filename or 'a file of the run'}. What was written before "
            "is whole. Make room, or the folder writable, and repeat the command: it goes on from there"
        )
        return 4
    return 0


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
    from dmd.terminal.show import show

    classes = {name: dataset.classes for name, dataset in configuration.check().datasets.items()}
    show(find_run(run, runs), cost.step_times(runs, cost.MEASURED), classes)


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
    host: Annotated[str, Parameter(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, Parameter(help="Port to listen on.")] = 5000,
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


@verb("dmd track")
def track(
    *runs: Path,
    weights: bool = False,
    pictures: bool = False,
    uri: Uri = None,
    results: Results = RESULTS,
    configuration: Configuration = PROJECT,
) -> None:
    """Send the runs that are tested to MLflow, as far as it lacks them.

    Parameters
    ----------
    runs : Path
        Folders of runs; left out, all in results/runs and results/guests.
    weights : bool
        Their weights too, which otherwise stay in their folders.
    pictures : bool
        The pictures too that a sweep of more than 100 runs leaves out.
    """
    from dmd.tracking.sweep import folders, send_pictures, send_weights, sweep

    checked, made = configuration.plan()
    found, store = runs or tuple(folders(results)), uri or checked.tracking.store
    sent, pending = sweep(found, store, made)
    print(f"{sent} runs sent to MLflow" + (f", {pending} not: see above" if pending else ""))
    for what, send in [("weights", send_weights)] * weights + [("pictures", send_pictures)] * pictures:
        there, lacking = send(found, store)
        print(f"{what} of {there} runs in MLflow" + (f", of {lacking} not" if lacking else ""))
        pending += lacking
    if pending:
        raise SystemExit(1)


verb('dmd evaluate --predictions masks --name "nnU-Net" --dataset la --labelled 8 --scale half')(guest.evaluate)
verb("dmd bundle b8031fc709 --out runs.zip")(bundle.bundle)
verb("dmd merge runs.zip")(bundle.merge)
verb("dmd init work")(init.init)
verb("dmd doctor --clean")(doctor.doctor)
verb("dmd retrain b8031fc709")(doctor.retrain)
