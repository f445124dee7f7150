# From the public copy of a data set to one checked store per data set and resolution.


rule download:
    output:
        touch("results/raw/{dataset}.complete"),
    log:
        "results/logs/download/{dataset}.log",
    # The nodes of a cluster often have no network; the machine that submits has.
    localrule: True
    conda:
        "../../environment.yaml"
    params:
        facts=download_facts,
        options=options,
    shell:
        "dmd step download {wildcards.dataset} results/raw/{wildcards.dataset} {params.options} 2>> {log}"


rule describe_store:
    output:
        "results/data/{store}.json",
    log:
        "results/logs/describe/{store}.log",
    localrule: True
    conda:
        "../../environment.yaml"
    params:
        content=store_description,
        options=options,
    shell:
        "dmd step describe {wildcards.store} {params.options} 2>> {log}"


rule prepare:
    input:
        description="results/data/{store}.json",
        downloaded=store_download,
    output:
        "results/data/{store}.h5",
    log:
        "results/logs/prepare/{store}.log",
    conda:
        "../../environment.yaml"
    params:
        source=store_source,
    shell:
        "dmd step prepare {input.description} {params.source:q} {output} 2>> {log}"


rule check:
    input:
        description="results/data/{store}.json",
        store="results/data/{store}.h5",
    output:
        summary="results/data/{store}.check.json",
        mosaic=report(
            "results/data/{store}.png", caption="../report/data.rst", category="Data"
        ),
    log:
        "results/logs/check/{store}.log",
    conda:
        "../../environment.yaml"
    shell:
        "dmd step check {input.description} {input.store} {output.summary} {output.mosaic} 2>> {log}"
