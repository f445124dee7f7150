# Two jobs for every run, whatever its method. A run's id says what it is trained on and how, so what is finished needs
# nothing: it has no inputs, and no time of a file makes it due.


# Without a cluster as many trainings at once as this machine has GPUs, where it has any; `--resources gpu=2` overrules.
if workflow.is_main_process and workflow.resource_settings.nodes is None:
    if "gpu" not in workflow.global_resources:
        workflow.global_resources["gpu"] = machine.gpus() or None


def to_train(wildcards):
    """What a training reads; nothing where it has ended."""
    if folder(wildcards).is_trained:
        return []
    store = store_of(wildcards.run)
    return [store, store.removesuffix("h5") + "check.json"]


def to_test(wildcards):
    """What a test reads; nothing where the run is tested as its settings want it."""
    testing = planned(PLAN.runs, wildcards.run).spec.testing
    if folder(wildcards).tested_with == testing:
        return []
    return [f"results/runs/{wildcards.run}/weights.pt", store_of(wildcards.run)]


@functools.cache
def measured():
    return cost.step_times(Path("results/runs"), cost.MEASURED)


def train_minutes(wildcards, attempt):
    """Return what a training asks for: its own time where steps like its were measured, else its scale's limit."""
    limit = job("train_minutes")(wildcards)
    if (
        not workflow.is_main_process
    ):  # which asks; the job itself need not read what all others have measured
        return limit
    return cost.minutes(PLAN.runs[wildcards.run].spec, measured(), limit, attempt)


rule train:
    input:
        to_train,
    output:
        weights="results/runs/{run}/weights.pt",
        history="results/runs/{run}/history.csv",
        facts="results/runs/{run}/run.json",
    log:
        "results/logs/train/{run}.log",
    benchmark:
        "results/logs/train/{run}.tsv"
    # On a CPU, trainings of one thread side by side beat one training of many (docs/performance.md).
    threads: 1
    resources:
        attempt=attempt,
        gpu=1,
        cpus_per_task=job("cpus"),
        mem_mb=job("memory_mb"),
        runtime=train_minutes,
    params:
        laid_over=laid_over,
    # exec: the signal that comes before the end of a job's time reaches the training, which then saves.
    shell:
        "exec dmd step train {wildcards.run} --track --attempt {resources.attempt} {params.laid_over} 2>> {log}"


# predictions.h5 is not declared: who deletes it to save room has not asked for another test.
rule test:
    input:
        to_test,
    output:
        "results/runs/{run}/cases.csv",
    log:
        "results/logs/test/{run}.log",
    threads: 1
    resources:
        attempt=attempt,
        gpu=1,
        cpus_per_task=job("cpus"),
        mem_mb=job("memory_mb"),
        runtime=job("test_minutes"),
    params:
        laid_over=laid_over,
        testing=lambda wildcards: identity.canonical(
            planned(PLAN.runs, wildcards.run).spec.testing
        ),
    shell:
        "dmd step test {wildcards.run} --track --attempt {resources.attempt} {params.laid_over} 2>> {log}"
