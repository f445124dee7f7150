"""What a data set is prepared into: whether the configuration says it whole, and the identity of the store."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from dmd.planning.identity import digest

READER = "folder"  # dmd/data/sources/folder.py


class Facts(Protocol):
    """What the configuration says of a data set, as far as it matters here."""

    @property
    def revision(self) -> int:
        """Raised when what comes out changes."""

    @property
    def reader(self) -> str:
        """Name of its reader."""

    @property
    def dimensions(self) -> int:
        """2 where slices are segmented."""

    @property
    def classes(self) -> Sequence[str]:
        """Names of the classes."""

    @property
    def spacing_mm(self) -> Sequence[float] | None:
        """Size of the voxels that volumes are brought to."""

    @property
    def labels(self) -> Sequence[int] | None:
        """Value of each class in the label files."""

    @property
    def intensities(self) -> str | None:
        """Rule by which they are scaled."""

    @property
    def window(self) -> Sequence[float] | None:
        """Lowest and highest intensity of a CT that are told apart."""


def faults(facts: Facts) -> Iterator[str]:
    """Yield what is missing or too much in the facts of a data set, as to what is made of its scans."""
    if facts.reader != READER:
        given = [name for name in ("labels", "intensities", "window") if getattr(facts, name) is not None]
        if given:
            yield f"expected {', '.join(given)} with `reader: {READER}` alone, found '{facts.reader}'"
        return
    if facts.labels is None or len(facts.labels) != len(facts.classes):
        yield f"expected a value in `labels` for each of the {len(facts.classes)} classes, found {facts.labels}"
    if facts.intensities is None:
        yield "expected a rule in `intensities`: z_score, z_score_box, ct or unchanged, found none"
    if (facts.intensities == "ct") != (facts.window is not None):
        yield f"expected a `window` with `intensities: ct` and no other rule, found {facts.window}"
    if facts.window is not None and not facts.window[0] < facts.window[1]:
        yield f"expected a `window` from a lower to a higher intensity, found {facts.window}"
    if (facts.dimensions == 3) != (facts.spacing_mm is not None):
        yield (
            "expected `spacing_mm` for volumes, which are brought to it, and null for slices, which are not, found "
            f"{facts.spacing_mm} with dimensions {facts.dimensions}"
        )


def store_identity(name: str, facts: Facts, downsample: Sequence[int], split: str) -> dict[str, Any]:
    """Return what tells a store from any other; ``split`` is the checksum of its data set's."""
    own = {"name": name, "revision": facts.revision, "downsample": downsample, "split": split}
    return own | preparation(facts)


def preparation(facts: Facts) -> dict[str, str]:
    """Return what the identity of a store says of how the scans of a folder were prepared; nothing of other sets.

    Those have a revision that is raised. A folder's is in the hands of whoever edits the stanza, and its runs get other
    names by themselves.
    """
    if facts.reader != READER:
        return {}
    said = [facts.spacing_mm, facts.labels, facts.intensities, facts.window]
    return {"preparation": digest(said)}
