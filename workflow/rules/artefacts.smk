# From runs to what the paper prints.


rule describe_artefact:
    output:
        "results/{artefact}.json",
    log:
        "results/logs/describe/{artefact}.log",
    localrule: True
    conda:
        "../../environment.yaml"
    params:
        content=artefact_description,
    shell:
        "dmd describe {params.content:q} {output} 2>> {log}"


rule table:
    input:
        description="results/{artefact}.json",
        cases=artefact_cases,
        # Not ancient: Snakemake 9.27 forgets a missing table whose one due input is ancient (dag.py, update_needrun).
        tracked=artefact_tracked,
    output:
        csv=report(
            "results/{artefact}.csv", caption="../report/table.rst", category="Tables"
        ),
        markdown="results/{artefact}.md",
        latex="results/{artefact}.tex",
        comparison="results/{artefact}.comparison.csv",
    log:
        "results/logs/table/{artefact}.log",
    wildcard_constraints:
        artefact=artefacts_of("table"),
    localrule: True
    conda:
        "../../environment.yaml"
    shell:
        "dmd table {input.description} --runs results/runs --output {output.csv} 2>> {log}"


rule curve:
    input:
        description="results/{artefact}.json",
        cases=artefact_cases,
        tracked=artefact_tracked,  # not ancient, see rule table
    output:
        png=report(
            "results/{artefact}.png",
            caption="../report/figure.rst",
            category="Figures",
        ),
        svg="results/{artefact}.svg",
        text="results/{artefact}.caption.txt",
        csv="results/{artefact}.csv",
    log:
        "results/logs/curve/{artefact}.log",
    wildcard_constraints:
        artefact=artefacts_of("curve"),
    localrule: True
    conda:
        "../../environment.yaml"
    shell:
        "dmd curve {input.description} --runs results/runs --output {output.png} 2>> {log}"


# The snapshots and the state that a panel is drawn from are not declared: Snakemake would delete those of a training
# that fails. They are there wherever the weights are.
rule panel:
    input:
        description="results/{artefact}.json",
        weights=panel_weights,
        store=ancient(panel_store),
    output:
        png=report(
            "results/{artefact}.png",
            caption="../report/figure.rst",
            category="Figures",
        ),
        svg="results/{artefact}.svg",
        text="results/{artefact}.caption.txt",
        csv="results/{artefact}.csv",
        pixels="results/{artefact}.pixels.csv",
    log:
        "results/logs/panel/{artefact}.log",
    wildcard_constraints:
        artefact=artefacts_of("panel"),
    conda:
        "../../environment.yaml"
    threads: 1
    resources:
        gpu=1,
        cpus_per_task=panel_cpus,
        mem_mb=panel_memory,
        runtime=panel_minutes,
    shell:
        "dmd panel {input.description} --runs results/runs --store {input.store} --output {output.png} 2>> {log}"


rule report:
    input:
        descriptions=report_descriptions,
        artefacts=report_artefacts,
        readings=report_readings,
    output:
        report(
            "results/{report}.html", caption="../report/report.rst", category="Report"
        ),
    log:
        "results/logs/report/{report}.log",
    localrule: True
    conda:
        "../../environment.yaml"
    shell:
        "dmd report {input.descriptions} --output {output} 2>> {log}"
