"""A prepared data set: one sealed HDF5 file (`dmd.data.hdf5`), held in memory while it is used.

Layout: ``/cases/<case>/image`` (float32) and ``/cases/<case>/label`` (uint8; absent where it is not annotated),
uncompressed and contiguous, with the attributes ``patient``, ``spacing_mm`` (absent where unknown), ``image_sha256``
and ``label_sha256``; of a test case of a folder ``own_label`` too (`dmd.data.own`); root attributes, in JSON:
``identity`` (what it was made of), ``parts`` (patients in order), ``classes``.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from dmd.data.hdf5 import creating, read_array, reading
from dmd.data.own import Own, read_own, write_own
from dmd.errors import InputError, nearest
from dmd.planning.identity import canonical, differences
from dmd.planning.splits import UNLABELLED, drawn

UNKNOWN = np.empty((0, 0, 0), np.uint8)


@dataclass(frozen=True)
class Case:
    """One scan.

    Attributes
    ----------
    name, patient : str
        A patient may have several cases (ACDC: two frames of a heartbeat).
    image : np.ndarray
        float32 ``(*S)``: ``(X, Y, Z)`` for volumes, ``(slices, Y, X)`` for stacks of slices.
    label : np.ndarray
        uint8 ``(*S)``, class of every voxel; `UNKNOWN` where it is not annotated.
    spacing_mm : tuple of float or None
        Voxel size per axis; None where the public copy does not carry it.
    own : Own or None
        Where scores are not measured on these arrays but on the scan's own grid.
    """

    name: str
    patient: str
    image: np.ndarray
    label: np.ndarray
    spacing_mm: tuple[float, ...] | None
    own: Own | None = None

    @property
    def is_annotated(self) -> bool:
        """Whether anybody has said what is where."""
        return self.label.size > 0


@dataclass(frozen=True)
class Store:
    """A prepared data set in memory; made by `load_store`.

    Attributes
    ----------
    identity : dict
        What the file was made of.
    classes : tuple of str
        Class names, background first.
    parts : dict
        ``{"train": patients in order, ...}``, as in the split.
    by_patient : dict
        The cases of each patient that was loaded, in order.
    """

    identity: dict[str, Any]
    classes: tuple[str, ...]
    parts: dict[str, tuple[str, ...]]
    by_patient: dict[str, tuple[Case, ...]]

    def cases(self, part: str) -> list[Case]:
        """Return all cases of a part, patient by patient in the order of the split.

        Raises
        ------
        InputError
            There is no such part, or the store holds no case of one of its patients.
        """
        return self._of(_named(self.parts, part))

    def labelled(self, budget: int, draw: int = 0) -> list[Case]:
        """Return the cases of the first ``budget`` patients of "train" in the order of a draw.

        Raises
        ------
        InputError
            The budget is below 1 or above the number of patients in "train".
        """
        return self._of(self._train(budget, draw)[:budget])

    def hidden(self, budget: int, draw: int = 0) -> list[Case]:
        """Return the annotated cases of "train" that `labelled` leaves."""
        return self._of(self._train(budget, draw)[budget:])

    def unlabelled(self, budget: int, draw: int = 0) -> list[Case]:
        """Return what is learnt from without labels: what is `hidden`, and what is not annotated at all."""
        return self.hidden(budget, draw) + self._of(self.parts.get(UNLABELLED, ()))

    def _train(self, budget: int, draw: int) -> tuple[str, ...]:
        patients = self.parts["train"]
        if not 1 <= budget <= len(patients):
            raise InputError(
                f"expected a budget of 1 to {len(patients)} patients of {json.dumps(self.identity)}, found {budget}"
            )
        return drawn(patients, draw)

    def _of(self, patients: Sequence[str]) -> list[Case]:
        missing = [patient for patient in patients if patient not in self.by_patient]
        if missing:
            raise InputError(
                f"expected cases of {len(patients)} patients, found none of {', '.join(missing)}; they are "
                "not in the store, or their part was not asked for when it was loaded"
            )
        return [case for patient in patients for case in self.by_patient[patient]]


def write_store(
    path: Path,
    identity: dict[str, Any],
    classes: Sequence[str],
    parts: Mapping[str, Sequence[str]],
    cases: Iterable[Case],
) -> None:
    """Write a store, holding one case at a time; the previous file stays until the new one is complete.

    Raises
    ------
    InputError
        The file cannot be written, e.g. because the disk is full.
    """
    with creating(path) as file:
        file.attrs["identity"] = canonical(identity)
        file.attrs["classes"] = json.dumps(list(classes))
        file.attrs["parts"] = json.dumps({part: list(patients) for part, patients in parts.items()})
        group = file.create_group("cases")
        for case in cases:
            _write_case(group.create_group(case.name), case)


def _write_case(group: h5py.Group, case: Case) -> None:
    image = np.ascontiguousarray(case.image, np.float32)
    label = np.ascontiguousarray(case.label, np.uint8)
    group.attrs["patient"] = case.patient
    if case.spacing_mm is not None:
        group.attrs["spacing_mm"] = np.array(case.spacing_mm, np.float64)
    for name, array in (("image", image), ("label", label)):
        if array.size:
            group.create_dataset(name, data=array)
            group.attrs[f"{name}_sha256"] = sha256(array)
    if case.own:
        write_own(group, case.own)
        group.attrs["own_label_sha256"] = sha256(case.own.label)


def load_store(path: Path, identity: dict[str, Any] | None = None, *, parts: Sequence[str] | None = None) -> Store:
    """Read a store into memory.

    Parameters
    ----------
    path : Path
        The HDF5 file.
    identity : dict, optional
        What the file must have been made of; not compared when left out.
    parts : sequence of str, optional
        Read only the patients of these parts; all when left out. With "train" come those that are not annotated.

    Raises
    ------
    InputError
        The file is missing, truncated or corrupt, or was made of something else than ``identity``.
    """
    with _opened(path) as file:
        return _load(file, path, identity, parts)


def digest(path: Path) -> str:
    """Return the SHA-256 of the checksums of all arrays: another one for other voxels, whatever the identity says.

    Raises
    ------
    InputError
        The file is missing, truncated or corrupt.
    """
    names = ("image_sha256", "label_sha256", "own_label_sha256")
    with _opened(path) as file:
        cases = file["cases"].items()
        checksums = {case: [group.attrs[name] for name in names if name in group.attrs] for case, group in cases}
    return hashlib.sha256(canonical(checksums).encode()).hexdigest()


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    if not path.is_file():
        raise InputError(f"expected a prepared data set at {path}, found no such file; make it with `snakemake {path}`")
    remedy = f"delete it and make it again with `snakemake {path}`"
    with reading(path, "a prepared data set", remedy, sealed=True) as file:
        yield file


def _load(file: h5py.File, path: Path, identity: dict[str, Any] | None, parts: Sequence[str] | None) -> Store:
    found = json.loads(file.attrs["identity"])
    if identity is not None:
        _compare(path, json.loads(canonical(identity)), found)
    listed = {part: tuple(patients) for part, patients in json.loads(file.attrs["parts"]).items()}
    wanted = {patient for part in parts or listed for patient in _named(listed, part)}
    if parts and "train" in parts:
        wanted |= {*listed.get(UNLABELLED, ())}
    by_patient: dict[str, list[Case]] = {}
    for name, group in file["cases"].items():
        patient = group.attrs["patient"]
        if parts is None or patient in wanted:
            by_patient.setdefault(patient, []).append(_load_case(name, patient, group))
    held = {patient: tuple(cases) for patient, cases in by_patient.items()}
    return Store(found, tuple(json.loads(file.attrs["classes"])), listed, held)


def _named(parts: dict[str, tuple[str, ...]], part: str) -> tuple[str, ...]:
    if part not in parts:
        raise InputError(f"unknown part '{part}'{nearest(part, parts)}. Known: {', '.join(parts)}")
    return parts[part]


def _load_case(name: str, patient: str, group: h5py.Group) -> Case:
    spacing = group.attrs.get("spacing_mm")
    known = None if spacing is None else tuple(spacing.tolist())
    label = read_array(group, "label") if "label" in group else UNKNOWN
    return Case(name, patient, read_array(group, "image"), label, known, read_own(group))


def _compare(path: Path, expected: dict[str, Any], found: dict[str, Any]) -> None:
    if lines := "".join(f"  {line}\n" for line in differences(expected, found)):
        raise InputError(
            f"{path} was prepared from something else than what is asked for:\n{lines}Delete it and make it again with "
            f"`snakemake {path}`."
        )


def sha256(array: np.ndarray) -> str:
    """Return the SHA-256 of the bytes of an array in C order."""
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()
