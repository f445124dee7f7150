"""Refuse a store that is not what it should be, listing every fault; sum up one that is."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from dmd.data.description import Description, read_description
from dmd.data.store import Case, Store, load_store, sha256
from dmd.errors import InputError

AXES = 3  # volumes, and stacks of slices


def check(path: Path, description: dict[str, Any]) -> dict[str, Any]:
    """Check a store and return a summary of what it holds.

    Parameters
    ----------
    path : Path
        The store.
    description : dict
        What it should be made of, see `read_description`.

    Returns
    -------
    dict
        Plain JSON: identity, classes and, per part, the numbers of patients, cases and (where slices are
        trained on) slices, smallest and largest shape per axis, share of voxels per class and range, mean and
        standard deviation of the intensities; and the cases that share one image, which the data set has to list
        (``repeated``) and which may not be in different parts.

    Raises
    ------
    InputError
        Says of each fault what was expected, what was found and where.
    """
    wanted = read_description(description)
    store = load_store(path, wanted.identity)
    cases = [case for held in store.by_patient.values() for case in held]
    repeated = _repeated_images(cases)
    faults = [*_faults_of_parts(store, wanted), *_faults_of_set(cases, wanted), *_duplicates(repeated, wanted)]
    for case in cases:
        needed = case.patient not in wanted.split.without_annotation
        faults += [f"case '{case.name}': {fault}" for fault in _faults_of_case(case, len(store.classes), needed)]
    if faults:
        raise InputError(f"{path} has {len(faults)} fault(s):\n" + "\n".join(f"  {fault}" for fault in faults))
    parts = {part: _summary(store.cases(part), store, wanted) for part in store.parts}
    return {
        "identity": store.identity,
        "classes": list(store.classes),
        "parts": parts,
        "repeated_images": [[case.name for case in same] for same in repeated],
    }


def _faults_of_parts(store: Store, wanted: Description) -> Iterator[str]:
    if list(store.classes) != wanted.dataset.classes:
        yield f"classes: expected {wanted.dataset.classes}, found {list(store.classes)}"
    for part, patients in wanted.split.parts.items():
        if store.parts.get(part) != patients:
            yield (
                f"part '{part}': expected the {len(patients)} patients of {wanted.dataset.split}, in order, "
                f"found {_some(store.parts.get(part, ()))}"
            )
    for first, second in combinations(store.parts, 2):
        shared = sorted(set(store.parts[first]) & set(store.parts[second]))
        if shared:
            yield f"parts '{first}' and '{second}': expected no patient in both, found {_some(shared)}"


def _faults_of_set(cases: list[Case], wanted: Description) -> Iterator[str]:
    reader = wanted.reader
    patients = [patient for part in wanted.split.parts.values() for patient in part]
    expected = {case: patient for patient in patients for case in reader.cases(patient)}
    found = {case.name: case.patient for case in cases}
    missing = [name for name in expected if name not in found]
    if missing:
        yield f"cases: expected the {len(expected)} of {wanted.dataset.split}, found no {_some(missing)}"
    for name, patient in found.items():
        if name not in expected:
            yield f"case '{name}': expected no such case, {wanted.dataset.split} does not have it"
        elif patient != expected[name]:
            yield f"case '{name}': expected patient '{expected[name]}', found '{patient}'"


def _duplicates(repeated: list[list[Case]], wanted: Description) -> Iterator[str]:
    known = [set(names) for names in wanted.dataset.repeated]
    for same in repeated:
        names = [case.name for case in same]
        parts = [part for part, held in wanted.split.parts.items() if {case.patient for case in same} & set(held)]
        if len(parts) > 1:
            yield f"cases {_some(names)}: expected different images in {' and '.join(parts)}, found the same one"
        elif set(names) not in known:
            yield (
                f"cases {_some(names)}: expected different images, found the same one; a pair that belongs there is "
                "listed under `repeated` in datasets.yaml"
            )


def _faults_of_case(case: Case, classes: int, annotated: bool) -> Iterator[str]:
    if case.is_annotated and not annotated:
        yield "label: expected none of a patient in the part 'unlabelled', found one"
    arrays = [("image", case.image, "float32")] + ([("label", case.label, "uint8")] if annotated else [])
    for what, array, dtype in arrays:
        if array.dtype != dtype or array.ndim != AXES or 0 in array.shape:
            yield f"{what}: expected {dtype} with {AXES} axes, found {array.dtype} of shape {array.shape}"
    if annotated and case.image.shape != case.label.shape:
        yield f"expected image and label of one shape, found {case.image.shape} and {case.label.shape}"
    spacing = case.spacing_mm
    if spacing is not None and (len(spacing) != AXES or not all(0 < step < np.inf for step in spacing)):
        yield f"spacing: expected {AXES} positive numbers of mm, found {spacing}"
    bad = np.argwhere(~np.isfinite(case.image))
    if len(bad):
        first = tuple(bad[0].tolist())
        yield f"image: expected finite numbers, found {len(bad)} NaN or infinite, the first at {first}"
    unknown = np.setdiff1d(case.label, np.arange(classes)).tolist()
    if unknown:
        first = tuple(np.argwhere(case.label == unknown[0])[0].tolist())
        yield f"label: expected classes 0 to {classes - 1}, found {unknown}, {unknown[0]} first at {first}"


def _repeated_images(cases: list[Case]) -> list[list[Case]]:
    by_checksum = defaultdict(list)
    for case in cases:
        by_checksum[sha256(case.image)].append(case)
    return [same for same in by_checksum.values() if len(same) > 1]


def _summary(cases: list[Case], store: Store, wanted: Description) -> dict[str, Any]:
    summary: dict[str, Any] = {"patients": len({case.patient for case in cases}), "cases": len(cases)}
    if not cases:
        return summary
    if wanted.dataset.dimensions == 2:
        summary["slices"] = sum(len(case.image) for case in cases)
    shapes = np.array([case.image.shape for case in cases])
    moments = [(case.image.mean(dtype=float), case.image.var(dtype=float), case.image.size) for case in cases]
    means, variances, sizes = np.array(moments).T
    mean = np.average(means, weights=sizes)
    return summary | {
        "shape_smallest": shapes.min(axis=0).tolist(),
        "shape_largest": shapes.max(axis=0).tolist(),
        **_shares([case.label for case in cases if case.is_annotated], store.classes),
        "intensity": {
            "lowest": float(min(case.image.min() for case in cases)),
            "highest": float(max(case.image.max() for case in cases)),
            "mean": float(mean),
            "standard_deviation": float(np.sqrt(np.average(variances + (means - mean) ** 2, weights=sizes))),
        },
    }


def _shares(labels: list[np.ndarray], classes: Sequence[str]) -> dict[str, Any]:
    """Return the share of the voxels that each class has; nothing where no case is annotated."""
    if not labels:
        return {}
    counts = np.sum([np.bincount(label.ravel(), minlength=len(classes)) for label in labels], axis=0)
    return {"share": dict(zip(classes, (counts / counts.sum()).round(6).tolist(), strict=True))}


def _some(names: list[str] | tuple[str, ...], most: int = 5) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:most]) or "none"
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")
