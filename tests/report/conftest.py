"""What the tests of the page share."""

from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
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


# What a matplotlibrc may say; LaTeX is not even installed where these tests run.
USERS = {"text.usetex": True, "font.size": 30, "axes.facecolor": "red", "image.interpolation": "gaussian"}
USERS |= {"savefig.bbox": "tight", "savefig.transparent": True, "svg.fonttype": "none", "lines.linewidth": 9}


@pytest.fixture
def require_our_style() -> Callable[[Callable[[], None], Path], None]:
    """Return a function that requires that a drawing makes the same bytes by the user's settings and without."""

    def require(draw: Callable[[], None], output: Path) -> None:
        draw()
        ours = output.read_bytes()
        output.unlink()
        with mpl.rc_context(USERS):
            draw()
            assert mpl.rcParams["font.size"] == 30  # put back
        assert output.read_bytes() == ours

    return require
