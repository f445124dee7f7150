"""Fixtures that several folders share."""

import os
from pathlib import Path

import pytest

from dmd import config

ROOT = Path(__file__).parents[1]


@pytest.fixture
def root() -> Path:
    return ROOT


@pytest.fixture
def content() -> dict:
    """The project's own configuration, merged and unchecked, to be edited by a test."""
    return config.read(ROOT / "config")


@pytest.fixture(scope="session")
def real_data() -> Path:
    folder = os.environ.get("DMD_DATA")
    if not folder:
        pytest.skip("DMD_DATA does not name a folder with the real la/ and acdc/")
    return Path(folder)
