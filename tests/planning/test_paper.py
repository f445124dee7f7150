"""Numbers of the paper that cannot be read."""

import pytest

from dmd.errors import InputError
from dmd.planning.paper import Published, plotted_values, printed_values


@pytest.mark.parametrize(
    "text", ["artefact,method\ntable1,dmd\n", "artefact,method,dataset,labelled,metric,value\nt,d,la,8,dice,x\n"]
)
def test_a_line_without_its_number_is_named(tmp_path, text):
    path = tmp_path / "paper.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=r"paper\.csv, line 2: expected numbers of the paper"):
        printed_values(path)


def test_the_papers_own_numbers_come_first_and_other_publications_after_them(tmp_path):
    path = tmp_path / "paper.csv"
    path.write_text(
        "artefact,method,dataset,labelled,metric,value,source,selection,largest_component\n"
        "table1,dtc,la,8,dice,86.57,the paper,,\n"
        "table1,dtc,la,8,jaccard,76.55,the paper,,\n"
        "table1,dtc,la,8,dice,87.51,README,last,yes\n"
    )
    assert printed_values(path) == {
        ("table1", "dtc", "la", 8): (
            Published("the paper", "", "", {"dice": 86.57, "jaccard": 76.55}),
            Published("README", "last", "yes", {"dice": 87.51}),
        )
    }


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"expected numbers of the paper at .*none\.csv, found no file"):
        plotted_values(tmp_path / "none.csv")
