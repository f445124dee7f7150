"""The commit of the code: what git says of a checkout, or what was noted when the package was built (setup.py)."""

import subprocess
from pathlib import Path

from dmd.planning import project

PARTS = ("dmd", "config", "workflow", "Snakefile")  # of the repository: what a training reads
# Whatever a user has git show: a patch that `git apply` takes, also of what is no text.
PATCH = (
    *("--no-ext-diff", "--no-textconv", "--no-color", "--binary", "--unified=3"),
    *("--src-prefix=a/", "--dst-prefix=b/"),
)
ROOT = project.ROOT
NOTED = project.INSTALLED / "commit"


def commit() -> str | None:
    """Return the commit of the code, marked where a file was changed or added since.

    ``None`` where nobody knows, as of a copy without its ``.git``: the repository of somebody else that such a copy,
    or an environment, lies in is not asked.
    """
    if project.IS_INSTALLED:
        return NOTED.read_text(encoding="utf-8").strip() if NOTED.exists() else None
    found = _git("rev-parse", "--short=12", "HEAD")
    if found is None:
        return None
    return found.strip() + ("-dirty" if _git("status", "--porcelain", "--untracked-files", "--", *PARTS) else "")


def changes() -> str:
    """Return what differs from the commit as a patch that ``git apply`` takes, files that were added included."""
    if project.IS_INSTALLED:
        return ""
    changed = _git("diff", *PATCH, "HEAD", "--", *PARTS) or ""
    added = (_git("ls-files", "-z", "--others", "--exclude-standard", "--", *PARTS) or "").split("\0")
    return changed + "".join(_added(name) for name in added if name)


def _added(name: str) -> str:
    # git ends with status 1 where the two files differ, which they do.
    diff = ["git", "-C", str(ROOT), "diff", *PATCH, "--no-index", "--", "/dev/null", name]
    done = subprocess.run(diff, capture_output=True)
    return done.stdout.decode(errors="replace")


def _git(*arguments: str) -> str | None:
    # Named, so that git looks for no other: neither above the folder nor where a variable such as GIT_DIR says.
    ours = ["git", "-C", str(ROOT), f"--git-dir={Path(ROOT, '.git')}", f"--work-tree={ROOT}"]
    try:
        done = subprocess.run([*ours, *arguments], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.decode(errors="replace")
