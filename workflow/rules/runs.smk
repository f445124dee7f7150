# One chain for every run, whatever its method. Inputs are ancient: a run's id already says what it was made from.


rule describe_run:
    output:
        "results/runs/{run}/spec.json",
    log:
        "results/logs/describe/{run}.log",
    localrule: True
    conda:
        "../../environment.yaml"
    params:
        content=run_spec,
        options=options,
    shell:
        "dmd step describe {wildcards.run} {params.options} 2>> {log}"


rule train:
    input:
        spec=ancient("results/runs/{run}/spec.json"),
        store=ancient(run_store),
        checked=ancient(run_check),
        tracking=ancient("results/.tracking-store"),
    output:
        weights="results/runs/{run}/weights.pt",
        history="results/runs/{run}/history.csv",
        facts="results/runs/{run}/run.json",
    log:
        "results/logs/train/{run}.log",
    benchmark:
        "results/logs/train/{run}.tsv"
    conda:
        "../../environment.yaml"
    # On a CPU, trainings of one thread side by side beat one training of many (docs/performance.md).
    threads: 1
    resources:
        gpu=1,
        cpus_per_task=run_cpus,
        mem_mb=run_memory,
        runtime=train_minutes,
    params:
        tracking=run_tracking,
    # exec: the signal that comes before the end of a job's time reaches the training, which then saves.
    shell:
        "exec dmd step train results/runs/{wildcards.run} --store {input.store} {params.tracking} 2>> {log}"


rule test:
    input:
        spec=ancient("results/runs/{run}/spec.json"),
        store=ancient(run_store),
        weights="results/runs/{run}/weights.pt",
    output:
        predictions="results/runs/{run}/predictions.h5",
        cases="results/runs/{run}/cases.csv",
    log:
        "results/logs/test/{run}.log",
    conda:
        "../../environment.yaml"
    threads: 1
    resources:
        gpu=1,
        cpus_per_task=run_cpus,
        mem_mb=run_memory,
        runtime=test_minutes,
    shell:
        "dmd step test results/runs/{wildcards.run} --store {input.store} 2>> {log}"
