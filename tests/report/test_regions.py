import numpy as np
import pytest

from dmd.report.panels.regions import ZONES, boundary, fullest_plane, near_boundary, outer_branch, plane, shares, zones


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
    # Planes 4 and 5 are within 2 voxels of the background, 6 and 7 of the foreground.
    assert np.flatnonzero(near_boundary(half)[:, 1, 1]).tolist() == [4, 5, 6, 7]
    assert not near_boundary(np.zeros((4, 4, 4), bool)).any()
    assert not near_boundary(np.ones((4, 4, 4), bool)).any()


def test_near_is_the_same_of_a_mask_and_its_complement():
    mask = cube() | (np.random.default_rng(0).random((12, 12, 12)) > 0.97)
    assert np.array_equal(near_boundary(mask), near_boundary(~mask))


def test_every_voxel_has_one_zone():
    half = np.zeros((12, 1, 1), bool)
    half[:6] = True
    names = [ZONES[index] for index in zones(half).ravel()]
    assert names == (
        ["foreground"] * 4 + ["foreground_near_boundary"] * 2 + ["background_near_boundary"] * 2 + ["background"] * 4
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


def disc(radius: float, middle: float = 50) -> np.ndarray:
    x, y = np.indices((100, 100))
    return (x - middle) ** 2 + (y - middle) ** 2 <= radius**2


@pytest.mark.parametrize("radius", [1, 2, 3.5, 5, 9, 12.5, 17, 25, 33, 40])
def test_discs_and_squares_have_no_branch(radius):
    """At any place on the grid: what an opening leaves of them is the grid's doing."""
    square = np.zeros((100, 100), bool)
    square[3 : 3 + round(2 * radius), 4 : 4 + round(2 * radius)] = True
    assert outer_branch(square) is None
    assert all(outer_branch(disc(radius, middle)) is None for middle in (50, 50.25, 50.5))
    assert outer_branch(np.zeros((5, 5), bool)) is None


@pytest.mark.parametrize(("radius", "width", "length"), [(9, 3, 12), (14, 4, 8), (20, 5, 12), (30, 8, 16)])
def test_a_branch_of_a_disc_is_boxed(radius, width, length):
    branched = disc(radius)
    end = 50 + radius + length
    branched[50 : 50 + width, 50:end] = True
    wide, long = outer_branch(branched)
    assert wide.start <= 50
    assert wide.stop >= 50 + width
    assert 50 < long.start <= 50 + radius + 2
    assert long.stop >= end


def test_pictures_have_y_downwards_whatever_the_data():
    volume = np.zeros((5, 6, 7))
    volume[4, 1, 3] = 1
    assert np.argwhere(plane(volume, 3, axis=2)).tolist() == [[1, 4]]  # (X, Y, Z)
    assert np.argwhere(plane(volume, 4, axis=0)).tolist() == [[1, 3]]  # (slices, Y, X)
