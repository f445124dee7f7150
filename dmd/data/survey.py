"""Every scan of a folder, read once: what it is, and what is wrong with it, all of it at once."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813, the name its own documentation uses

from dmd.data.dataset_json import in_order
from dmd.data.geometry import require_slices
from dmd.data.labels import found_values, read_label, require_values
from dmd.data.listing import Listed, Listing, list_folder
from dmd.data.scan import read_scan, upright, with_intensities
from dmd.data.store import sha256
from dmd.errors import InputError
from dmd.files import checksum
from dmd.planning.proposal import Seen
from dmd.progress import track

MOST_CLASSES = 256  # of a label map in uint8


@dataclass
class Survey:
    """What a folder holds.

    Attributes
    ----------
    layout : str
        How its folders are called.
    train, test : list of Seen
        Scans to learn from, and those set aside for tests; those that could be read.
    classes : dict
        Value of each class by its name, the background first.
    faults : list of str
        What is wrong.
    """

    layout: str
    train: list[Seen] = field(default_factory=list)
    test: list[Seen] = field(default_factory=list)
    classes: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def survey(folder: Path, dimensions: int, normalise: Callable[[np.ndarray], np.ndarray]) -> Survey:
    """Read every scan of a folder.

    Parameters
    ----------
    folder : Path
        In a layout of `dmd.data.listing`.
    dimensions : int
        2 where slices are to be segmented.
    normalise : callable
        The rule of the intensities, tried on every scan.

    Raises
    ------
    InputError
        There is no layout to read by.
    """
    listing = list_folder(folder)
    found = Survey(listing.layout, faults=listing.faults)
    images: dict[str, list[str]] = defaultdict(list)
    for scan in track(f"look at {folder.name}", [*listing.train, *listing.test]):
        image = _image(folder, scan, dimensions, normalise, found.faults)
        if image is not None:
            images[sha256(sitk.GetArrayViewFromImage(image))].append(scan.image)
            seen = _seen(folder, scan, image, dimensions, found.faults)
            (found.train if scan in listing.train else found.test).append(seen)
    found.faults += [
        f"{folder / same[0]}: expected another image in every file, found the same in {', '.join(same[1:])}; keep one"
        for same in images.values()
        if len(same) > 1
    ]
    found.classes = _classes(folder, listing, found)
    return found


def _image(
    folder: Path, scan: Listed, dimensions: int, normalise: Callable[[np.ndarray], np.ndarray], faults: list[str]
) -> sitk.Image | None:
    path = folder / scan.image
    try:
        image = read_scan(path)
        if dimensions == 2:
            require_slices(path, image)
    except InputError as error:
        faults.append(str(error))
        return None
    try:
        with_intensities(image, normalise)
    except InputError as error:
        faults.append(f"{path}: {error}")
    return image


def _seen(folder: Path, scan: Listed, image: sitk.Image, dimensions: int, faults: list[str]) -> Seen:
    voxels: dict[int, int] = {}
    files = {"image": (scan.image, checksum(folder / scan.image))}
    if scan.label:
        files["label"] = (scan.label, checksum(folder / scan.label))
        try:
            voxels = found_values(read_label(folder / scan.label, image))
        except InputError as error:
            faults.append(str(error))
    turned = upright(image, dimensions)
    named = sitk.DICOMOrientImageFilter().GetOrientationFromDirectionCosines(image.GetDirection())
    return Seen(scan.case, turned.GetSize(), turned.GetSpacing(), named, voxels, files)


def _classes(folder: Path, listing: Listing, found: Survey) -> dict[str, int]:
    """Return the classes of ``dataset.json``, each label held to them, else those that the labels have."""
    scans = [scan for scan in (*found.train, *found.test) if scan.voxels]
    values = in_order(sorted({value for scan in scans for value in scan.voxels}))
    if listing.classes is None:
        found.faults += _of_values(folder, values) if scans else []
        return {("background" if place == 0 else f"label {value}"): value for place, value in enumerate(values)}
    for scan in scans:
        try:
            require_values(folder / scan.files["label"][0], [*scan.voxels], [*listing.classes.values()])
        except InputError as error:
            found.faults.append(str(error))
    return listing.classes


def _of_values(folder: Path, values: list[int]) -> Iterator[str]:
    if not 1 < len(values) <= MOST_CLASSES:
        yield (
            f"{folder}: expected the background and from 1 to {MOST_CLASSES - 1} classes in the labels, found "
            f"{len(values)} different values; are they masks?"
        )
