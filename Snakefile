# Tables of "Deep Mutual Distillation" (MICCAI 2023) from raw scans. Table of contents:
#   config/     what to build: config.yaml first, then artefacts, methods, scales, data sets
#   workflow/   rules: data -> runs -> artefacts, tracking beside them
#   dmd/        what the rules call, a step each (`dmd step --help`)
include: "workflow/Snakefile"


# A file that is included cannot say what a plain `snakemake` builds.
workflow.default_target = "all"
