import numpy as np
import pytest

from dmd.data.intensity import z_score, zero_to_one
from dmd.errors import InputError


def test_values_worked_out_by_hand():
    image = np.array([[1, 2], [3, 6]], np.float32)
    # Mean 3, squared deviations 4, 1, 0, 9: sd = sqrt(14 / 4).
    assert z_score(image) == pytest.approx((image - 3) / 3.5**0.5)
    assert zero_to_one(image) == pytest.approx(np.array([[0, 0.2], [0.4, 1]]))
    assert z_score(image).dtype == zero_to_one(image).dtype == np.float32


@pytest.mark.parametrize("normalise", [z_score, zero_to_one])
def test_a_scan_without_contrast_is_refused(normalise):
    with pytest.raises(InputError, match=r"found 7\.0 everywhere"):
        normalise(np.full((2, 3), 7, np.float32))
