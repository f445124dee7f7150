"""What is imported is declared, and what is declared is imported."""

import ast
import re
import tomllib
from collections.abc import Iterable
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

# Used without an import.
RUNTIME = {
    "pygments": "snakemake --report",
    "snakemake-executor-plugin-slurm": "snakemake --profile slurm",
    "tabulate": "pandas writes Markdown with it",
}
TOOLS = {
    "coverage": "make coverage",
    "mypy": "make lint",
    "pandas-stubs": "make lint",
    "psycopg2-binary": "the database behind the MLflow server of a test",
    "pytest-xdist": "make test",
    "ruff": "make lint",
    "scipy-stubs": "make lint",
    "setuptools": "the wheels that tests build",
    "snakefmt": "make lint",
    "types-psutil": "make lint",
    "types-pyyaml": "make lint",
    "types-requests": "make lint",
    "types-seaborn": "make lint",
    "types-tqdm": "make lint",
}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture
def project(root) -> dict:
    return tomllib.loads((root / "pyproject.toml").read_text())["project"]


@pytest.fixture
def runtime(project) -> set[str]:
    return {normal(Requirement(line).name) for line in project["dependencies"]}


@pytest.fixture
def extra(project) -> set[str]:
    return {normal(Requirement(line).name) for line in project["optional-dependencies"]["test"]}


def modules(text: str) -> set[str]:
    """Return the first parts of the names that import statements ask for, in Python or in a Snakefile."""
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except SyntaxError:  # rules are no Python; their imports stand at the beginning of a line
        return set(re.findall(r"^(?:from|import) (\w+)", text, flags=re.MULTILINE))
    named = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    named += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level]
    return {name.partition(".")[0] for name in named}


def distributions(paths: Iterable[Path]) -> set[str]:
    """Return the packages of the index that files import; what is in the repository or in Python is in none."""
    asked = set().union(*(modules(path.read_text(encoding="utf-8")) for path in paths))
    known = packages_distributions()
    # Where several share a module (mlflow, mlflow-skinny), the one that is called like it.
    found = {name: {normal(package) for package in known[name]} for name in asked if name in known}
    return {name if name in packages else min(packages) for name, packages in found.items()} - {"dmd"}


@pytest.fixture
def imported(root) -> set[str]:
    rules = [root / "Snakefile", root / "workflow/Snakefile", *(root / "workflow").rglob("*.smk")]
    return distributions([*(root / "dmd").rglob("*.py"), *rules])


@pytest.fixture
def imported_by_tests(root) -> set[str]:
    return distributions(path for name in ("tests", "benchmarks") for path in (root / name).rglob("*.py"))


def test_what_the_package_imports_is_declared(imported, runtime):
    assert imported - runtime == set()


def test_what_is_declared_is_imported_or_has_a_reason(imported, runtime):
    assert runtime - imported == set(RUNTIME)


def test_what_the_tests_import_is_declared(imported_by_tests, runtime, extra):
    assert imported_by_tests - runtime - extra == set()


def test_what_is_declared_for_the_tests_is_imported_or_has_a_reason(imported_by_tests, extra):
    assert extra - imported_by_tests == set(TOOLS)
