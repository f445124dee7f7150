"""Scans of a folder: each brought to one orientation, one spacing and the classes that the configuration names.

Which files they are stands in the split, as `dmd data init` found them (`dmd.data.listing`).
"""

from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813, the name its own documentation uses

from dmd.data.geometry import require_slices
from dmd.data.labels import found_values, read_label, require_values, to_classes
from dmd.data.own import Own
from dmd.data.own_grid import label_on
from dmd.data.scan import read_scan, to_array, to_training_grid, upright, with_intensities
from dmd.data.sources.readers import normaliser
from dmd.data.store import UNKNOWN
from dmd.errors import InputError
from dmd.planning.config import Dataset
from dmd.planning.splits import PARTS, Split

WHOLE = [1, 1, 1]  # means over blocks are the store's


class Folder:
    """Reads the scans that a split lists; every patient has one, of the same name.

    Parameters
    ----------
    dataset : Dataset
        Says what is made of them.
    split : Split
        Names their files.

    Raises
    ------
    InputError
        The split lists other scans than its parts, or one without a label where one is needed.
    """

    LAYOUT = "A folder with images and labels, see docs/your-scans.md."

    def __init__(self, dataset: Dataset, split: Split) -> None:
        self.dataset, self.split = dataset, split
        self.normalise = normaliser(dataset)
        patients = {patient for part in split.parts.values() for patient in part}
        needed = {patient for part in PARTS for patient in split.parts[part]}
        labelled = {case for case, files in split.scans.items() if "label" in files}
        if set(split.scans) != patients or needed != labelled:
            raise InputError(
                f"{dataset.split}: expected the files of every scan, a label for those that are not in 'unlabelled' "
                "and none for those that are, found others; write it with `dmd data init`"
            )

    def cases(self, patient: str) -> list[str]:
        """Return the one scan of a patient; both have the same name."""
        return [patient]

    def files(self, folder: Path, case: str) -> list[Path]:
        """Return the files of a case: its image and, where it is annotated, its label."""
        return [folder / path for path, _ in self.split.scans[case].values()]

    def read(self, folder: Path, case: str) -> tuple[np.ndarray, np.ndarray]:
        """Return image float32 and label uint8, `UNKNOWN` where there is none, in the axes of `to_array`."""
        path, dimensions = self._path(folder, case, "image"), self.dataset.dimensions
        scan = read_scan(path)
        if dimensions == 2:
            require_slices(path, scan)
        grid = to_training_grid(with_intensities(upright(scan, dimensions), self.normalise), self.dataset, WHOLE)
        image = to_array(grid, dimensions)
        if "label" not in self.split.scans[case]:
            return image, UNKNOWN
        label = upright(self._classes(folder, case, scan), dimensions)
        return image, to_array(label_on(label, grid), dimensions)

    def own(self, folder: Path, case: str) -> Own | None:
        """Return the label of a test case as its file has it; nothing is measured on the others."""
        if case not in self.split.parts["test"]:
            return None
        label = self._classes(folder, case, read_scan(self._path(folder, case, "image")))
        array = np.ascontiguousarray(sitk.GetArrayFromImage(label).T)
        return Own(array, label.GetSpacing(), label.GetOrigin(), label.GetDirection())

    def _classes(self, folder: Path, case: str, scan: sitk.Image) -> sitk.Image:
        values, path = self.dataset.labels or [], self._path(folder, case, "label")
        label = read_label(path, scan)
        require_values(path, [*found_values(label)], values)
        return to_classes(label, values)

    def _path(self, folder: Path, case: str, what: str) -> Path:
        return folder / self.split.scans[case][what][0]
