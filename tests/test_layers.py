"""The floors of docs/design.md, read off the import statements."""

import ast
import graphlib
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1] / "dmd"

# Lower floors first. Files beside the rooms are the ground; the command line stands on top of all.
FLOORS = (
    {"errors", "files", "progress", "devices", "losses", "schedules"},
    {"planning"},
    {"runs"},
    {"data"},
    {"networks"},
    {"methods"},
    {"testing"},
    {"training"},
    {"report"},
    {"tracking"},
    {"terminal"},
    {"cli", "__main__"},
)
LEVEL = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}
BESIDE, LINES = 8, 250

# What may import a heavy library, at any depth: a room.
HOMES = {
    "mlflow": {"tracking"},
    "psutil": {"data", "tracking"},
    "matplotlib": {"report"},
    "seaborn": {"report"},
    "jinja2": {"report"},
    "mistune": {"report"},
    "PIL": {"report"},
    "SimpleITK": {"data"},
    "nibabel": {"data"},
    "cyclopts": {"terminal", "cli"},
    "plotille": {"terminal"},
    "tqdm": {"progress"},
    "filelock": {"devices", "files"},
    "medpy": set(),
}
# What must start at once: none of these reaches one of the slow libraries when it is imported.
QUICK = ("planning", "terminal", "runs.folder", "runs.history", "runs.ownership", "cli")
SLOW = {"torch", "mlflow", "matplotlib", "pandas", "numpy", "scipy", "h5py"}
# And what these steps have no use for: with a broken library, or one that takes seconds, they have nothing to do.
SPARED = {
    "torch": (
        "data.check",
        "data.prepare",
        "tracking",
        "report.tables",
        "report.curves",
        "report.mosaic",
        "report.page",
    ),
    "matplotlib": ("data", "training", "testing", "tracking", "report.tables"),
    "scipy.stats": ("tracking",),
}


@cache
def modules() -> dict[str, ast.Module]:
    """Return every module of the package by its dotted name below it."""
    names = {path: ".".join(path.relative_to(ROOT).with_suffix("").parts) for path in sorted(ROOT.rglob("*.py"))}
    return {name.removesuffix(".__init__"): ast.parse(path.read_text()) for path, name in names.items()}


def imported(nodes: ast.AST | list[ast.stmt]) -> set[str]:
    """Return the dotted names that the import statements in a tree, or in a list of statements, ask for."""
    walked = ast.walk(nodes) if isinstance(nodes, ast.AST) else nodes
    found = set()
    for node in walked:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            ours = node.module.startswith("dmd")
            found |= {node.module if ours and name.removeprefix("dmd.") not in modules() else name for name in inner}
    return found


def own(names: set[str]) -> set[str]:
    return {name.removeprefix("dmd.") for name in names if name.startswith("dmd.")}


def room(module: str) -> str:
    return module.partition(".")[0]


def test_every_module_has_a_floor():
    assert {room(module) for module in modules()} - {"__init__"} == set(LEVEL)


def test_few_files_stand_beside_the_rooms():
    beside = [module for module in modules() if (ROOT / f"{module}.py").exists() and module != "__init__"]
    assert len(beside) <= BESIDE, beside


def test_no_file_is_long():
    long = {str(path.relative_to(ROOT)) for path in ROOT.rglob("*.py") if path.read_text().count("\n") > LINES}
    assert long == set()


def test_a_module_imports_from_its_own_or_lower_floors():
    upwards = {
        (module, target)
        for module, tree in modules().items()
        for target in own(imported(tree))
        if LEVEL[room(target)] > LEVEL[room(module)]
    }
    assert upwards == set()


def test_there_is_no_cycle():
    graph = {module: own(imported(tree)) - {module} for module, tree in modules().items()}
    assert list(graphlib.TopologicalSorter(graph).static_order())


def test_heavy_libraries_stay_at_home():
    for module, tree in modules().items():
        for library in {name.partition(".")[0] for name in imported(tree)} & set(HOMES):
            assert room(module) in HOMES[library], f"{module} imports {library}"


@cache
def reached(module: str) -> frozenset[str]:
    """Return the dotted names that importing a module imports, directly or through other modules of ours."""
    asked = imported(modules()[module].body)
    return frozenset(asked).union(*(reached(target) for target in own(asked)))


def needless(modules_of: tuple[str, ...], libraries: set[str]) -> dict[str, set[str]]:
    """Return the modules that reach one of the libraries, of those whose names begin so."""
    found = {
        module: {name for name in reached(module) if any(f"{name}.".startswith(f"{of}.") for of in libraries)}
        for module in modules()
        if module.startswith(modules_of)
    }
    return {module: names for module, names in found.items() if names}


def test_planning_and_the_terminal_start_without_slow_libraries():
    assert needless(QUICK, SLOW) == {}


def test_a_step_imports_what_it_needs():
    for library, spared in SPARED.items():
        assert needless(spared, {library}) == {}
