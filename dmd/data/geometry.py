"""What a scan must say of itself before its voxels are believed: numbers in voxels of one size that lie in one way."""

import itertools
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import nibabel
import numpy as np
import SimpleITK as sitk  # noqa: N813, the name its own documentation uses
from nibabel.affines import voxel_sizes

from dmd.errors import InputError

SMALLEST_MM, LARGEST_MM = 0.01, 100.0  # of a voxel's edge; whoever writes metres or micrometres lies outside
LARGEST = 1e15  # of an intensity: its square is a number in float32
# Of the formats whose header is text: the lines that give the edges of a voxel, and the last line.
EDGES = {
    ".nrrd": re.compile(r"(?:spacings|space directions): (.*)", re.IGNORECASE),
    ".mha": re.compile(r"Element(?:Spacing|Size)\s*[=:]\s*(.*)"),
}
LAST = {".nrrd": re.compile(r"$"), ".mha": re.compile(r"ElementDataFile")}
ALIKE = 1e-3  # relative difference of two spacings, or difference of two directions, that rounding explains


def join(volumes: Iterable[sitk.Image]) -> sitk.Image:
    """Return volumes of one geometry as one image, along a fourth axis."""
    return sitk.JoinSeries(list(volumes))


def require_header(path: Path) -> None:
    """Require of a NIfTI file one answer to where its voxels lie, before any of them is read.

    SimpleITK takes a NaN as 1, a missing orientation as its own, and of two that differ one, all without a word.

    Raises
    ------
    InputError
        Says what the header has and how to mend it.
    """
    header = _read_header(path)
    if header.get_data_dtype().kind not in "iuf":
        raise InputError(
            f"{path}: expected real numbers, found {header.get_data_dtype()}; save one channel or magnitude"
        )
    zooms = np.round(header["pixdim"][1:4].astype(float), 6).tolist()
    if not all(math.isfinite(zoom) and zoom > 0 for zoom in zooms):
        raise InputError(
            f"{path}: expected the edges of a voxel, found pixdim {zooms}; write what they are into the header"
        )
    affines = {
        name: get() for name, get in (("qform", header.get_qform), ("sform", header.get_sform)) if _is_set(header, name)
    }
    if not affines:
        raise InputError(
            f"{path}: expected a header that says how the axes lie in the patient, found qform_code and sform_code 0; "
            "programs guess differently. Set one, with nibabel: `scan.set_sform(affine, 1)`"
        )
    for name, affine in affines.items():
        _require_alike(path, name, affine, zooms)
    if len(affines) == 2:
        _require_one_place(path, affines["qform"], affines["sform"], zooms)


def require_scan(path: Path, scan: sitk.Image, values: np.ndarray) -> None:
    """Require of a scan one volume of finite numbers in voxels of a possible size.

    Raises
    ------
    InputError
        Says what it is instead.
    """
    size, channels = scan.GetSize(), scan.GetNumberOfComponentsPerPixel()
    if len(size) != 3 or channels != 1:
        raise InputError(
            f"{path}: expected one volume with 3 axes, found size {'x'.join(map(str, size))} with {channels} "
            "value(s) per voxel; save the volume that is to be segmented as a file of its own"
        )
    if "complex" in scan.GetPixelIDTypeAsString():
        raise InputError(f"{path}: expected real numbers, found complex ones; save their magnitude")
    if not all(SMALLEST_MM <= edge <= LARGEST_MM for edge in scan.GetSpacing()):
        raise InputError(
            f"{path}: expected voxels with edges of {SMALLEST_MM} to {LARGEST_MM:g} mm, found {_edges(scan)} mm; does "
            "the header name the unit, such as metres, that its numbers are in?"
        )
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        place = tuple(bad[0].tolist())
        raise InputError(
            f"{path}: expected finite numbers, found {len(bad)} NaN or infinite, the first at {place}; replace them, "
            "outside the field of view by 0"
        )
    most = float(np.abs(values).max(initial=0))
    if most > LARGEST:
        raise InputError(f"{path}: expected intensities of at most {LARGEST:g}, found {most:g}; scale them")


