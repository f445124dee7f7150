"""One version, which the newest heading of CHANGELOG.md gives, and one licence."""

import re
import tomllib

import pytest
import yaml


@pytest.fixture
def project(root) -> dict:
    return tomllib.loads((root / "pyproject.toml").read_text())["project"]


@pytest.fixture
def citation(root) -> dict:
    return yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))


@pytest.fixture
def headings(root) -> list[tuple[str, str]]:
    """Version and state of every release, newest first."""
    lines = re.findall(r"^## (.*)$", (root / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = [re.fullmatch(r"(\d+\.\d+\.\d+) \((unreleased|\d{4}-\d\d-\d\d)\)", line) for line in lines]
    assert all(found), lines
    return [match.groups() for match in found]


def test_the_newest_heading_is_the_version(headings, project, citation):
    assert headings[0][0] == project["version"] == citation["version"]


def test_versions_descend_and_only_the_newest_is_unreleased(headings):
    versions = [tuple(int(part) for part in version.split(".")) for version, _ in headings]
    assert versions == sorted(set(versions), reverse=True)
    assert "unreleased" not in [state for _, state in headings[1:]]


def test_the_citation_has_the_day_of_the_release(headings, citation):
    state = headings[0][1]
    assert str(citation.get("date-released", "unreleased")) == state


def test_one_licence(root, project, citation):
    assert (root / "LICENSE").read_text().startswith(f"{project['license']} License\n")
    assert citation["license"] == project["license"]
