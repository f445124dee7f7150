"""One set of versions in three files."""

import re
import shutil
import subprocess
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement


@pytest.fixture
def constraints(root) -> dict[str, str]:
    lines = (root / "constraints.txt").read_text().splitlines()
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {normal(name): version for name, version in pairs}


@pytest.fixture
def runtime(root) -> list[Requirement]:
    content = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    return [Requirement(line) for line in content["dependencies"]]


@pytest.fixture
def project(root, runtime) -> list[Requirement]:
    content = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    return runtime + [Requirement(line) for line in content["optional-dependencies"]["test"]]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_dependency_is_pinned_within_its_bound(project, constraints):
    for requirement in project:
        assert requirement.specifier.contains(constraints[normal(requirement.name)]), requirement


def test_the_conda_environment_pins_the_same_versions(root, runtime, constraints):
    environment = yaml.safe_load((root / "environment.yaml").read_text())["dependencies"]
    (pip,) = [entry["pip"] for entry in environment if isinstance(entry, dict)]
    pins = dict(line.split("==") for line in pip if "==" in line)
    assert pins == {requirement.name: constraints[normal(requirement.name)] for requirement in runtime}
    # What these need in turn has the versions of the same file.
    assert (pip[0], pip[-1]) == ("--constraint constraints.txt", "--editable .")


def test_the_hooks_have_the_same_versions(root, constraints):
    hooks = yaml.safe_load((root / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    pins = dict(line.split("==") for hook in hooks for line in hook["additional_dependencies"])
    assert {"ruff", "snakefmt"} <= set(pins)
    assert {name: constraints.get(name, version) for name, version in pins.items()} == pins


SET_UP = ("constraints.txt", "environment.yaml", "pyproject.toml", "Makefile", ".ci/run", ".github/workflows/ci.yml")


@pytest.mark.parametrize("name", [*SET_UP, ".pre-commit-config.yaml"])
def test_no_set_up_file_names_a_registry(root, name):
    assert "://" not in (root / name).read_text().replace("sqlite:///", "")


@pytest.mark.parametrize(("target", "tests_too"), [("demo", False), ("test", True), ("lint", True)])
def test_users_install_without_the_tests_and_are_told_how_much_it_is(root, tmp_path, target, tests_too):
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(root / name, tmp_path)
    said = subprocess.run(
        ["make", "--dry-run", target], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    assert said.index("GB of disk") < said.index("pip install")
    assert "--quiet" not in said
    assert (".[test]" in said) == tests_too
