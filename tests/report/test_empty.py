"""What every convention makes of the four outcomes: rows of the table in docs/statistics.md."""

import pandas as pd
import pytest

from dmd.report.empty import treat_empty
from dmd.runs.outcomes import EMPTY, MEASURED, outcome

# Dice and distance of: measured, missed, false alarm, rightly empty, in a volume with diagonals of 50 voxels and 70 mm.
CONVENTIONS = {
    "no_distance": [(0.9, 6.0), (0.0, None), (0.0, None), (1.0, None)],
    "as_published": [(0.9, 6.0), (0.0, 0.0), (0.0, None), (0.0, 0.0)],
    "penalised": [(0.9, 6.0), (0.0, 50.0), (0.0, 50.0), (1.0, 0.0)],
}
VOXELS = [(9, 9), (0, 9), (9, 0), (0, 0)]


@pytest.mark.parametrize("how", CONVENTIONS)
def test_a_convention_gives_each_outcome_its_scores(how):
    assert [outcome(*voxels) for voxels in VOXELS] == [MEASURED, *EMPTY]
    lines = pd.DataFrame(VOXELS, columns=["predicted_voxels", "reference_voxels"])
    lines = lines.assign(outcome=[MEASURED, *EMPTY], dice=[0.9, 0, 0, 1], jaccard=[0.9, 0, 0, 1])
    lines = lines.assign(diagonal_voxel=50.0, diagonal_mm=[70.0, 70.0, 70.0, None])
    lines[["hd95_voxel", "asd_voxel", "hd95_mm", "asd_mm"]] = [[6.0] * 4, [None] * 4, [7.0] * 4, [None] * 4]
    treated = treat_empty(lines, how)
    found = [
        [None if pd.isna(value) else value for value in treated[name]] for name in ("dice", "hd95_voxel", "hd95_mm")
    ]
    dice, distances = map(list, zip(*CONVENTIONS[how], strict=True))
    assert found[:2] == [dice, distances]
    assert treated["jaccard"].tolist() == dice
    assert treated["asd_voxel"].equals(treated["hd95_voxel"])
    in_mm = [None if distance is None else distance * 70 / 50 for distance in distances[1:3]]
    assert found[2] == [6.0, *in_mm, None]  # the last volume has no spacing
