"""The `dmd` command and its options: a subcommand for every rule of the workflow, and some for people."""

import argparse
import errno
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from dmd import commands
from dmd.commands import RUNS
from dmd.errors import InputError
from dmd.terminal.plan import KEYS

# A disk that is full, over quota or not to be written to.
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM)

URI = "tracking store (default: the one in config/config.yaml)"
RUN = "id of a run, a part of it such as its end, or the path of its folder"


def main(arguments: list[str] | None = None) -> int:
    """Run a subcommand; bad input ends with a message and status 2, a diverged training with 3, a disk with 4."""
    options = parser().parse_args(arguments)
    try:
        options.command(options)
        sys.stdout.flush()
    except BrokenPipeError:  # who read the output has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except InputError as error:
        print(f"dmd {options.name}: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        if error.errno not in DISK:
            raise
        print(
            f"dmd {options.name}: {error.strerror}: {error.filename or 'a file of the run'}. What was written before "
            "is whole. Make room, or the folder writable, and repeat the command: it goes on from there",
            file=sys.stderr,
        )
        return 4
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    made = argparse.ArgumentParser(prog="dmd", description=__doc__.splitlines()[0])
    entries = made.add_subparsers(dest="name", required=True, metavar="COMMAND")

    def add(name: str, command: Callable, example: str, more: str = "") -> argparse.ArgumentParser:
        entry = entries.add_parser(
            name,
            help=command.__doc__,
            description=command.__doc__,
            epilog=f"{more}example: {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        entry.set_defaults(command=command)
        return entry

    plan = add(
        "plan",
        commands.plan,
        "dmd plan --scale half method=dmd",
        f"{KEYS}\n\n",
    )
    plan.add_argument("find", nargs="*", help="key=value settings that a run must have, e.g. method=dmd temperature=2")
    plan.add_argument("--scale", help="only runs of this scale (default: all)")
    plan.add_argument("--configfile", type=Path, action="append", default=[], help="your own configuration")
    plan.add_argument("--json", action="store_true", help="machine-readable, see below")
    plan.add_argument("--slurm", action="store_true", help="what a submission would cost: jobs, hours, longest chain")

    show = add("show", commands.show, "dmd show 08a39383")
    show.add_argument("run", help=RUN)
    show.add_argument("--runs", type=Path, default=RUNS, help=f"where runs are looked for (default: {RUNS})")

    predict = add(
        "predict",
        commands.predict,
        "dmd predict --run la-8-dmd-08a39383 scan.nii.gz --out mask.nii.gz",
        "Give the whole scan as it was reconstructed: its intensities are scaled by those of the whole.\n\n",
    )
    predict.add_argument(
        "scan", type=Path, help=".nii.gz, .nii, .nrrd; .h5 with an array `image`, as in the public copies"
    )
    predict.add_argument("--run", required=True, help=f"{RUN}, or its weights.pt")
    predict.add_argument(
        "--out", type=Path, required=True, help="the mask: .nii.gz, .nii or .nrrd, in the scan's voxels"
    )
    predict.add_argument(
        "--prepared", action="store_true", help="the intensities are those of the training data already, as in .h5"
    )
    predict.add_argument("--runs", type=Path, default=RUNS, help=f"where runs are looked for (default: {RUNS})")
    predict.add_argument("--configfile", type=Path, action="append", default=[], help="your own configuration")
    predict.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")

    describe = add("describe", commands.describe, "dmd describe '{}' x.json")
    describe.add_argument("content")
    describe.add_argument("output", type=Path)

    download = add("download", commands.download, "dmd download '{...}' results/raw/la")
    download.add_argument("facts", help="JSON of the data set's stanza in config/datasets.yaml")
    download.add_argument("folder", type=Path)

    prepare = add(
        "prepare",
        commands.prepare,
        "dmd prepare results/data/la-2x2x2.json /data/la la.h5",
    )
    prepare.add_argument("description", type=Path)
    prepare.add_argument("source", type=Path, help="folder with the public copy")
    prepare.add_argument("output", type=Path)

    check = add("check", commands.check, "dmd check d.json s.h5 c.json m.png")
    check.add_argument("description", type=Path)
    check.add_argument("store", type=Path)
    check.add_argument("summary", type=Path)
    check.add_argument("mosaic", type=Path)

    for name, command in (
        ("train", commands.train),
        ("predict-test", commands.predict_test),
        ("evaluate", commands.evaluate),
    ):
        entry = add(name, command, f"dmd {name} results/runs/la-8-dmd-08a39383 --store results/data/la-1x1x1.h5")
        entry.add_argument("run", type=Path, help="folder of the run, with its spec.json")
        entry.add_argument("--store", type=Path, required=True)
        if name != "evaluate":
            entry.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
        if name == "train":
            entry.add_argument(
                "--save-every", type=_positive, default=100, help="steps between saved states (default: 100)"
            )
            entry.add_argument("--track", metavar="URI", help="tracking store that shows the run while it trains")
            _add_names(entry)

    table = add("table", commands.table, "dmd table results/table3.json --output t.csv")
    table.add_argument("description", type=Path)
    table.add_argument("--runs", type=Path, default=RUNS)
    table.add_argument("--output", type=Path, required=True, help=".csv; .md and .tex are written beside it")

    compare = add(
        "compare",
        commands.compare,
        "dmd compare la-8-cps-606e3192 la-8-dmd-fe199d99",
    )
    compare.add_argument("run", nargs=2, help=f"{RUN}; differences are first minus second")
    compare.add_argument("--runs", type=Path, default=RUNS)

    for name, command in (
        ("curve", commands.curve),
        ("panel", commands.panel),
    ):
        entry = add(name, command, f"dmd {name} results/fig.json --output results/fig.png")
        entry.add_argument("description", type=Path)
        entry.add_argument("--runs", type=Path, default=RUNS)
        entry.add_argument("--output", type=Path, required=True, help=".png; .svg and .csv are written beside it")
        if name == "panel":
            entry.add_argument("--store", type=Path, required=True)
            entry.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")

    report = add("report", commands.report, "dmd report --scale half")
    report.add_argument("descriptions", nargs="*", type=Path, help="JSON of artefacts (default: all of the scale)")
    report.add_argument("--scale", help="default: the one in config/config.yaml")
    report.add_argument("--configfile", type=Path, action="append", default=[], help="your own configuration")
    report.add_argument("--results", type=Path, default=Path("results"))
    report.add_argument("--output", type=Path, help="default: report.html beside the artefacts")

    store = add("track-store", commands.track_store, "dmd track-store sqlite:///results/mlflow.db")
    store.add_argument("uri")

    track = add("track", commands.track, "dmd track results/runs/la-8-dmd-08a39383 --artefacts table3")
    track.add_argument("run", type=Path)
    track.add_argument("--uri", help=URI)
    track.add_argument("--attempt", type=int, default=0, help="noted in tracked.json (default: 0)")
    _add_names(track)

    follow = add(
        "follow",
        commands.follow,
        "dmd follow results/runs/la-8-dmd-08a39383 --uri sqlite:///results/mlflow.db <<< 4711",
    )
    follow.add_argument("run", type=Path)
    follow.add_argument("--uri", required=True)
    follow.add_argument("--facts", default="{}", help="JSON of device, commit and data_sha256 (default: unknown)")
    follow.add_argument("--every", type=float, default=30, help="seconds between two passes (default: 30)")
    _add_names(follow)

    view = add("ui", commands.ui, "dmd ui half/table3")
    view.add_argument("artefact", nargs="?", default="", help="only the runs of this artefact")
    view.add_argument("--uri", help=URI)
    view.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    view.add_argument("--port", type=int, default=5000, help="default: 5000")
    view.add_argument("--no-browser", action="store_true", help="only print the address")
    return made


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 on, found '{text}'")
    return int(text)


def _add_names(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--artefacts", default="", help="comma separated names of the artefacts that use the run")
    parser.add_argument("--methods", default="", help="comma separated names that they give its method")
