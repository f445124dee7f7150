"""Which commit the code says that it has: its own repository's, or none."""

import subprocess

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


# What people write into their git configuration, and a program that shows differences in a way of its own.
THEIR_GIT = {
    "diff.external": "echo",
    "diff.noprefix": "true",
    "diff.mnemonicPrefix": "true",
    "diff.context": "0",
    "diff.text.textconv": "echo",
    "color.ui": "always",
    "core.quotePath": "true",
    "status.showUntrackedFiles": "no",
}


def test_the_patch_is_one_that_git_takes_whatever_the_user_has_git_show(tmp_path, monkeypatch):
    files = {"dmd/old.py": b"a = 1\n" * 9, "dmd/\u00e4.bin": bytes(range(256)), "dmd/gone.bin": b"\0\1"}
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / ".gitattributes").write_text("*.py diff=text\n")
    clean = commit_all(tmp_path)
    monkeypatch.setattr(checkout, "ROOT", tmp_path)
    for name, value in THEIR_GIT.items():
        subprocess.run(["git", "-C", str(tmp_path), "config", name, value], check=True)
    (tmp_path / "dmd/new \u00e4.bin").write_bytes(bytes(range(255, -1, -1)))
    assert checkout.commit() == f"{clean}-dirty"
    (tmp_path / "dmd/old.py").write_bytes(b"a = 1\n" * 4 + b"b = 2\n" + b"a = 1\n" * 4)
    (tmp_path / "dmd/\u00e4.bin").write_bytes(bytes(256))
    (tmp_path / "dmd/gone.bin").unlink()
    changed = {path.name: path.read_bytes() for path in (tmp_path / "dmd").iterdir()}
    patch = checkout.changes()
    for undo in (["checkout", "-q", "."], ["clean", "-qfd"]):
        subprocess.run(["git", "-C", str(tmp_path), *undo], check=True)
    subprocess.run(["git", "-C", str(tmp_path), "apply"], input=patch.encode(), check=True)
    assert {path.name: path.read_bytes() for path in (tmp_path / "dmd").iterdir()} == changed


def test_a_repository_that_a_variable_names_is_not_asked(theirs, tmp_path, monkeypatch):
    """As git sets it for what its hooks start."""
    ours = commit_all(tmp_path / "copy")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / ".git"))
    assert theirs != ours
    assert checkout.commit() == ours
