"""The project as somebody has it who installed it: a wheel in an environment of its own, far from any checkout."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from workflow.project import clone

BUILT_FROM = ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE")


def commit_all(folder: Path) -> str:
    """Make a folder a git repository of all that it holds, and return the commit."""
    git = ("git", "-C", str(folder), "-c", "user.name=x", "-c", "user.email=x@y")
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "all of it", "--allow-empty"]):
        subprocess.run([*git, *command], check=True)
    head = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], check=True, capture_output=True, text=True)
    return head.stdout.strip()


def source(folder: Path) -> Path:
    """Copy what the package is built from."""
    for name in BUILT_FROM:
        shutil.copy(Path(__file__).parents[2] / name, folder)
    return clone(folder)


def build(source: Path, out: Path, kind: str = "wheel") -> Path:
    """Build a `wheel`, an `editable` one or an `sdist`, with the setuptools that the tests have."""
    out.mkdir(exist_ok=True)
    code = f"from setuptools.build_meta import build_{kind} as build; build({str(out)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=source, check=True, capture_output=True)
    return next(out.iterdir())


class Environment:
    """An environment that has a wheel, and borrows the libraries of the one that the tests run in."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        self.python = folder / "bin/python"
        pip = [sys.executable, "-m", "pip", "--python", self.python, "install", "--quiet"]
        subprocess.run([*pip, "--no-index", "--no-deps", wheel], check=True, env=self.variables())
        (library,) = folder.glob("lib/python*/site-packages")
        (library / "borrowed.pth").write_text(sysconfig.get_path("purelib"))

    def variables(self) -> dict[str, str]:
        """Return the variables of somebody who knows nothing of the checkout that is tested."""
        mine = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
        return mine | {"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": str(self.python.parent)}

    def run(self, folder: Path, *command: str) -> subprocess.CompletedProcess:
        """Run `dmd`, or a module of Python, in a folder."""
        words = [self.python.with_name("dmd")] if command[0] == "dmd" else [self.python, "-m", command[0]]
        return subprocess.run([*words, *command[1:]], cwd=folder, env=self.variables(), capture_output=True, text=True)
