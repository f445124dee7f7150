"""What a folder of scans is proposed to be trained with: voxels, patch, split, budget; and why it would not do."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dmd.errors import InputError, lookup
from dmd.planning.config import Batch, Config, Intensities, Selection
from dmd.planning.splits import UNLABELLED, checksum, drawn
from dmd.planning.working_grid import median_spacing, patch_for, size_at

PROTOCOL = {3: "la", 2: "acdc"}  # whose network, batch, rates and hyper-parameters, by dimensions
TESTED = 5  # of so many annotated scans one is set aside, where the folder has no test scans
SPARSE = 10  # of so many annotated scans one is labelled, where all are annotated
OVERLAP = 2  # windows of a prediction to an edge of the patch


@dataclass(frozen=True)
class Wish:
    """What the owner of a folder says of it; the rest follows from the scans.

    Attributes
    ----------
    scale : str
        Whose amount of computing the data set gets.
    dimensions : int
        3, or 2 to segment slice by slice across the coarsest voxels.
    spacing : tuple of float, optional
        Edges of a voxel in mm towards left, back and head, to which volumes are brought; left out, the
        median of those of the scans that are learnt from.
    intensities : str
        z_score: mean 0 and standard deviation 1 of the whole scan; z_score_box: of the box around what is not 0;
        ct: the window as 0 to 1; unchanged: scaled before.
    window : tuple of float, optional
        Lowest and highest intensity of a CT that are told apart.
    patch : tuple of int, optional
        Edges in voxels that a network sees at once; left out, as many as the scale's, in the shape of the scans.
    seed : int
        Another one sets other scans aside for tests, and labels others first.
    """

    scale: str = "paper"
    dimensions: int = 3
    spacing: tuple[float, float, float] | None = None
    intensities: Intensities = "z_score"
    window: tuple[float, float] | None = None
    patch: tuple[int, int, int] | None = None
    seed: int = 1337


@dataclass(frozen=True)
class Seen:
    """A scan that could be read.

    Attributes
    ----------
    case : str
        Its name.
    size, spacing_mm : tuple
        Towards left, back and head; of slices the last goes from slice to slice.
    orientation : str
        Where the axes of the file run to, as in "LPS".
    voxels : dict
        How many each value of the label has; empty where there is none.
    files : dict
        Path in the folder and SHA-256 of its ``image`` and its ``label``.
    """

    case: str
    size: tuple[int, ...]
    spacing_mm: tuple[float, ...]
    orientation: str
    voxels: dict[int, int]
    files: dict[str, tuple[str, str]]

    @property
    def is_annotated(self) -> bool:
        """Whether it has a label."""
        return "label" in self.files


@dataclass(frozen=True)
class Choice:
    """What would be used: that of a wish, and what follows from the scans.

    Attributes
    ----------
    protocol : str
        Whose network, batch, rates and hyper-parameters.
    selection : str or None
        Which weights are tested, where it is not the protocol's.
    spacing_mm : list of float or None
        Working spacing; None for slices, which are not resampled.
    patch, stride : list of int
        Of a network, and between two windows of it; slices have no stride.
    iterations : int
        Those of the protocol at the scale.
    parts : dict
        Of the split.
    least : int
        Annotated scans that it takes to fill a batch.
    labelled : int
        Budget of the table.
    """

    protocol: str
    selection: Selection | None
    spacing_mm: list[float] | None
    patch: list[int]
    stride: list[int] | None
    iterations: int
    parts: dict[str, list[str]]
    least: int
    labelled: int


def require_wish(wish: Wish) -> None:
    """Raise an `InputError` for wishes that contradict each other."""
    if wish.dimensions not in PROTOCOL:
        raise InputError(f"--dimensions: expected 3 for volumes or 2 for slices, found {wish.dimensions}")
    if (wish.intensities == "ct") != (wish.window is not None):
        raise InputError(f"expected --window LOW HIGH with --intensities ct and no other, found {wish.window}")
    if wish.window and not wish.window[0] < wish.window[1]:
        raise InputError(f"--window: expected a lower and a higher intensity, found {by(wish.window)}")
    if wish.dimensions == 2 and (wish.spacing or wish.patch):
        raise InputError("expected no --spacing or --patch with slices: each is stretched to the plane of the scale")
    if wish.seed < 1:
        raise InputError(f"--seed: expected 1 or more, found {wish.seed}")
    if wish.spacing and min(wish.spacing) <= 0:
        raise InputError(f"--spacing: expected edges of more than 0 mm, found {by(wish.spacing)}")


def choose(config: Config, train: Sequence[Seen], test: Sequence[Seen], wish: Wish) -> Choice:
    """Return what would be used of scans to learn from, at least one, and scans to test on.

    Raises
    ------
    InputError
        There is no such scale, or nothing in it to go by.
    """
    name, scales = PROTOCOL[wish.dimensions], config.scales
    scaled = lookup(lookup(scales, wish.scale, "scale", "--scale").datasets, name, "data set", f"scale '{wish.scale}'")
    protocol, parts = config.protocols[name], parts_of(train, test, wish.seed)
    selection: Selection | None = "last" if protocol.selection == "validation" else None  # nobody is set aside for it
    scans = {scan.case: scan for scan in train}
    least = _least([1 if wish.dimensions == 3 else scans[case].size[2] for case in parts["train"]], protocol.batch)
    annotated = len(parts["train"])
    labelled = annotated if UNLABELLED in parts else max(least, annotated // SPARSE)
    if wish.dimensions == 2:
        return Choice(name, selection, None, scaled.patch, None, scaled.iterations, parts, least, labelled)
    # Of those that are learnt from; where all are set aside, which is a fault, of all.
    learnt = [scans[case] for case in (*parts["train"], *parts.get(UNLABELLED, ()))] or train
    spacing = list(wish.spacing or median_spacing([scan.spacing_mm for scan in learnt]))
    sizes = [size_at(scan.size, scan.spacing_mm, spacing) for scan in train]
    patch = list(wish.patch or patch_for(sizes, math.prod(scaled.patch)))
    stride = [edge // OVERLAP for edge in patch]
    return Choice(name, selection, spacing, patch, stride, scaled.iterations, parts, least, labelled)


def _least(images: Sequence[int], batch: Batch) -> int:
    """Return how many scans must be labelled to fill a batch, of which each has so many images."""
    filled = [count for count in range(1, len(images) + 1) if sum(images[:count]) >= batch.labelled]
    return filled[0] if filled else max(batch.labelled, len(images) + 1)


def parts_of(train: Sequence[Seen], test: Sequence[Seen], seed: int) -> dict[str, list[str]]:
    """Return the parts of a split: who is labelled first, who is set aside for tests, who has no label.

    Without test scans of the folder's own they are a fifth of the annotated ones, at least one.
    """
    order = list(drawn(tuple(scan.case for scan in train if scan.is_annotated), seed))
    aside = 0 if test else max(1, round(len(order) / TESTED))
    tested = [scan.case for scan in test] if test else sorted(order[:aside])
    parts = {"train": order[aside:], "validation": [], "test": tested}
    without = [scan.case for scan in train if not scan.is_annotated]
    return parts | ({UNLABELLED: without} if without else {})


def split_of(name: str, source: str, parts: dict[str, list[str]], scans: Sequence[Seen]) -> dict[str, Any]:
    """Return what a split file says, with the files of the scans and its checksum."""
    files = {scan.case: {what: list(pair) for what, pair in scan.files.items()} for scan in scans}
    return {"name": name, "source": source, "sha256": checksum(parts, files), "parts": parts, "scans": files}


def faults(choice: Choice, train: Sequence[Seen], classes: Mapping[str, int]) -> Iterator[str]:
    """Yield why what would be used would not do."""
    learnt = [scan for scan in train if scan.case in choice.parts["train"]]
    if choice.spacing_mm:
        yield from _too_small(train, choice.spacing_mm, choice.patch)
    without = len(choice.parts.get(UNLABELLED, ()))
    if len(learnt) < choice.least or len(learnt) + without <= choice.labelled:
        yield (
            f"expected at least {choice.least} annotated scans to learn from, to fill a batch, and one beside them to "
            f"learn from without a label, found {len(learnt)} annotated and {without} without a label, beside "
            f"{len(choice.parts['test'])} for tests; annotate or add scans"
        )
    for name, value in classes.items():
        if learnt and not any(scan.voxels.get(value) for scan in learnt):
            elsewhere = [scan.case for scan in train if scan.voxels.get(value)]
            yield (
                f"expected label {value} ('{name}') in an annotated scan that is learnt from, found it in "
                f"{', '.join(elsewhere) + ', set aside for tests' if elsewhere else 'none'}; annotate one, choose "
                "another --seed, or take it out of dataset.json"
            )


def _too_small(scans: Sequence[Seen], spacing_mm: Sequence[float], patch: Sequence[int]) -> Iterator[str]:
    for scan in scans:
        size = size_at(scan.size, scan.spacing_mm, spacing_mm)
        if any(found < edge for found, edge in zip(size, patch, strict=True)):
            yield (
                f"{scan.files['image'][0]}: expected at least the {by(patch)} voxels of a patch at the working spacing "
                f"of {by(spacing_mm)} mm, found {by(size)}; choose finer voxels (--spacing), a smaller patch (--patch, "
                "in multiples of 16), or slices (--dimensions 2), or take the scan out"
            )


def by(numbers: Sequence[float]) -> str:
    """Return a size or spacing as people read it.

    >>> by([0.5, 0.5, 2.0])
    '0.5x0.5x2'
    """
    return "x".join(f"{number:g}" for number in numbers)
