import itertools
import math

import h5py
import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import given
from hypothesis import strategies as st

from dmd.data.downsample import downsample_image
from dmd.data.intensity import z_score, zero_to_one
from dmd.data.own import Own
from dmd.data.own_grid import to_own
from dmd.data.scan import (
    amounts,
    read_scan,
    to_array,
    to_scan,
    to_training_grid,
    upright,
    with_intensities,
    write_mask,
)
from dmd.errors import InputError
from dmd.planning.config import Dataset

SPACING = (0.7, 0.9, 2.5)
POSES = [(order, flips) for order in itertools.permutations(range(3)) for flips in itertools.product((0, 1), repeat=3)]


def facts(dimensions: int = 3, spacing_mm: list | None = None) -> Dataset:
    return Dataset(
        revision=1, reader="la", dimensions=dimensions, classes=["background", "ring"], spacing_mm=spacing_mm, split="-"
    )


def scan(shape=(7, 6, 5), spacing=SPACING, seed: int = 0) -> sitk.Image:
    """A volume of ``shape`` (X, Y, Z) with different numbers, somewhere in the patient."""
    array = np.random.default_rng(seed).permutation(math.prod(shape)).astype(np.float32).reshape(shape)
    image = sitk.GetImageFromArray(np.ascontiguousarray(array.T))
    image.SetSpacing(spacing)
    image.SetOrigin((-31.5, 12.25, 100.0))
    return image


def posed(image: sitk.Image, order, flips) -> sitk.Image:
    """The same patient, stored with other axes."""
    return sitk.Flip(sitk.PermuteAxes(image, order), [bool(flip) for flip in flips])


def tilted(image: sitk.Image, angle: float) -> sitk.Image:
    """Another patient, who lay turned about the axis from left to right."""
    cos, sin = math.cos(angle), math.sin(angle)
    image.SetDirection((1, 0, 0, 0, cos, -sin, 0, sin, cos))
    return image


def geometry(image: sitk.Image) -> tuple:
    return image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection()


@pytest.mark.parametrize("pose", POSES)
def test_every_pose_of_a_scan_is_turned_upright_without_a_change_to_a_voxel(pose):
    image = tilted(scan(), 0.4)
    found = upright(posed(image, *pose), 3)
    assert np.array_equal(to_array(found, 3), to_array(image, 3))
    for one, other in zip(geometry(found), geometry(image), strict=True):
        assert one == pytest.approx(other, abs=1e-9)


def test_an_axis_towards_the_right_is_flipped_and_its_first_voxel_moves_with_it():
    image = scan((4, 3, 2), (2.0, 1.0, 1.0))
    image.SetDirection((-1, 0, 0, 0, 1, 0, 0, 0, 1))
    found = upright(image, 3)
    assert found.GetOrigin() == (-31.5 - 3 * 2.0, 12.25, 100.0)
    assert np.array_equal(to_array(found, 3), to_array(image, 3)[::-1])


@pytest.mark.parametrize("pose", POSES)
def test_slices_stay_slices_however_they_lie(pose):
    """Planes that are nearer to coronal than to axial, as the short axis of a heart may be."""
    image = tilted(scan(), 1.2)
    assert upright(image, 3).GetSpacing() != SPACING
    found = upright(posed(image, *pose), 2)
    assert found.GetSpacing() == SPACING
    assert np.array_equal(to_array(found, 2), to_array(upright(image, 2), 2))


# Slices whose rows or columns run towards the head: the way of each axis (column) in left, back and head (rows).
SAGITTAL, CORONAL = [[0, 0, 1], [1, 0, 0], [0, 1, 0]], [[1, 0, 0], [0, 0, 1], [0, 1, 0]]
FLIPS = list(itertools.product((0, 1), repeat=3))


def sliced(directions: list, axis: int = 0, angle: float = 0.0) -> tuple[sitk.Image, np.ndarray]:
    """A scan with such axes, tilted about left, back or head; and its slices, all of whose axes run forwards."""
    cos, sin = math.cos(angle), math.sin(angle)
    tilt = np.roll([[1, 0, 0], [0, cos, -sin], [0, sin, cos]], (axis, axis), (0, 1))
    image = scan()
    image.SetDirection((tilt @ directions).ravel().tolist())
    slices = to_array(image, 2)
    return image, slices.transpose(0, 2, 1) if directions is SAGITTAL else slices


