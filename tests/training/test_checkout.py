"""Which commit the code says that it has: its own repository's, or none."""

import pytest
from workflow.installed import commit_all

from dmd.training import checkout


@pytest.fixture
def theirs(tmp_path, monkeypatch):
    """A copy of the package without its history, in the repository of somebody else."""
    (tmp_path / "copy/dmd").mkdir(parents=True)
    (tmp_path / "copy/dmd/old.py").write_text("a = 1\n")
    monkeypatch.setattr(checkout, "ROOT", tmp_path / "copy")
    return commit_all(tmp_path)


def test_a_copy_in_another_repository_has_no_commit(theirs, tmp_path):
    (tmp_path / "copy/dmd/old.py").write_text("a = 2\n")
    assert (checkout.commit(), checkout.changes()) == (None, "")


def test_a_repository_that_a_variable_names_is_not_asked(theirs, tmp_path, monkeypatch):
    """As git sets it for what its hooks start."""
    ours = commit_all(tmp_path / "copy")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / ".git"))
    assert theirs != ours
    assert checkout.commit() == ours
