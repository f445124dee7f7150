# From the public copy of a data set to one checked store per data set and resolution.


def raw(wildcards, threads):
    """Folder of the raw data: the user's, or the one that `download` fills. Another one prepares nothing again.

    Snakemake compares no parameter that takes `threads`.
    """
    dataset = planned(PLAN.stores, wildcards.store).dataset
    return CONFIG.data.get(dataset) or f"results/raw/{dataset}"


def downloaded(wildcards):
    """The mark of a finished download, for data sets that have one and that the user has not put somewhere."""
    dataset = planned(PLAN.stores, wildcards.store).dataset
    wanted = CONFIG.datasets[dataset].download and not CONFIG.data.get(dataset)
    return [f"results/raw/{dataset}.complete"] if wanted else []


def pictures():
    """Return the pictures of the data that is still to be trained on; no training waits for them."""
    runs = {run for name in PLAN.targets for run in PLAN.artefacts[name].runs}
    due = {run for run in runs if not RunFolder(Path("results/runs") / run).is_trained}
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
        downloaded,
    output:
        "results/data/{store}.h5",
    log:
        "results/logs/prepare/{store}.log",
    resources:
        attempt=attempt,
    params:
        laid_over=laid_over,
        raw=raw,
        described=described,
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
    params:
        laid_over=laid_over,
    shell:
        "dmd step mosaic {wildcards.store} {params.laid_over} 2>> {log}"
