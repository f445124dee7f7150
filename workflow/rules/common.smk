# The plan, and the questions that rules ask it.
import dataclasses
import json
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

from dmd.terminal import cluster
from dmd.planning import config as configuration
from dmd.planning import describe, reading
from dmd.planning import plan as planner
from dmd.planning.identity import artefact_name, canonical
from dmd.errors import InputError

try:
    # `config`: what is laid over the files in config/ by the command line, or by the workflow that uses this one.
    CONFIG = configuration.check(reading.merge(reading.read(), config))
    PLAN = planner.make(CONFIG)
except InputError as error:
    raise WorkflowError(str(error)) from None

# `dmd` of the environment that Snakemake itself runs in, activated or not.
shell.prefix(
    f"set -euo pipefail; export PATH={str(Path(sys.executable).parent)!r}:$PATH; "
)


onstart:
    if workflow.executor_plugin.name == "slurm":
        try:
            cluster.check(
                {
                    job.resources.get("slurm_partition")
                    for job in workflow.dag.needrun_jobs()
                }
            )
        except InputError as error:
            raise WorkflowError(str(error)) from None


# The page of each scale lies beside its artefacts.
REPORTS = {artefact_name("report", scale): scale for scale in CONFIG.scales}


wildcard_constraints:
    report="|".join(REPORTS),
    run="|".join(PLAN.runs),
    store="|".join(PLAN.stores),
    artefact="|".join(PLAN.artefacts),


def artefacts_of(kind):
    """Return the names of all artefacts of a kind as a pattern for the wildcard of the rule that makes them."""
    names = [name for name, entry in PLAN.artefacts.items() if entry.form.kind == kind]
    return "|".join(names) or "(?!)"


def run_spec(wildcards):
    return canonical(dataclasses.asdict(PLAN.runs[wildcards.run].spec))


def run_store(wildcards):
    return f"results/data/{PLAN.runs[wildcards.run].store}.h5"


def run_check(wildcards):
    return f"results/data/{PLAN.runs[wildcards.run].store}.check.json"


def run_jobs(wildcards):
    """What a job of the run asks of a cluster: that of the scale of the first artefact that wants the run."""
    artefact = PLAN.artefacts[PLAN.runs[wildcards.run].wanted_by[0]]
    return CONFIG.scales[artefact.scale].jobs


def run_cpus(wildcards):
    return run_jobs(wildcards).cpus


def run_memory(wildcards):
    return run_jobs(wildcards).memory_mb


def train_minutes(wildcards):
    return run_jobs(wildcards).train_minutes


def test_minutes(wildcards):
    return run_jobs(wildcards).test_minutes


def run_wanted_by(wildcards):
    return ",".join(PLAN.runs[wildcards.run].wanted_by)


def run_methods(wildcards):
    return ",".join(PLAN.runs[wildcards.run].methods)


# Snakemake compares no parameter that takes `threads`: another value of the next three makes nothing again. Where one
# did, Snakemake 9.27 would forget what lies behind a job that takes its output as ancient, and end well.


def options(wildcards, threads):
    """Options that tell a step which configuration Snakemake was given."""
    given = workflow.config_settings
    files = [f"--configfile={path}" for path in given.configfiles]
    values = [
        f"--config={key}={json.dumps(value)}" for key, value in given.config.items()
    ]
    return shlex.join([f"--root={workflow.basedir}", *files, *values])


def run_tracking(wildcards, threads):
    """Options of `dmd step train`."""
    names = [
        "--artefacts",
        run_wanted_by(wildcards),
        "--methods",
        run_methods(wildcards),
    ]
    return shlex.join(["--track", CONFIG.tracking.store, *names])


def store_source(wildcards, threads):
    """Folder of the raw data: the user's, or the one that `download` fills. Another one prepares nothing again."""
    dataset = PLAN.stores[wildcards.store].dataset
    return CONFIG.data.get(dataset) or f"results/raw/{dataset}"


def tracking_attempt(wildcards):
    """One more than before where the store did not answer: a changed parameter has the rule run again."""
    try:
        tracked = json.loads(
            Path(f"results/runs/{wildcards.run}/tracked.json").read_text()
        )
    except (OSError, json.JSONDecodeError):
        return 0
    return tracked.get("attempt", 0) + (tracked["status"] == "pending")


def store_description(wildcards):
    return canonical(describe.describe_store(CONFIG, PLAN.stores[wildcards.store]))


def store_download(wildcards):
    """The mark of a finished download, for data sets that have one and that the user has not put somewhere."""
    dataset = PLAN.stores[wildcards.store].dataset
    wanted = CONFIG.datasets[dataset].download and not CONFIG.data.get(dataset)
    return [f"results/raw/{dataset}.complete"] if wanted else []


def download_facts(wildcards):
    return CONFIG.datasets[wildcards.dataset].model_dump_json()


def artefact_description(wildcards):
    return canonical(describe.describe_artefact(PLAN.artefacts[wildcards.artefact]))


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


def panel_jobs(wildcards):
    return CONFIG.scales[PLAN.artefacts[wildcards.artefact].scale].jobs


def panel_cpus(wildcards):
    return panel_jobs(wildcards).cpus


def panel_memory(wildcards):
    return panel_jobs(wildcards).memory_mb


def panel_minutes(wildcards):
    return panel_jobs(wildcards).test_minutes


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


def report_descriptions(wildcards):
    """Descriptions of every artefact of the scale: the page names what is not made."""
    return [
        f"results/{artefact.name}.json"
        for artefact in PLAN.of_scale(REPORTS[wildcards.report])
    ]


def report_artefacts(wildcards):
    """What the page waits for: what the configuration asks to build, and what is made and can be without training."""
    scale = REPORTS[wildcards.report]
    asked = {artefact_name(name, scale) for name in CONFIG.build}
    return [
        f"results/{artefact.name}.csv"
        for artefact in PLAN.of_scale(scale)
        if artefact.name in asked or is_made(artefact)
    ]


def is_made(artefact):
    weights = [f"results/runs/{run}/weights.pt" for run in artefact.runs]
    return all(
        Path(file).exists() for file in [f"results/{artefact.name}.csv", *weights]
    )


def report_readings(wildcards):
    """The document with the readings of the paper; the page says so where it is not here."""
    return [path for path in ["docs/deviations.md"] if Path(path).exists()]
