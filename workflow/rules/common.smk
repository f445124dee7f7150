# The plan, and the questions that rules ask it.
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

from dmd import config as configuration
from dmd import plan as planner
from dmd.errors import InputError

try:
    CONFIG = configuration.check(config)
    PLAN = planner.make(CONFIG, Path(workflow.basedir))
except InputError as error:
    raise WorkflowError(str(error)) from None

# `dmd` of the environment that Snakemake itself runs in, activated or not.
shell.prefix(
    f"set -euo pipefail; export PATH={str(Path(sys.executable).parent)!r}:$PATH; "
)


wildcard_constraints:
    run="|".join(PLAN.runs),
    store="|".join(PLAN.stores),
    artefact="|".join(PLAN.artefacts),


def artefacts_of(kind):
    """Return the names of all artefacts of a kind as a pattern for the wildcard of the rule that makes them."""
    names = [name for name, entry in PLAN.artefacts.items() if entry.kind == kind]
    return "|".join(names) or "(?!)"


TRACKING_URI = CONFIG.tracking.uri or configuration.TRACKING_URI


def run_spec(wildcards):
    return planner.canonical(PLAN.runs[wildcards.run].spec)


def run_store(wildcards):
    return f"results/data/{PLAN.runs[wildcards.run].store}.h5"


def run_check(wildcards):
    return f"results/data/{PLAN.runs[wildcards.run].store}.check.json"


def run_wanted_by(wildcards):
    return ",".join(PLAN.runs[wildcards.run].wanted_by)


def run_methods(wildcards):
    return ",".join(PLAN.runs[wildcards.run].methods)


def store_description(wildcards):
    return planner.describe_store(CONFIG, PLAN.stores[wildcards.store])


def store_source(wildcards):
    """Folder of the raw data: the user's, or the one that `download` fills."""
    dataset = PLAN.stores[wildcards.store].dataset
    return CONFIG.data.get(dataset) or f"results/raw/{dataset}"


def store_download(wildcards):
    """The mark of a finished download, for data sets that have one and that the user has not put somewhere."""
    dataset = PLAN.stores[wildcards.store].dataset
    wanted = CONFIG.datasets[dataset].download and not CONFIG.data.get(dataset)
    return [f"results/raw/{dataset}.complete"] if wanted else []


def download_facts(wildcards):
    return CONFIG.datasets[wildcards.dataset].model_dump_json()


def artefact_description(wildcards):
    return planner.describe_artefact(PLAN.artefacts[wildcards.artefact])


def artefact_cases(wildcards):
    return [
        f"results/runs/{run}/cases.csv"
        for run in PLAN.artefacts[wildcards.artefact].runs
    ]


def artefact_tracked(wildcards):
    return [
        f"results/runs/{run}/tracked.json"
        for run in PLAN.artefacts[wildcards.artefact].runs
    ]


def panel_weights(wildcards):
    return [
        f"results/runs/{run}/weights.pt"
        for run in PLAN.artefacts[wildcards.artefact].runs
    ]


def panel_store(wildcards):
    """The one data set that all runs of a panel share."""
    return (
        f"results/data/{PLAN.runs[PLAN.artefacts[wildcards.artefact].runs[0]].store}.h5"
    )