@pytest.mark.parametrize("flips", FLIPS)
@pytest.mark.parametrize("directions", [SAGITTAL, CORONAL], ids=["sagittal", "coronal"])
def test_slices_towards_the_head_are_never_upside_down_and_masks_come_back(directions, flips):
    """The place of an axis is another's there, along which it does not run at all."""
    image, expected = sliced(directions)
    image = posed(image, (0, 1, 2), flips)
    assert np.array_equal(to_array(upright(image, 2), 2), expected)
    values = sitk.GetArrayFromImage(image).T.astype(np.uint8)
    own = Own(values, image.GetSpacing(), image.GetOrigin(), image.GetDirection())
    assert np.array_equal(to_own(expected.astype(np.uint8), own, None, [1, 1, 1], 2), values)


@pytest.mark.parametrize("angle", [-0.2, -1e-9, 1e-9, 0.2])
@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("directions", [SAGITTAL, CORONAL], ids=["sagittal", "coronal"])
def test_a_tilt_turns_no_slice(directions, axis, angle):
    image, expected = sliced(directions, axis, angle)
    assert np.array_equal(to_array(upright(image, 2), 2), expected)


def test_arrays_have_the_axes_of_the_stores():
    image = scan((7, 6, 5))
    assert to_array(image, 3).shape == (7, 6, 5)
    assert to_array(image, 2).shape == (5, 6, 7)
    assert to_array(image, 3)[3, 2, 1] == to_array(image, 2)[1, 2, 3] == image[3, 2, 1]


def test_a_coarse_scan_is_interpolated_and_keeps_its_corner():
    """Centres at 0 and 2 mm; those of half the spacing at -0.5, 0.5, 1.5 and 2.5 mm."""
    image = sitk.GetImageFromArray(np.array([[[0.0, 10.0]]], np.float32))
    image.SetSpacing((2, 1, 1))
    grid = to_training_grid(image, facts(spacing_mm=[1, 1, 1]), [1, 1, 1])
    assert to_array(grid, 3).ravel().tolist() == [0, 2.5, 7.5, 10]
    assert grid.GetSpacing() == (1, 1, 1)


@pytest.mark.parametrize("factors", [[1, 1, 1], [2, 2, 2], [1, 3, 2]])
def test_a_scan_with_the_spacing_of_the_data_set_becomes_what_a_store_holds(factors):
    image = scan((9, 8, 7))
    grid = to_training_grid(upright(image, 3), facts(spacing_mm=list(SPACING)), factors)
    assert to_array(grid, 3) == pytest.approx(downsample_image(to_array(image, 3), factors), rel=1e-6)


def test_factors_of_a_stack_of_slices_are_for_slices_rows_and_columns():
    image = scan((9, 8, 5))
    grid = to_training_grid(image, facts(dimensions=2), [1, 2, 3])
    assert to_array(grid, 2) == pytest.approx(downsample_image(to_array(image, 2), [1, 2, 3]), rel=1e-6)


def test_a_scan_thinner_than_a_block_is_refused():
    with pytest.raises(InputError, match=r"at least \[2, 2, 2\] voxels.*found \(7, 6, 1\)"):
        to_training_grid(scan((7, 6, 1)), facts(), [2, 2, 2])


@pytest.mark.parametrize("dimensions", [3, 2])
def test_a_label_map_comes_back_as_blocks_in_the_voxels_of_the_scan(dimensions):
    """Odd last planes, which no block holds, have the class of the block beside them."""
    image = scan((5, 4, 3))
    factors = [2, 2, 1] if dimensions == 3 else [1, 2, 2]
    turned = upright(image, dimensions)
    grid = to_training_grid(turned, facts(dimensions), factors)
    labels = np.arange(2 * 2 * 3, dtype=np.uint8).reshape((2, 2, 3) if dimensions == 3 else (3, 2, 2))
    mask = to_scan(labels, grid, turned, image, dimensions)
    rows, columns = [0, 0, 1, 1, 1], [0, 0, 1, 1]
    expected = labels[rows][:, columns] if dimensions == 3 else labels[:, columns][:, :, rows]
    assert np.array_equal(to_array(mask, dimensions), expected)
    assert geometry(mask) == geometry(image)
    assert mask.GetPixelID() == sitk.sitkUInt8


