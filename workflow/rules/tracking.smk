# Every run mirrored in MLflow. The files of the run are the truth; this is a view of them. `train` has a process of its
# own that sends the history while it grows; `track_run` sends what is missing when the run is evaluated.


rule tracking_store:
    output:
        touch("results/.tracking-store"),
    log:
        "results/logs/tracking/store.log",
    localrule: True
    conda:
        "../../environment.yaml"
    params:
        uri=CONFIG.tracking.store,
    shell:
        "dmd step track-server {params.uri:q} 2>> {log}"


rule track_run:
    input:
        store="results/.tracking-store",  # not ancient, see rule table
        spec=ancient("results/runs/{run}/spec.json"),
        cases="results/runs/{run}/cases.csv",
    output:
        "results/runs/{run}/tracked.json",
    log:
        "results/logs/tracking/{run}.log",
    localrule: True
    conda:
        "../../environment.yaml"
    params:
        uri=CONFIG.tracking.store,
        artefacts=run_wanted_by,
        methods=run_methods,
        attempt=tracking_attempt,
    shell:
        "dmd track results/runs/{wildcards.run} --uri {params.uri:q} --artefacts {params.artefacts:q}"
        " --methods {params.methods:q} --attempt {params.attempt} 2>> {log}"
