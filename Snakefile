# Tables of "Deep Mutual Distillation" (MICCAI 2023) from raw scans. Table of contents:
#   config/     what to build: config.yaml first, then artefacts, methods, scales, data sets
#   workflow/   rules by stage: data -> runs -> artefacts, tracking beside them
#   dmd/        what the rules call, one step each (`dmd step --help`)
from snakemake.utils import min_version

min_version("9.10")

for _name in ("config", "datasets", "scales", "methods", "artefacts"):

    configfile: f"{workflow.basedir}/config/{_name}.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/runs.smk"
include: "workflow/rules/artefacts.smk"
include: "workflow/rules/tracking.smk"


rule all:
    default_target: True
    input:
        [f"results/{name}.csv" for name in PLAN.targets],
        f"results/{planner.artefact_name('report', CONFIG.scale)}.html",