@given(st.sampled_from(POSES), st.floats(0.3, 3), st.floats(0.3, 3), st.integers(0, 9))
def test_a_mask_is_the_same_in_every_pose_at_any_spacing(pose, plane, height, seed):
    """Also where a voxel lies just between two of the other grid: nothing depends on how the scan lies in space."""
    image = scan((9, 8, 7), (plane, plane, height), seed)

    def segmented(given: sitk.Image) -> sitk.Image:
        turned = upright(given, 3)
        grid = to_training_grid(turned, facts(spacing_mm=[1, 1, 1]), [1, 1, 1])
        return to_scan((to_array(grid, 3) > 250).astype(np.uint8), grid, turned, given, 3)

    expected = to_array(posed(segmented(image), *pose), 3)
    assert np.array_equal(to_array(segmented(posed(image, *pose)), 3), expected)


@pytest.mark.parametrize("ending", [".nii.gz", ".nii", ".nrrd", ".mha"])
def test_a_mask_has_the_header_of_the_scan_in_the_file(ending, tmp_path):
    sitk.WriteImage(posed(scan(), (2, 0, 1), (1, 0, 1)), tmp_path / f"scan{ending}")
    image = read_scan(tmp_path / f"scan{ending}", facts())
    mask = sitk.Cast(image > 9, sitk.sitkUInt8)
    write_mask(mask, tmp_path / f"mask{ending}")
    found = sitk.ReadImage(tmp_path / f"mask{ending}")
    assert geometry(found) == geometry(image)
    assert found.GetPixelID() == sitk.sitkUInt8
    assert np.array_equal(to_array(found, 3), to_array(mask, 3))
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"mask{ending}", f"scan{ending}"]


def test_another_library_reads_the_same_affine_from_scan_and_mask(tmp_path):
    """Of a scan that it wrote itself, turned by 0.3 in its plane."""
    cos, sin = math.cos(0.3), math.sin(0.3)
    affine = np.array(
        [[-0.7 * cos, 0.9 * sin, 0, 31], [-0.7 * sin, -0.9 * cos, 0, 12], [0, 0, 2.5, -100], [0, 0, 0, 1]]
    )
    nibabel.save(nibabel.Nifti1Image(np.zeros((7, 6, 5), np.int16), affine), tmp_path / "scan.nii.gz")
    image = read_scan(tmp_path / "scan.nii.gz", facts())
    turned = upright(image, 3)
    mask = to_scan(np.zeros((7, 6, 5), np.uint8), to_training_grid(turned, facts(), [1, 1, 1]), turned, image, 3)
    write_mask(mask, tmp_path / "mask.nii.gz")
    found = nibabel.load(tmp_path / "mask.nii.gz")
    assert found.affine == pytest.approx(affine, abs=1e-5)
    assert found.header.get_zooms() == nibabel.load(tmp_path / "scan.nii.gz").header.get_zooms()
    assert (found.shape, found.get_data_dtype()) == ((7, 6, 5), np.uint8)


@pytest.mark.parametrize("dimensions", [3, 2])
def test_an_hdf5_scan_is_an_array_as_in_the_public_copies(dimensions, tmp_path):
    array = np.random.default_rng(0).normal(size=(4, 5, 6)).astype(np.float32)
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file["image"] = array
    image = read_scan(tmp_path / "scan.h5", facts(dimensions, [1, 2, 3] if dimensions == 3 else None))
    assert np.array_equal(to_array(image, dimensions), array)
    assert image.GetSpacing() == ((1, 2, 3) if dimensions == 3 else (1, 1, 1))


def test_amounts_are_millilitres_and_voxels_where_their_size_is_not_known():
    mask = sitk.GetImageFromArray(np.array([[[0, 1, 1, 3]]], np.uint8))
    mask.SetSpacing((10, 10, 5))
    classes = ["background", "a", "b", "c"]
    assert amounts(mask, classes) == {"a": "1.0 ml", "b": "0.0 ml", "c": "0.5 ml"}
    assert amounts(mask, classes, spacing_known=False) == {"a": "2 voxels", "b": "0 voxels", "c": "1 voxels"}


@pytest.mark.parametrize("normalise", [z_score, zero_to_one])
@pytest.mark.parametrize("factor", [1e-12, 1.0, 1e12])
def test_intensities_of_any_size_are_scaled_alike(normalise, factor):
    expected = normalise(sitk.GetArrayFromImage(scan()))
    found = with_intensities(sitk.Cast(factor * scan(), sitk.sitkFloat32), normalise)
    assert sitk.GetArrayFromImage(found) == pytest.approx(expected, abs=1e-5)


def test_intensities_that_float32_cannot_scale_are_refused():
    with pytest.raises(InputError, match="found too small ones; multiply them"):
        with_intensities(sitk.Cast(1e-30 * scan(), sitk.sitkFloat32), z_score)


