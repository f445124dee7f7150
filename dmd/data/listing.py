"""Which scans a folder holds: nnU-Net's raw layout, or a plain pair of folders. No voxel is read."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dmd.data.dataset_json import read_classes
from dmd.data.scan import MASKS
from dmd.errors import InputError

CHANNEL = "_0000"


@dataclass(frozen=True)
class Listed:
    """A scan: its name, and the paths in the folder of its image and, where it is annotated, its label."""

    case: str
    image: str
    label: str | None


@dataclass
class Listing:
    """What a folder holds.

    Attributes
    ----------
    layout : str
        How its folders are called.
    train, test : list of Listed
        Scans to learn from, and those that its owner has set aside for tests, in order of their names.
    classes : dict or None
        Value of each class by its name, the background first, where ``dataset.json`` says so.
    faults : list of str
        What is wrong with it.
    """

    layout: str
    train: list[Listed] = field(default_factory=list)
    test: list[Listed] = field(default_factory=list)
    classes: dict[str, int] | None = None
    faults: list[str] = field(default_factory=list)


def list_folder(folder: Path) -> Listing:
    """Return the scans of a folder and the faults of its layout.

    Raises
    ------
    InputError
        It has neither of the two layouts, so that there is nothing to list.
    """
    if (folder / "imagesTr").is_dir():
        found = Listing("nnU-Net's layout")
        found.train = _pairs(folder, "imagesTr", "labelsTr", CHANNEL, found.faults)
        found.test = _pairs(folder, "imagesTs", "labelsTs", CHANNEL, found.faults)
    elif (folder / "images").is_dir():
        found = Listing("a pair of folders")
        found.train = _pairs(folder, "images", "labels", "", found.faults)
    else:
        there = ", ".join(sorted(path.name for path in folder.iterdir())) if folder.is_dir() else "no folder"
        raise InputError(
            f"{folder}: expected imagesTr/ and labelsTr/, as nnU-Net has them, or images/ and labels/, found "
            f"{there or 'nothing'}"
        )
    try:
        found.classes = read_classes(folder)
    except InputError as error:
        found.faults.append(str(error))
    found.faults += _of_tests(folder, found)
    return found


def _of_tests(folder: Path, found: Listing) -> Iterator[str]:
    twice = {scan.case for scan in found.train} & {scan.case for scan in found.test}
    for scan in found.test:
        if scan.case in twice:
            yield (
                f"{folder / scan.image}: expected each patient in imagesTr or imagesTs, found '{scan.case}' in both; "
                "take it out of one"
            )
        elif scan.label is None:
            yield (
                f"{folder / scan.image}: expected its label in labelsTs, found none, and nothing can be tested on it; "
                "add it, or move the scan to imagesTr, where it is learnt from without"
            )
    if not any(scan.label for scan in found.train):
        yield f"{folder}: expected labels of some of the scans, found none"


def _pairs(folder: Path, images: str, labels: str, channel: str, faults: list[str]) -> list[Listed]:
    """Return the scans of one folder with the labels of another, by name; what cannot be one becomes a fault."""
    scans = _named(folder, images, channel, faults)
    annotations = _named(folder, labels, "", faults)
    faults += [
        f"{folder / annotations[case]}: expected an image of the same name in {images}, found none; add it, or take "
        "the label away"
        for case in sorted(set(annotations) - set(scans))
    ]
    return [Listed(case, scans[case], annotations.get(case)) for case in sorted(scans)]


def _named(folder: Path, name: str, channel: str, faults: list[str]) -> dict[str, str]:
    """Return the path in ``folder`` of each file of a folder in it, by the name of its case."""
    place = folder / name
    paths = sorted(place.iterdir()) if place.is_dir() else []
    found: list[tuple[str, str]] = []
    for path in (path for path in paths if not path.name.startswith(".")):
        stem = _stem(path)
        if stem is None:
            faults.append(f"{path}: expected a file that ends in {', '.join(MASKS)}, found another; move it elsewhere")
        elif not stem.endswith(channel) or stem == channel:
            faults.append(
                f"{path}: expected the one channel of a scan, <name>{channel}, found another name; rename it, or move "
                "other channels elsewhere"
            )
        else:
            found.append((stem.removesuffix(channel), f"{name}/{path.name}"))
    for case, count in Counter(case for case, _ in found).items():
        if count > 1:
            both = ", ".join(path for named, path in found if named == case)
            faults.append(f"{place}: expected one file for '{case}', found {both}; keep one")
    return dict(found)


def _stem(path: Path) -> str | None:
    for ending in MASKS:  # scans and labels are of the same kinds
        if path.is_file() and path.name.lower().endswith(ending):
            return path.name[: -len(ending)]
    return None
