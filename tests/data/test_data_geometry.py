"""Scans as they come: what a header says twice, not at all, or in another unit."""

import math
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from nibabel.spatialimages import HeaderDataError

from dmd.data.geometry import require_slices
from dmd.data.masks import find_masks
from dmd.data.scan import read_scan, to_training_grid
from dmd.errors import InputError
from dmd.planning.config import Dataset

SPACING = (0.7, 0.9, 2.5)
FACTS = Dataset(revision=1, reader="la", dimensions=3, classes=["background", "a"], spacing_mm=[1, 1, 1], split="-")


@pytest.fixture
def written(tmp_path):
    """Return a function that writes a NIfTI file and changes its header byte by byte, as no library would."""

    def write(change=lambda header: None, values=None) -> Path:
        if values is None:
            values = np.random.default_rng(0).normal(100, 20, (6, 5, 4)).astype(np.float32)
        image = nibabel.Nifti1Image(values, np.diag([-SPACING[0], -SPACING[1], SPACING[2], 1]))
        image.set_qform(image.affine, 1)
        image.header.set_xyzt_units("mm")
        path = tmp_path / "scan.nii"
        image.to_filename(path)
        content = path.read_bytes()
        header = nibabel.Nifti1Header(content[:348], check=False)
        change(header)
        path.write_bytes(header.binaryblock + content[348:])
        return path

    return write


def scaled(header, factor: float, unit: str) -> None:
    for name in ("srow_x", "srow_y", "srow_z", "pixdim"):
        header[name] = (
            np.where(np.arange(len(header[name])) > (0 if name == "pixdim" else -1), factor, 1) * header[name]
        )
    header.set_xyzt_units(unit)


def codes(header, qform: int, sform: int) -> None:
    header["qform_code"], header["sform_code"] = qform, sform


def other_size(header) -> None:
    header.set_qform(np.diag([-1.4, -1.8, 5, 1]), 1)


def other_way(header) -> None:
    header.set_qform(np.array([[0, -0.9, 0, 0], [0.7, 0, 0, 0], [0, 0, 2.5, 0], [0, 0, 0, 1]]), 1)
    header["pixdim"][1:4] = SPACING


def other_place(header) -> None:
    header["qoffset_x"] = header["srow_x"][3] + 0.08


def pixdim(value: float):
    def change(header) -> None:
        header["pixdim"][1] = value
        codes(header, 1, 0)

    return change


@pytest.mark.parametrize(("factor", "unit"), [(1, "mm"), (1e-3, "meter"), (1e3, "micron")])
def test_a_scan_in_another_unit_is_the_same_scan(written, factor, unit):
    found = read_scan(written(lambda header: scaled(header, factor, unit)), FACTS)
    assert found.GetSpacing() == pytest.approx(SPACING, rel=1e-5)


@pytest.mark.parametrize(("qform", "sform"), [(1, 0), (0, 1), (1, 2)])
def test_one_answer_to_where_voxels_lie_is_enough_and_two_that_agree_are_one(written, qform, sform):
    assert read_scan(written(lambda header: codes(header, qform, sform)), FACTS).GetSpacing() == pytest.approx(SPACING)


@pytest.mark.parametrize("sign", [0, 1])
def test_a_sign_of_0_is_read_as_1(written, sign):
    """As nibabel and ITK do, where some program has left `pixdim[0]` out."""

    def change(header) -> None:
        header["pixdim"][0] = sign
        codes(header, 1, 2)

    assert read_scan(written(change), FACTS).GetDirection() == pytest.approx((1, 0, 0, 0, 1, 0, 0, 0, 1))


def of_no_type(header) -> None:
    header["datatype"] = 4711


def of_no_sign(header) -> None:
    header["pixdim"][0] = 7


@pytest.mark.parametrize(
    ("change", "message"), [(of_no_type, "data code 4711"), (of_no_sign, r"qfac \(pixdim\[0\]\) should be 1 or -1")]
)
def test_what_nibabel_has_an_exception_of_its_own_for_is_told(written, change, message):
    with pytest.raises(InputError, match=rf"scan\.nii cannot be read as a scan: .*{message}"):
        read_scan(written(change), FACTS)


