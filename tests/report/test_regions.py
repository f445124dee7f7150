import numpy as np
import pytest

from dmd.report.regions import ZONES, boundary, fullest_plane, near_boundary, outer_branch, shares, zones


def cube(shape=(12, 12, 12), low=3, high=8) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[low:high, low:high, low:high] = True
    return mask


def test_the_boundary_is_what_an_erosion_takes_away():
    # A cube of side 5 keeps one of side 3.
    assert boundary(cube()).sum() == 5**3 - 3**3
    assert not boundary(cube())[5, 5, 5]


def test_the_edge_of_the_volume_is_no_boundary():
    half = np.zeros((6, 4, 4), bool)
    half[:3] = True
    assert np.argwhere(boundary(half).any(axis=(1, 2))).ravel().tolist() == [2]
    assert not boundary(np.ones((4, 4, 4), bool)).any()


def test_near_is_at_most_two_voxels_on_either_side():
    half = np.zeros((12, 3, 3), bool)
    half[:6] = True
    # The boundary is plane 5; planes 3 to 7 are within 2 voxels of it.
    assert np.flatnonzero(near_boundary(half)[:, 1, 1]).tolist() == [3, 4, 5, 6, 7]
    assert not near_boundary(np.zeros((4, 4, 4), bool)).any()


def test_every_voxel_has_one_zone():
    half = np.zeros((12, 1, 1), bool)
    half[:6] = True
    names = [ZONES[index] for index in zones(half).ravel()]
    assert names == (
        ["foreground"] * 3 + ["foreground_near_boundary"] * 3 + ["background_near_boundary"] * 2 + ["background"] * 4
    )


def test_shares_of_energy_by_hand():
    half = np.zeros((12, 1, 1), bool)
    half[:6] = True
    gradient = np.zeros((12, 1, 1))
    gradient[0], gradient[5], gradient[6], gradient[11] = 1, 3, -2, 2
    # Energies 1 + 9 + 4 + 4 = 18.
    found = shares(gradient**2, zones(half))
    expected = {"foreground": 1, "foreground_near_boundary": 9, "background_near_boundary": 4, "background": 4}
    assert found == pytest.approx({name: energy / 18 for name, energy in expected.items()})


def test_nothing_has_no_shares():
    assert all(np.isnan(share) for share in shares(np.zeros((2, 2)), np.zeros((2, 2), int)).values())


def test_the_plane_with_the_most_boundary_is_shown():
    mask = np.zeros((12, 12, 3), bool)
    mask[2:5, 2:5, 0] = mask[1:10, 1:10, 1] = mask[2:4, 2:4, 2] = True
    assert fullest_plane(mask) == 1


def test_the_branch_of_a_body_is_boxed_and_a_disc_has_none():
    x, y = np.indices((40, 40))
    disc = (x - 15) ** 2 + (y - 15) ** 2 <= 81
    branched = disc.copy()
    branched[14:17, 20:36] = True
    box = outer_branch(branched)
    assert box[0].start <= 14
    assert box[0].stop >= 17
    assert box[1].start > 15
    assert box[1].stop >= 36
    assert outer_branch(np.zeros((5, 5), bool)) is None
    square = np.zeros((9, 9), bool)
    square[1:8, 1:8] = True
    corner = outer_branch(square)
    assert corner is None or np.ptp([corner[0].start, corner[0].stop]) <= 6
