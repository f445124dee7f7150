"""From a public copy of a data set to a store: read, downsample, write."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dmd.data.checksums import difference, read_checksums, require_listed
from dmd.data.description import Description, read_description
from dmd.data.downsample import downsample_image, downsample_label
from dmd.data.origin import fingerprints, write_origin
from dmd.data.store import UNKNOWN, Case, write_store
from dmd.errors import InputError
from dmd.progress import track


def prepare(description: dict[str, Any], folder: Path, out: Path) -> None:
    """Write the store of a data set, reading one case at a time, and beside it what it was made from.

    Parameters
    ----------
    description : dict
        What the store is to be made of, see `read_description`.
    folder : Path
        The public copy, in the layout that the data set's reader describes. Synthetic sets ignore it.
    out : Path
        The HDF5 file to write.

    Raises
    ------
    InputError
        A file is missing or corrupt, has another content than the public copy (where the data set has ``checksums``)
        or than when `dmd data init` looked at the folder, image and label of a case do not fit together, or the disk is
        full.
    """
    wanted = read_description(description)
    files = fingerprints(wanted, folder)
    require_listed(wanted.split, folder, {name: sha256 for name, (*_, sha256) in files.items()})
    write_store(out, wanted.identity, wanted.dataset.classes, wanted.split.parts, _cases(wanted, folder))
    write_origin(out, description, files)


def _cases(wanted: Description, folder: Path) -> Iterator[Case]:
    reader, factors = wanted.reader, wanted.downsample
    named = [(patient, case) for patient in wanted.patients for case in reader.cases(patient)]
    spacing = _spacing(wanted.dataset.spacing_mm, factors)
    listed = wanted.dataset.checksums
    checksums = read_checksums(Path(listed), [case for _, case in named]) if listed else None
    for patient, name in track(f"prepare {wanted.split.name}", named):
        image, label = reader.read(folder, name)
        if label is UNKNOWN:
            yield Case(name, patient, downsample_image(image, factors), label, spacing)
            continue
        if image.shape != label.shape or image.ndim != len(factors):
            raise InputError(
                f"case '{name}' in {folder}: expected image and label of one shape with {len(factors)} axes, "
                f"found {image.shape} and {label.shape}"
            )
        if checksums and (differs := difference(name, (image, label), checksums)):
            raise InputError(
                f"{folder} is not the public copy of '{wanted.split.name}': {differs}. Replace it by a fresh copy; or, "
                "if it is meant to differ, set `checksums: null` for the data set and raise its `revision`: its scores "
                "then compare with no one else's"
            )
        own = reader.own(folder, name) if hasattr(reader, "own") else None
        yield Case(name, patient, downsample_image(image, factors), downsample_label(label, factors), spacing, own)


def _spacing(spacing_mm: list[float] | None, factors: list[int]) -> tuple[float, ...] | None:
    if spacing_mm is None:
        return None
    return tuple(size * factor for size, factor in zip(spacing_mm, factors, strict=True))