def write_hdf5(path, **arrays) -> None:
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array


NRRD = "NRRD0004\ntype: float\ndimension: 3\nsizes: 4 3 2\nencoding: raw\nendian: little\n"
MHA = "ObjectType = Image\nNDims = 3\nBinaryData = True\nDimSize = 4 3 2\nElementType = MET_FLOAT\n"
LOCAL = "ElementDataFile = LOCAL"


def write_text_header(path, header: str, *fields: str, end: str = "\n") -> None:
    """Write a scan whose header no library would write, its voxels behind it."""
    text = header + "".join(f"{field}\n" for field in fields) + end
    path.write_bytes(text.encode() + np.arange(24, dtype="<f4").tobytes())


@pytest.mark.parametrize(
    ("name", "header", "fields"),
    [
        ("a.nrrd", NRRD, ["spacings: 2 2 3"]),
        ("a.nrrd", NRRD, ["SPACE DIMENSION: 3", "space directions: (2, 0, 0) (0, 2, 0) (0, 0, 3)"]),
        ("a.NRRD", NRRD, ["# spacings: none", "spacings: 2 2 3", "thicknesses: nan nan 1"]),
        ("a.mha", MHA, ["ElementSpacing = 2 2 3", LOCAL]),
        ("a.mha", MHA, ["ElementSize=2 2 3", LOCAL]),
    ],
)
def test_edges_of_a_voxel_are_read_in_every_way_that_a_header_gives_them(name, header, fields, tmp_path):
    write_text_header(tmp_path / name, header, *fields, end="" if header == MHA else "\n")
    assert read_scan(tmp_path / name).GetSpacing() == (2, 2, 3)


def with_nan() -> sitk.Image:
    image = scan()
    image[3, 2, 1] = math.nan
    return image


BAD = {
    "scan.png": (
        lambda path: path.touch(),
        r"expected a file that ends in \.nii\.gz, \.nii, \.nrrd, \.mha, \.h5, found .*png",
    ),
    "none.nii.gz": (lambda path: None, "none.nii.gz, found no file"),
    "text.nii.gz": (lambda path: path.write_text("no scan"), "text.nii.gz cannot be read as a scan"),
    "text.h5": (
        lambda path: path.write_text("no scan"),
        r"an array 'image' in .*text\.h5, found a truncated or corrupt file",
    ),
    "label.h5": (
        lambda path: write_hdf5(path, label=np.zeros((2, 2, 2))),
        r"an array 'image' in .*label\.h5, found a truncated or corrupt file",
    ),
    "nothing.h5": (
        lambda path: write_hdf5(path, image=np.zeros((0, 4, 4))),
        r"an array of numbers called 'image', found .*\(0, 4, 4\)",
    ),
    "complex.h5": (
        lambda path: write_hdf5(path, image=np.zeros((2, 2, 2), complex)),
        "numbers called 'image', found .*16",
    ),
    "plane.h5": (lambda path: write_hdf5(path, image=np.zeros((2, 2))), "one volume with 3 axes, found size 2x2"),
    "film.nii": (
        lambda path: sitk.WriteImage(sitk.JoinSeries([scan(), scan()]), path),
        "one volume with 3 axes, found size 7x6x5x2",
    ),
    "colour.nrrd": (
        lambda path: sitk.WriteImage(sitk.Compose(scan(), scan()), path),
        r"found size 7x6x5 with 2 value\(s\) per voxel",
    ),
    "silent.nrrd": (
        lambda path: write_text_header(path, NRRD),
        r"silent\.nrrd: expected a header with the edges of a voxel, found nothing for them",
    ),
    "none.nrrd": (
        lambda path: write_text_header(
            path, NRRD, "space: left-posterior-superior", "space directions: none none none"
        ),
        "found none none none for them",
    ),
    "nan.nrrd": (
        lambda path: write_text_header(path, NRRD, "spacings: 2 nan 3"),
        "found 2 nan 3 for them",
    ),
    "silent.mha": (
        lambda path: write_text_header(path, MHA, LOCAL, end=""),
        r"silent\.mha: expected a header with the edges of a voxel, found nothing for them",
    ),
    "nan.nii.gz": (
        lambda path: sitk.WriteImage(with_nan(), path),
        r"found 1 NaN or infinite, the first at \(3, 2, 1\)",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_scan_is_refused(name, tmp_path):
    make, message = BAD[name]
    make(tmp_path / name)
    with pytest.raises(InputError, match=message):
        read_scan(tmp_path / name, facts())
