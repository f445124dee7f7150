"""Where the project's own files lie: beside the package in a checkout, inside of it in an installation (setup.py).

The folder that one works in has its own beside them: a YAML file in its config/ is laid over the project's
(`dmd.planning.reading.read`), a file of another kind, such as a split, stands in for it.
"""

from pathlib import Path

INSTALLED = Path(__file__).parents[1] / "project"
IS_INSTALLED = INSTALLED.is_dir()
ROOT = INSTALLED if IS_INSTALLED else INSTALLED.parents[1]
CONFIG = ROOT / "config"
SNAKEFILE = ROOT / "workflow/Snakefile"
PROFILES = ROOT / "profiles"
DEVIATIONS = ROOT / "docs/deviations.md"


def find(path: Path) -> Path:
    """Return a file of the folder that one works in or, where it has none of that name, the project's.

    One that neither has is expected in the folder.
    """
    ours = ROOT / path
    return ours if ours.exists() and not path.exists() else path
