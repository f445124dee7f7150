"""How the test cases of a table scatter, also where a row has no distance at all."""

import numpy as np
import pandas as pd

from dmd.report.page.distributions import _picture

NAMES = {0: "CPS", 1: "DMD"}


def said(hd95: list[float]) -> str:
    cases = pd.DataFrame({"row": [0, 0, 1, 1], "case": list("abab"), "hd95_voxel": hd95})
    return _picture("Table", "hd95_voxel", cases, NAMES).alt.partition("Medians: ")[2]


def test_every_row_has_its_median():
    assert said([1.0, 2.0, 3.0, 5.0]) == "CPS 1.50, DMD 4.00."


def test_a_row_whose_predictions_are_all_empty_has_no_box():
    assert said([1.0, 2.0, np.nan, np.nan]) == "CPS 1.50."


def test_of_a_row_with_some_empty_predictions_the_others_count():
    assert said([1.0, 2.0, np.nan, 3.0]) == "CPS 1.50, DMD 3.00."


def test_a_score_that_no_row_has_is_drawn_empty():
    assert said([np.nan] * 4) == "none."