def test_a_mask_that_nibabel_cannot_read_is_told(written, tmp_path):
    written(of_no_type)
    with pytest.raises(InputError, match=r"scan\.nii cannot be read as a mask: .*data code 4711"):
        next(find_masks(tmp_path, ["scan"], 3))


@pytest.mark.parametrize("error", [EOFError(), HeaderDataError("\n")])
def test_an_error_without_a_word_is_told_by_its_kind(written, monkeypatch, error):
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("dmd.data.scan.require_header", fail)
    with pytest.raises(InputError, match=f"cannot be read as a scan: {type(error).__name__}"):
        read_scan(written(), FACTS)


FAULTS = {
    "two sizes": (other_size, r"expected one size of voxels, found \[0.7, 0.9, 2.5\] in sform and \[1.4, 1.8, 5.0\]"),
    "two ways": (other_way, "found another in qform than in sform; set the code of the one that is wrong to 0"),
    "two places": (other_place, "found it 0.08 mm elsewhere in qform than in sform"),
    "no way": (lambda header: codes(header, 0, 0), "found qform_code and sform_code 0; programs guess differently"),
    "nan": (pixdim(math.nan), r"expected the edges of a voxel, found pixdim \[nan, 0.9, 2.5\]"),
    "zero": (pixdim(0), r"expected the edges of a voxel, found pixdim \[0.0, 0.9, 2.5\]"),
    "negative": (pixdim(-0.7), r"expected the edges of a voxel, found pixdim \[-0.7, 0.9, 2.5\]"),
    "metres without a word": (lambda header: scaled(header, 1e-3, "mm"), "edges of 0.01 to 100 mm, found 0.0007 x"),
    "micrometres without a word": (lambda header: scaled(header, 1e3, "unknown"), "found 700 x 900 x 2500 mm"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_header_that_could_mislead_is_refused(written, fault):
    change, message = FAULTS[fault]
    with pytest.raises(InputError, match=message):
        read_scan(written(change), FACTS)


VALUES = {
    "complex": (np.ones((6, 5, 4), np.complex64), "expected real numbers, found complex64"),
    "huge": (np.full((6, 5, 4), 1e300), "expected intensities of at most 1e.15, found 1e.300"),
    "nan": (np.full((6, 5, 4), np.nan), "found 120 NaN or infinite, the first at"),
}


@pytest.mark.parametrize("what", VALUES)
def test_what_are_no_intensities_is_refused(written, what):
    values, message = VALUES[what]
    with pytest.raises(InputError, match=message):
        read_scan(written(values=values), FACTS)


def test_complex_numbers_are_refused_in_any_format(tmp_path):
    sitk.WriteImage(sitk.GetImageFromArray(np.ones((4, 5, 6), np.complex64)), tmp_path / "scan.nrrd")
    with pytest.raises(InputError, match="expected real numbers, found complex ones"):
        read_scan(tmp_path / "scan.nrrd", FACTS)


def test_a_compressed_file_that_was_cut_off_is_refused(written, tmp_path):
    path = tmp_path / "scan.nii.gz"
    nibabel.load(written()).to_filename(path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match=r"scan\.nii\.gz cannot be read as a scan"):
        read_scan(path, FACTS)


@pytest.mark.parametrize(
    ("spacing", "is_sliced"), [((1, 1, 1), False), ((1, 5, 5), False), ((1, 1, 5), True), ((2, 1.5, 1), True)]
)
def test_slices_need_an_axis_of_their_own(tmp_path, spacing, is_sliced):
    image = sitk.Image((6, 5, 4), sitk.sitkFloat32)
    image.SetSpacing(spacing)
    if is_sliced:
        require_slices(tmp_path, image)
    else:
        with pytest.raises(InputError, match="nothing says which way they lie"):
            require_slices(tmp_path, image)


def test_a_scan_that_no_memory_holds_is_refused_before_it_is_resampled():
    image = sitk.Image((600, 600, 600), sitk.sitkUInt8)
    image.SetSpacing((90, 90, 90))
    with pytest.raises(InputError, match=r"found 54000x54000x54000 voxels made of 600x600x600: 37\d\d\d\d\d\.\d GB"):
        to_training_grid(image, FACTS, [1, 1, 1])
