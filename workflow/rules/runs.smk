# Two jobs for every run, whatever its method. Snakemake deletes the outputs of a job before it runs and when it fails,
# whoever made them meanwhile. So no file of a run is an output of a job: a job leaves a mark, and who needs a run waits
# for the mark while the run is not finished. A run's id says what it is trained on and how, so one that is finished
# needs no job, and no time of a file makes it due.


def trained(run):
    """What says that a run is trained: its weights, or the mark of the job that will train it."""
    path = Path("results/runs", run)
    return str(path / ("weights.pt" if RunFolder(path).is_trained else ".trained"))


def tested(run):
    """What says that a run is tested as its settings want it: its scores, or the mark of the job that will test it."""
    path = Path("results/runs", run)
    is_tested = RunFolder(path).tested_with == PLAN.runs[run].spec.testing
    return str(path / ("cases.csv" if is_tested else ".tested"))


# A mark whose run is not what it says any more, as where somebody deleted the weights.
if workflow.is_main_process:
    for name, says in ((".trained", trained), (".tested", tested)):
        for mark in Path("results/runs").glob(f"*/{name}"):
            if mark.parent.name in PLAN.runs and says(mark.parent.name) == str(mark):
                mark.unlink()


# Without a cluster `trainings_per_gpu` at once on each GPU of this machine, where it has any; `--resources gpu=2` overrules.
if workflow.is_main_process and workflow.resource_settings.nodes is None:
    if "gpu" not in workflow.global_resources:
        workflow.global_resources["gpu"] = (
            machine.gpus() * CONFIG.trainings_per_gpu or None
        )


def to_train(wildcards):
    try:
        bare.require_weights(RunFolder(Path("results/runs", wildcards.run)))
    except InputError as error:
        raise WorkflowError(str(error)) from None
    store = store_of(wildcards.run)
    return [store, store.removesuffix("h5") + "check.json"]


def to_test(wildcards):
    return [trained(wildcards.run), store_of(wildcards.run)]


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
        temp(touch("results/runs/{run}/.trained")),
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


rule test:
    input:
        to_test,
    output:
        temp(touch("results/runs/{run}/.tested")),
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
    shell:
        "dmd step test {wildcards.run} --track --attempt {resources.attempt} {params.laid_over} 2>> {log}"
