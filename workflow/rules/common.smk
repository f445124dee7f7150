# The plan, and the questions that rules ask it.
import functools
import gc
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

from dmd.errors import InputError
from dmd.files import write_text
from dmd.planning import config as configuration
from dmd.planning import describe, identity, project, reading
from dmd.planning import plan as planner
from dmd.runs import bare
from dmd.runs.folder import RunFolder
from dmd.runs.guests import GuestFolder
from dmd.runs.sources import require_decided
from dmd.terminal import cost, failure, machine, preflight
from dmd.terminal.settings import assignment

# Snakemake keeps nearly all that it makes while it plans: looking for what it does not keep took an eighth of a dry run.
gc.set_threshold(50_000)

try:
    for path in workflow.configfiles:
        reading.read_file(Path(path))  # Snakemake takes the last of two equal keys
    for word in workflow.config_settings.config_args or ():
        assignment(word, "--config")  # here too
    # `config`: what is laid over the files in config/ by the command line, or by the workflow that uses this one.
    CONFIG = configuration.check(reading.merge(reading.read(), config))
    PLAN = planner.make(CONFIG)
    if workflow.is_main_process:
        require_decided(PLAN.runs, Path("results/runs"), CONFIG.keep)
    # The same for the steps, which read it from a file: a shell line has no room for it.
    LAID_OVER = reading.keep(config, Path("results/.config"))
except InputError as error:
    raise WorkflowError(str(error)) from None

# The page of each scale lies beside its artefacts.
REPORTS = {identity.artefact_name("report", scale): scale for scale in CONFIG.scales}

# `dmd` of the environment that Snakemake itself runs in, activated or not.
shell.prefix(
    f"set -euo pipefail; export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH; "
)


wildcard_constraints:
    report=identity.any_of(REPORTS),
    run=identity.RUN,
    store=identity.STORE,
    artefact=identity.any_of(PLAN.artefacts),


def artefacts_of(kind):
    """Return the names of all artefacts of a kind as a pattern for the wildcard of the rule that makes them."""
    return identity.any_of(
        name for name, entry in PLAN.artefacts.items() if entry.form.kind == kind
    )


def planned(known, name):
    """Return what is planned under the name that a file asks for."""
    try:
        return known[name]
    except KeyError:
        raise WorkflowError(
            f"'{name}' is in no plan of this configuration; `dmd plan` lists the runs"
        ) from None


def job(what):
    """Return what a job asks of a cluster, in the words of `jobs` in config/scales.yaml, as its artefact's scale says."""

    def asked(wildcards):
        name = (
            wildcards.get("artefact") or planned(PLAN.runs, wildcards.run).wanted_by[0]
        )
        return getattr(CONFIG.scales[PLAN.artefacts[name].scale].jobs, what)

    return asked


def laid_over(wildcards, threads):
    """Return the option by which a step reads what is laid over; Snakemake compares no parameter that takes `threads`."""
    return LAID_OVER


def store_of(run):
    return f"results/data/{planned(PLAN.runs, run).store}.h5"


def described(wildcards):
    """Return a digest of what an artefact is made from: another one makes it again."""
    return identity.digest(describe.describe(wildcards.artefact, CONFIG, PLAN)[1])


def attempt(wildcards, attempt):
    """Return which attempt at a job this is; what cannot heal is not tried again (dmd/terminal/failure.py)."""
    return attempt
