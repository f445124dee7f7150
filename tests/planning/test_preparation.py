"""What is made of the scans of a folder is said whole, and is a part of a run's name."""

import pytest

from dmd.errors import InputError
from dmd.planning import config
from dmd.planning.config import Dataset
from dmd.planning.preparation import preparation

FOLDER = {
    "revision": 1,
    "reader": "folder",
    "dimensions": 3,
    "classes": ["background", "liver"],
    "labels": [0, 255],
    "intensities": "z_score",
    "spacing_mm": [1, 1, 2],
    "split": "-",
}


@pytest.mark.parametrize(
    "change",
    [
        {"labels": [0, 1]},
        {"spacing_mm": [1, 1, 1]},
        {"intensities": "z_score_box"},
        {"intensities": "ct", "window": [-160, 240]},
    ],
)
def test_another_preparation_has_another_digest(change):
    assert preparation(Dataset.model_validate(FOLDER | change)) != preparation(Dataset.model_validate(FOLDER))


def test_other_data_sets_have_none_so_that_their_runs_keep_their_names(content):
    datasets = config.check(content).datasets
    assert {name: preparation(facts) for name, facts in datasets.items()} == {name: {} for name in datasets}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": [0, 1, 2]}, "expected a value in `labels` for each of the 2 classes"),
        ({"labels": None}, "expected a value in `labels`"),
        ({"labels": [3, 3]}, "expected each value once, found \\[3\\] again"),
        ({"intensities": None}, "expected a rule in `intensities`"),
        ({"intensities": "minmax"}, "z_score"),
        ({"intensities": "ct"}, "expected a `window` with `intensities: ct`"),
        ({"window": [0, 1]}, "expected a `window` with `intensities: ct`"),
        ({"intensities": "ct", "window": [5, 5]}, "from a lower to a higher intensity"),
        ({"spacing_mm": None}, "expected `spacing_mm` for volumes"),
        ({"dimensions": 2}, "expected `spacing_mm` for volumes"),
        ({"reader": "la"}, "expected labels, intensities with `reader: folder` alone"),
    ],
)
def test_what_is_missing_or_too_much_is_refused(change, message, content):
    content["datasets"]["mine"] = FOLDER | change
    with pytest.raises(InputError, match=message):
        config.check(content)