def require_spacing(path: Path) -> None:
    """Require of a NRRD or MetaImage file a number for each edge of a voxel; SimpleITK takes what is not there as 1.

    Raises
    ------
    InputError
        The header says nothing of an edge, or that it is none or NaN.
    """
    ending = path.suffix.lower()
    if ending not in EDGES:
        return
    with path.open(encoding="latin-1", newline="\n") as file:
        header = list(itertools.takewhile(lambda line: not LAST[ending].match(line.strip()), file))
    said = " ".join(match[1] for match in map(EDGES[ending].match, header) if match)
    known = [edge for edge in re.findall(r"\([^)]*\)|[^\s(]+", said) if not re.search("nan|none", edge, re.IGNORECASE)]
    if len(known) < 3:
        raise InputError(
            f"{path}: expected a header with the edges of a voxel, found {said.strip() or 'nothing'} for them; write "
            "what they are into it, with SimpleITK: `scan.SetSpacing(edges)`"
        )


def require_slices(path: Path, scan: sitk.Image) -> None:
    """Require of a scan that is segmented slice by slice that one axis goes from slice to slice: the coarsest.

    Raises
    ------
    InputError
        Two axes or three are equally coarse.
    """
    *_, second, first = sorted(scan.GetSpacing())
    if second > (1 - ALIKE) * first:
        raise InputError(
            f"{path}: expected slices, one axis of coarser voxels than the others, found edges of {_edges(scan)} mm: "
            "this run segments slices one by one, and nothing says which way they lie. Resample the scan first"
        )


def require_one_grid(path: Path, label: sitk.Image, scan: sitk.Image) -> None:
    """Require a label that has the size of its scan and, but for rounding, lies where it lies.

    Raises
    ------
    InputError
        Says what differs.
    """
    remedy = "save the label on the grid of its image"
    if label.GetSize() != scan.GetSize():
        sizes = ["x".join(map(str, of.GetSize())) for of in (scan, label)]
        raise InputError(f"{path}: expected the size of its image, {sizes[0]}, found {sizes[1]}; {remedy}")
    if not np.allclose(label.GetSpacing(), scan.GetSpacing(), rtol=ALIKE):
        raise InputError(
            f"{path}: expected the voxels of its image, {_edges(scan)} mm, found {_edges(label)} mm; {remedy}"
        )
    if not np.allclose(label.GetDirection(), scan.GetDirection(), atol=ALIKE):
        raise InputError(
            f"{path}: expected axes in the directions of its image's, {np.round(scan.GetDirection(), 3).tolist()}, "
            f"found {np.round(label.GetDirection(), 3).tolist()}; {remedy}"
        )
    apart = float(np.linalg.norm(np.subtract(label.GetOrigin(), scan.GetOrigin())))
    if apart > min(scan.GetSpacing()) / 10:
        raise InputError(f"{path}: expected the place of its image, found it {apart:g} mm elsewhere; {remedy}")


def _read_header(path: Path) -> Any:
    """Return the header as it is in the file: nibabel mends what it loads."""
    with nibabel.openers.ImageOpener(str(path)) as file:
        header = type(cast(Any, nibabel.load(path)).header).from_fileobj(file, check=False)
    header["pixdim"][0] = header["pixdim"][0] or 1  # the sign of an axis: all programs read 0 as 1
    return header


def _is_set(header: Any, name: str) -> bool:
    return int(header[f"{name}_code"]) > 0


def _require_alike(path: Path, name: str, affine: np.ndarray, zooms: list[float]) -> None:
    """Require that an affine has voxels of the size that the header gives in `pixdim`."""
    found = voxel_sizes(affine)
    if not np.allclose(found, zooms, rtol=ALIKE):
        raise InputError(
            f"{path}: expected one size of voxels, found {np.round(found, 6).tolist()} in {name} and "
            f"{zooms} in pixdim; set what is wrong in the header right"
        )


def _require_one_place(path: Path, qform: np.ndarray, sform: np.ndarray, zooms: list[float]) -> None:
    """Require two affines with axes in one way and, to a tenth of a voxel, the first voxel in one place."""
    remedy = "set the code of the one that is wrong to 0"
    if not np.allclose(_directions(qform), _directions(sform), atol=ALIKE):
        raise InputError(
            f"{path}: expected one way in which the axes lie, found another in qform than in sform; {remedy}"
        )
    apart = float(np.linalg.norm(qform[:3, 3] - sform[:3, 3]))
    if apart > min(zooms) / 10:
        raise InputError(
            f"{path}: expected one place of the first voxel, found it {apart:g} mm elsewhere in qform than in sform; "
            f"programs would lay the mask there or there; {remedy}"
        )


def _directions(affine: np.ndarray) -> np.ndarray:
    return np.asarray(affine[:3, :3] / voxel_sizes(affine))


def _edges(scan: sitk.Image) -> str:
    return " x ".join(f"{edge:g}" for edge in scan.GetSpacing())
