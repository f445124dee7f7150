"""Rows of masks that were made elsewhere, as the configuration asks for them."""

from pathlib import Path

import pytest

from dmd.errors import InputError
from dmd.planning import config, plan
from dmd.planning.guests import find_guest

ROOT = Path(__file__).parents[2]
GUEST = {"dataset": "la", "labelled": 8, "name": "nnU-Net"}


def make(content, *guests):
    content["artefacts"]["table3"]["guests"] = list(guests)
    return plan.make(config.check(content), ROOT)


def test_a_guest_is_a_row_behind_the_runs_and_no_run(content):
    without = plan.make(config.check(content), ROOT)
    made = make(content, GUEST)
    assert made.runs == without.runs
    for scale in ("half", "smoke"):
        *rows, guest = made.artefacts[f"{scale}/table3"].rows
        assert tuple(rows) == without.artefacts[f"{scale}/table3"].rows
        assert (guest.label, guest.runs, guest.paper) == ("nnU-Net (not trained here)", (), {})
        assert guest.unlabelled is None
        assert guest.guest == find_guest(config.check(content), scale, *GUEST.values()).id
    assert made.artefacts["half/table3"].rows[-1].guest != guest.guest  # other data, other scores


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "mc-net"}, "artefact 'table3' at scale 'paper': expected a name of its own .* of the method 'mcnet'"),
        ({"name": "DMD"}, "expected a name of its own"),
        ({"labelled": 81}, "expected a budget of 1 to 80 labelled patients, found 81"),
        ({"dataset": "ls"}, "unknown data set 'ls'; did you mean 'la'"),
        ({"name": "_x"}, "expected a name that does not begin with '_'"),
    ],
)
def test_a_guest_that_cannot_be_is_refused_at_planning(content, change, said):
    with pytest.raises(InputError, match=said):
        make(content, GUEST | change)


def test_a_guest_stands_once_in_a_table(content):
    with pytest.raises(InputError, match="expected each value once"):
        make(content, GUEST, GUEST)


@pytest.mark.parametrize("name", ["CPS", "a\x1bb", ""])
def test_a_name_that_no_row_can_have_is_refused_before_anything_is_measured(content, name):
    with pytest.raises(InputError, match="expected"):
        find_guest(config.check(content), "half", "la", 8, name)
