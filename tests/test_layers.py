"""The layers of docs/design.md, read off the import statements."""

import ast
import graphlib
from pathlib import Path

ROOT = Path(__file__).parents[1] / "dmd"

# Lower rows first.
ROWS = [
    [
        "errors",
        "files",
        "splits",
        "declarations",
        "config",
        "consistency",
        "paper",
        "plan",
        "rundir",
        "journal",
        "progress",
        "overview",
    ],
    ["data", "metrics", "schedules", "devices"],
    ["networks", "losses", "perturbation", "teacher"],
    ["methods"],
    ["tensors", "state", "inference", "selection", "snapshots", "probes", "training", "prediction", "evaluation"],
    ["report"],
    ["tracking"],
    ["commands", "cli", "__main__"],
]
LEVEL = {name: level for level, row in enumerate(ROWS) for name in row}
# The cluster: who owns a run, what a submission costs, whether there is a cluster.
LEVEL |= dict.fromkeys(["ownership", "cost", "cluster"], 0)
LEVEL |= {"portrait": 0, "address": 0}
# A heavy library and the modules that may use it.
HOMES = {
    "torch": {
        "data.batches",
        "data.resize",
        "devices",
        "networks",
        "losses",
        "perturbation",
        "teacher",
        "methods",
        "tensors",
        "state",
        "training",
        "inference",
    }
    | {"prediction", "selection", "snapshots", "probes"},
    "mlflow": {"tracking"},
    "psutil": {"tracking"},
    "SimpleITK": {"data.scan"},
    "nibabel": {"data.scan"},
    "matplotlib": {"report"},
    "seaborn": {"report"},
    "pandas": {"report"},
    "jinja2": {"report"},
    "mistune": {"report"},
    "PIL": {"report"},
    "medpy": set(),
}


def imports() -> list[tuple[str, str]]:
    """Return (module, imported name) for every import statement, at any depth, of the package."""
    found = []
    for path in sorted(ROOT.rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found += [(module, alias.name) for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [f"dmd.{alias.name}" for alias in node.names] if node.module == "dmd" else [node.module]
                found += [(module, name) for name in names]
    return found


def own_imports() -> set[tuple[str, str]]:
    return {(module, name.removeprefix("dmd.")) for module, name in imports() if name.startswith("dmd.")}


def row(module: str) -> int:
    return LEVEL[module.split(".")[0]]


def test_every_module_has_a_row():
    parts = [path.relative_to(ROOT).with_suffix("").parts[0] for path in ROOT.rglob("*.py")]
    assert set(parts) - {"__init__"} == set(LEVEL)


def test_a_module_imports_from_its_own_or_lower_rows():
    upwards = [(module, target) for module, target in own_imports() if row(target) > row(module)]
    assert upwards == []


def test_there_is_no_cycle():
    graph: dict[str, set[str]] = {}
    for module, target in own_imports():
        graph.setdefault(module, set()).add(target)
    assert list(graphlib.TopologicalSorter(graph).static_order())


def test_heavy_libraries_stay_where_they_belong():
    for module, name in imports():
        library = name.split(".")[0]
        if library in HOMES:
            assert module in HOMES[library] or module.split(".")[0] in HOMES[library], f"{module} imports {library}"
