"""What the tests of the page share."""

from pathlib import Path

import pytest

from dmd.planning import config, plan, reading

from .halfway import make


@pytest.fixture(scope="session")
def planned() -> plan.Plan:
    root = Path(__file__).parents[2]
    return plan.make(config.check(reading.read(root / "config")), root)


@pytest.fixture(scope="session")
def results(tmp_path_factory, planned) -> Path:
    """A results folder in the middle of things; not to be changed."""
    folder = tmp_path_factory.mktemp("project") / "results"
    make(folder, planned)
    return folder
