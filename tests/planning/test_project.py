"""Files of the project, and those of a folder that stand in for them."""

import json
import subprocess
import sys

import pytest

from dmd.errors import InputError
from dmd.planning import config, plan
from dmd.planning.project import find
from dmd.planning.splits import checksum


def test_a_file_of_the_folder_goes_before_the_projects(tmp_path, root):
    assert find("config/paper.csv", tmp_path) == root / "config/paper.csv"
    (tmp_path / "config").mkdir()
    (tmp_path / "config/paper.csv").touch()
    assert find("config/paper.csv", tmp_path) == tmp_path / "config/paper.csv"
    assert find("config/mine.csv", tmp_path) == tmp_path / "config/mine.csv"
    assert find(root / "README.md", tmp_path) == root / "README.md"


def test_a_split_of_the_folder_is_planned_with(content, tmp_path):
    checked = config.check(content)
    split = json.loads(find("config/splits/la.json", tmp_path).read_text())
    theirs = plan.make(checked, tmp_path).artefacts["half/table3"].runs
    split["parts"]["train"].reverse()
    split["sha256"] = checksum(split["parts"])
    (tmp_path / "config/splits").mkdir(parents=True)
    (tmp_path / "config/splits/la.json").write_text(json.dumps(split))
    assert not set(theirs) & set(plan.make(checked, tmp_path).artefacts["half/table3"].runs)
    (tmp_path / "config/splits/la.json").write_text("{}")
    with pytest.raises(InputError, match=str(tmp_path / "config/splits/la.json")):
        plan.make(checked, tmp_path)


@pytest.mark.parametrize("module", ["dmd.planning.project", "dmd.training.checkout"])
def test_what_builds_the_package_needs_python_alone(module, root):
    """setup.py asks for the commit in an environment that has setuptools and nothing else."""
    code = f"import sys; sys.path.insert(0, {str(root)!r}); import {module}"
    assert subprocess.run([sys.executable, "-I", "-S", "-c", code]).returncode == 0
