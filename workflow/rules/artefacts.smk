# From runs to what the paper prints.


def of_runs(what):
    """Return what `trained` or `tested` says of every run behind an artefact."""
    return lambda wildcards: [
        what(run) for run in PLAN.artefacts[wildcards.artefact].runs
    ]


def guests(wildcards):
    """Return the scores of masks that were made elsewhere; nothing here can make them."""
    rows = [row for row in PLAN.artefacts[wildcards.artefact].rows if row.guest]
    scores = [f"results/guests/{row.guest}/cases.csv" for row in rows]
    for row, path in zip(rows, scores):
        if not Path(path).exists():
            raise WorkflowError(
                f"{wildcards.artefact}: expected scores of {row.label} on {row.dataset} with {row.labelled} labelled in "
                f"{path}, found none; measure the masks with `dmd evaluate`, at the scale of the table"
            )
    return scores


def testing(wildcards):
    """Return a digest of how the runs behind an artefact are tested: other settings test them, and make it, again."""
    runs = PLAN.artefacts[wildcards.artefact].runs
    return identity.digest([PLAN.runs[run].spec.testing for run in runs])


def scene(wildcards):
    """The one data set that all runs of a panel share."""
    return store_of(PLAN.artefacts[wildcards.artefact].runs[0])


def shown(wildcards):
    """What the page waits for: what the configuration asks to build, and what is made and can be without training."""
    scale = REPORTS[wildcards.report]
    asked = {identity.artefact_name(name, scale) for name in CONFIG.build}
    return [
        f"results/{artefact.name}.csv"
        for artefact in PLAN.of_scale(scale)
        if artefact.name in asked or is_made(artefact)
    ]


def is_made(artefact):
    weights = [f"results/runs/{run}/weights.pt" for run in artefact.runs]
    files = [f"results/{artefact.name}.csv", *weights]
    return all(Path(file).exists() for file in files)


rule table:
    input:
        of_runs(tested),
        guests,
    output:
        csv=report(
            "results/{artefact}.csv", caption="../report/table.rst", category="Tables"
        ),
        markdown="results/{artefact}.md",
        latex="results/{artefact}.tex",
        comparison="results/{artefact}.comparison.csv",
        ranks="results/{artefact}.ranks.csv",
        claims="results/{artefact}.claims.csv",
        learning="results/{artefact}.learning.csv",
        pictures=[
            f"results/{{artefact}}.{picture}.{ending}"
            for picture in ("forest", "ranks", "learning")
            for ending in ("png", "svg", "caption.txt")
        ],
    log:
        "results/logs/table/{artefact}.log",
    wildcard_constraints:
        artefact=artefacts_of("table"),
    retries: 0  # the same files make the same table, or the same error
    localrule: True
    params:
        laid_over=laid_over,
        described=described,
        testing=testing,
    shell:
        "dmd step table {wildcards.artefact} {params.laid_over} 2>> {log}"


rule curve:
    input:
        of_runs(tested),
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
    retries: 0  # the same files make the same table, or the same error
    localrule: True
    params:
        laid_over=laid_over,
        described=described,
        testing=testing,
    shell:
        "dmd step curve {wildcards.artefact} {params.laid_over} 2>> {log}"


# The snapshots and the state that a panel is drawn from are there wherever the weights are.
rule panel:
    input:
        runs=of_runs(trained),
        store=scene,
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
    threads: 1
    resources:
        attempt=attempt,
        gpu=1,
        cpus_per_task=job("cpus"),
        mem_mb=job("memory_mb"),
        runtime=job("test_minutes"),
    params:
        laid_over=laid_over,
        described=described,
    shell:
        "dmd step panel {wildcards.artefact} --attempt {resources.attempt} {params.laid_over} 2>> {log}"


rule report:
    input:
        shown,
        project.DEVIATIONS,
    output:
        report(
            "results/{report}.html", caption="../report/report.rst", category="Report"
        ),
    log:
        "results/logs/report/{report}.log",
    retries: 0  # the same files make the same table, or the same error
    localrule: True
    params:
        laid_over=laid_over,
        scale=lambda wildcards: REPORTS[wildcards.report],
        described=lambda wildcards: identity.digest(
            [
                describe.describe_artefact(artefact)
                for artefact in PLAN.of_scale(REPORTS[wildcards.report])
            ]
        ),
    shell:
        "dmd report --scale {params.scale} {params.laid_over} 2>> {log}"
