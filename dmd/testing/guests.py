"""Measure masks that were made elsewhere by the code that measures those of runs."""

from collections.abc import Sequence
from pathlib import Path

from dmd.data.store import load_store, sha256
from dmd.errors import InputError
from dmd.planning.guests import Guest
from dmd.progress import track
from dmd.runs.guests import GuestFolder
from dmd.testing.evaluation import as_scored, measure
from dmd.testing.masks import read_masks


def evaluate_guest(
    folder: GuestFolder, guest: Guest, store: Path, masks: Path, dimensions: int, values: Sequence[int] = ()
) -> bool:
    """Write the scores of a guest into its folder; return whether that was to be done: not of the same masks again.

    Parameters
    ----------
    folder : GuestFolder
        Where they are written.
    guest : Guest
        Whose masks they are.
    store : Path
        The prepared data that the masks are of.
    masks : Path
        As in `dmd.testing.masks.read_masks`.
    dimensions : int
        Of what is segmented in the store.
    values : sequence of int
        The number of each class in label files; by default 0, 1 and so on.

    Raises
    ------
    InputError
        The masks are not one of each test case, in its voxels; or others were measured under the name.
    """
    data = load_store(store, guest.settings["dataset"], parts=["test"])
    cases, classes = [as_scored(case) for case in data.cases("test")], list(data.classes)
    found = read_masks(masks, cases, values or range(len(classes)), dimensions)
    sums = {case.name: sha256(labels) for case, labels in zip(cases, found, strict=True)}
    if folder.record.exists():
        if folder.read()["masks"] == sums:
            return False
        raise InputError(
            f"{folder.path}: expected the masks that '{guest.name}' was measured with, found others at {masks}. Give "
            "them another --name, or delete that folder to have them take its place"
        )
    pairs = track(f"{guest.id} evaluate", list(zip(cases, found, strict=True)))
    folder.write(guest, classes, sums, measure(pairs, len(classes)))
    return True
