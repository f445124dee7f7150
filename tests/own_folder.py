"""A made-up folder of scans in nnU-Net's layout: as they come from scanners, in many spacings and directions."""

import json
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813

from dmd.files import checksum
from dmd.planning import splits
from dmd.planning.config import Dataset
from dmd.planning.preparation import preparation

LABELS = {"background": 0, "liver": 1, "vessel": 2, "tumour": 3}
EXTENT = 46.0  # mm along every axis
# What a scanner gives: edges of a voxel, the angle by which the scan is oblique, the axes of the file.
KINDS = (
    ((1.0, 1.0, 1.0), 0.0, (0, 1, 2)),
    ((0.8, 0.8, 2.5), 0.3, (0, 1, 2)),
    ((1.2, 1.2, 2.0), -0.2, (2, 0, 1)),
    ((0.9, 0.9, 2.0), 0.15, (1, 2, 0)),
)


def write_folder(folder: Path, scans: int = 12, annotated: int = 5, ending: str = ".nii.gz") -> Path:
    """Write a folder with so many scans, the first of them annotated, and return it."""
    for name in ("imagesTr", "labelsTr"):
        (folder / name).mkdir(parents=True)
    description = {"channel_names": {"0": "MRI"}, "labels": LABELS, "numTraining": annotated, "file_ending": ending}
    (folder / "dataset.json").write_text(json.dumps(description))
    for number in range(scans):
        image, label = scan(number)
        sitk.WriteImage(image, folder / f"imagesTr/case{number:02d}_0000{ending}")
        if number < annotated:
            sitk.WriteImage(label, folder / f"labelsTr/case{number:02d}{ending}")
    return folder


def scan(number: int) -> tuple[sitk.Image, sitk.Image]:
    """Return image and label of a patient: a liver with a vessel and a tumour, brighter or darker than it."""
    spacing, angle, axes = KINDS[number % len(KINDS)]
    random = np.random.default_rng(number)
    turned = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    grid = sitk.Image([round(EXTENT / edge) for edge in spacing], sitk.sitkUInt8)
    grid.SetSpacing(spacing)
    grid.SetDirection(turned.ravel().tolist())
    grid.SetOrigin((turned @ np.full(3, -EXTENT / 2) + random.uniform(-50, 50, 3)).tolist())
    places = np.stack(np.meshgrid(*(np.arange(size) for size in grid.GetSize()), indexing="ij"), axis=-1)
    places = places * spacing - EXTENT / 2 - random.uniform(-2, 2, 3)  # mm from the middle of the liver
    label = np.zeros(grid.GetSize(), np.uint8)
    label[(places**2 / (17**2, 14**2, 13**2)).sum(-1) < 1] = LABELS["liver"]
    label[(places[..., :2] ** 2).sum(-1) < 3.5**2] *= LABELS["vessel"]
    label[((places - (9, 0, 0)) ** 2).sum(-1) < 5**2] = LABELS["tumour"]
    values = np.array([100.0, 200.0, 300.0, 20.0])[label] + random.normal(0, 15, label.shape)
    return _image(values.astype(np.float32), grid, axes), _image(label, grid, axes)


def _image(array: np.ndarray, grid: sitk.Image, axes: tuple[int, ...]) -> sitk.Image:
    image = sitk.GetImageFromArray(np.ascontiguousarray(array.T))
    image.CopyInformation(grid)
    return sitk.Flip(sitk.PermuteAxes(image, axes), [axis == 1 for axis in axes])


def as_data_set(
    folder: Path,
    train: list[str],
    test: list[str],
    unlabelled: list[str],
    name: str = "liver",
    downsample: tuple[int, int, int] = (1, 1, 1),
    **facts: object,
) -> dict[str, dict]:
    """Write the split of a folder beside it, and return the description of its store (`dmd.planning.describe`)."""
    scans = {}
    for case in (*train, *test, *unlabelled):
        paths = {"image": f"imagesTr/{case}_0000.nii.gz", "label": f"labelsTr/{case}.nii.gz"}
        pairs = {what: [path, checksum(folder / path)] for what, path in paths.items() if (folder / path).exists()}
        scans[case] = {what: pair for what, pair in pairs.items() if what == "image" or case not in unlabelled}
    parts = {"train": train, "validation": [], "test": test} | ({"unlabelled": unlabelled} if unlabelled else {})
    split = {"name": name, "source": "made up", "sha256": splits.checksum(parts, scans), "parts": parts, "scans": scans}
    place = folder.with_suffix(".split.json")
    place.write_text(json.dumps(split))
    stanza = {
        "revision": 1,
        "reader": "folder",
        "dimensions": 3,
        "classes": [*LABELS],
        "labels": [*LABELS.values()],
        "intensities": "z_score",
        "spacing_mm": [1.0, 1.0, 2.0],
        "split": str(place),
    } | facts
    identity = {"name": name, "revision": 1, "downsample": [*downsample], "split": split["sha256"]}
    return {"identity": identity | preparation(Dataset.model_validate(stanza)), "dataset": stanza}
