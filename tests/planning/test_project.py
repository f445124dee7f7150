"""Files of the project, and those of a folder that stand in for them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dmd.data.checksums import read_checksums
from dmd.errors import InputError
from dmd.planning import config, plan
from dmd.planning.paper import printed_values
from dmd.planning.project import find
from dmd.planning.splits import checksum


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty one to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_file_of_the_folder_goes_before_the_projects(folder, root):
    numbers = Path("config/paper.csv")
    assert find(numbers) == root / numbers
    (folder / "config").mkdir()
    numbers.touch()
    assert find(numbers) == numbers
    assert find(Path("config/mine.csv")) == Path("config/mine.csv")
    assert find(root / "README.md") == root / "README.md"


def test_a_split_of_the_folder_is_planned_with(content, folder):
    checked, own = config.check(content), Path("config/splits/la.json")
    split = json.loads(find(own).read_text())
    theirs = plan.make(checked).artefacts["half/table3"].runs
    split["parts"]["train"].reverse()
    split["sha256"] = checksum(split["parts"])
    own.parent.mkdir(parents=True)
    own.write_text(json.dumps(split))
    assert not set(theirs) & set(plan.make(checked).artefacts["half/table3"].runs)
    own.write_text("{}")
    with pytest.raises(InputError, match=str(own)):
        plan.make(checked)


def test_what_else_the_project_has_is_read_in_any_folder(folder):
    assert printed_values(Path("config/paper.csv"))
    assert read_checksums(Path("config/checksums/la.json"), [])


@pytest.mark.parametrize("module", ["dmd.planning.project", "dmd.training.checkout"])
def test_what_builds_the_package_needs_python_alone(module, root):
    """setup.py asks for the commit in an environment that has setuptools and nothing else."""
    code = f"import sys; sys.path.insert(0, {str(root)!r}); import {module}"
    assert subprocess.run([sys.executable, "-I", "-S", "-c", code]).returncode == 0
