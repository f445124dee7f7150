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
    log:
        "results/logs/table/{artefact}.log",
    localrule: True
    conda:
        "../../environment.yaml"
    shell:
        "dmd table {input.description} --runs results/runs --output {output.csv} 2>> {log}"
