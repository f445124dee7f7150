# From the public copy of a data set to one checked store per data set and resolution.


def raw(wildcards, threads=None):
    """Folder of the raw data: the user's, or the one that `download` fills.

    Snakemake compares no parameter that takes `threads`: `to_prepare` says what another one means.
    """
    dataset = planned(PLAN.stores, wildcards.store).dataset
    return CONFIG.data.get(dataset) or f"results/raw/{dataset}"


def downloaded(wildcards):
    """The mark of a finished download, for data sets that have one and that the user has not put somewhere."""
    dataset = planned(PLAN.stores, wildcards.store).dataset
    wanted = CONFIG.datasets[dataset].download and not CONFIG.data.get(dataset)
    return [f"results/raw/{dataset}.complete"] if wanted else []


@functools.cache
def outdated(name, folder):
    """Return why a store is not what it would be made into today; a file says so too, as new as the answer."""
    from dmd.data.origin import why_outdated  # with HDF5, only where there is a store

    description = describe.describe_store(CONFIG, PLAN.stores[name])
    why = why_outdated(Path(f"results/data/{name}.h5"), description, Path(folder))
    if why:
        write_text(Path(f"results/data/{name}.outdated"), why + "\n")
    return why


def to_prepare(wildcards):
    """What a store waits for; nothing where it is what it would be made into: no time of a file makes it due."""
    store, waits = f"results/data/{wildcards.store}", downloaded(wildcards)
    if not Path(f"{store}.h5").is_file():
        return waits
    due = workflow.is_main_process and outdated(wildcards.store, raw(wildcards))
    return [*waits, f"{store}.outdated"] if due else []


def pictures():
    """Return the pictures of the data that is still to be trained on; no training waits for them."""
    runs = {run for name in PLAN.targets for run in PLAN.artefacts[name].runs}
    due = {
        run for run in runs if bare.needs_training(RunFolder(Path("results/runs", run)))
    }
    stores = sorted({PLAN.runs[run].store for run in due})
    return [f"results/data/{store}.png" for store in stores]


rule download:
    output:
        touch("results/raw/{dataset}.complete"),
    log:
        "results/logs/download/{dataset}.log",
    # The nodes of a cluster often have no network; the machine that submits has.
    localrule: True
    params:
        laid_over=laid_over,
    shell:
        "dmd step download {wildcards.dataset} results/raw/{wildcards.dataset} {params.laid_over} 2>> {log}"


rule prepare:
    input:
        to_prepare,
    output:
        "results/data/{store}.h5",
    log:
        "results/logs/prepare/{store}.log",
    resources:
        attempt=attempt,
    params:
        laid_over=laid_over,
        raw=raw,
    shell:
        "dmd step prepare {wildcards.store} {params.raw:q} --attempt {resources.attempt} {params.laid_over} 2>> {log}"


rule check:
    input:
        "results/data/{store}.h5",
    output:
        "results/data/{store}.check.json",
    log:
        "results/logs/check/{store}.log",
    resources:
        attempt=attempt,
    params:
        laid_over=laid_over,
    shell:
        "dmd step check {wildcards.store} --attempt {resources.attempt} {params.laid_over} 2>> {log}"


rule mosaic:
    input:
        "results/data/{store}.h5",
    output:
        report(
            "results/data/{store}.png", caption="../report/data.rst", category="Data"
        ),
    log:
        "results/logs/mosaic/{store}.log",
    retries: 0  # the same store makes the same picture, or the same error
    localrule: True  # seconds
    params:
        laid_over=laid_over,
    shell:
        "dmd step mosaic {wildcards.store} {params.laid_over} 2>> {log}"
