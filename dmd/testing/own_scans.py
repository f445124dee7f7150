"""Scans of the user's own, segmented: a file, or a folder in which a later call goes on where one was stopped."""

import shutil
import sys
import tempfile
from collections import Counter
from functools import partial
from pathlib import Path

from dmd.data.scan import MASKS, SCANS, suffix, write_mask
from dmd.errors import InputError
from dmd.files import checksum, replacing
from dmd.progress import track
from dmd.testing.ledger import Ledger
from dmd.testing.prediction import Segmented, Segmenter

Found = dict[str, str]  # how much there is of each class


def predict_scan(segmenter: Segmenter, scan: Path, out: Path, *, probabilities: bool = False) -> Found:
    """Segment a scan and write its mask, and the probabilities beside it where they are asked for.

    Raises
    ------
    InputError
        The mask cannot lie at ``out``, or what `Segmenter.segment` raises.
    """
    _require_place(out, scan)
    watch = partial(track, f"{segmenter.run.id} predict {scan.name}")
    seen = segmenter.segment(scan, probabilities=probabilities, watch=watch)
    _write(seen, out)
    return seen.amounts


def predict_folder(
    segmenter: Segmenter, folder: Path, out: Path, *, probabilities: bool = False
) -> tuple[dict[Path, Found], dict[Path, str]]:
    """Segment the scans of a folder and write each mask into another, under the name of its scan.

    Masks that an earlier call made of the same scans with the same weights are left (`dmd.testing.ledger`).

    Returns
    -------
    tuple of dict
        What was found, by mask, also in those made earlier; and why a scan has no mask, by scan.

    Raises
    ------
    InputError
        There is no scan, two would have one mask, or ``out`` holds masks of other weights.
    """
    masks = _masks(folder, out)
    out.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(out, segmenter.origin)
    found, failed = dict[Path, Found](), dict[Path, str]()
    for number, (scan, mask) in enumerate(masks.items(), 1):
        watch = partial(track, f"{number}/{len(masks)} {scan.name}")
        try:
            digest = _digest(scan)
            earlier = ledger.found(scan, digest, [file.name for file in _files(mask, probabilities=probabilities)])
            if earlier is None:
                seen = segmenter.segment(scan, probabilities=probabilities, watch=watch)
                _put(seen, scan, digest, mask, ledger)
            found[mask] = earlier or seen.amounts
        except (InputError, RuntimeError, MemoryError) as error:  # of a library, too: no scan stops the others
            failed[scan] = (str(error).strip() or type(error).__name__).removeprefix(f"{scan}: ")
    return found, failed


def _masks(folder: Path, out: Path) -> dict[Path, Path]:
    """Return where the mask of each scan of a folder is to lie; says which files are no scans."""
    if out.is_file() or out.name.endswith(MASKS) or (out.is_dir() and out.samefile(folder)):
        raise InputError(f"expected another folder than {folder} for the masks of its scans, found {out}")
    entries = sorted(path for path in folder.iterdir() if not path.name.startswith(".") and path.name != out.name)
    scans = [path for path in entries if path.name.lower().endswith(SCANS) and not path.is_dir()]
    others = [path.name for path in entries if path not in scans]
    if not scans:
        found = ", ".join(others[:5]) or "nothing"
        raise InputError(f"expected scans in {folder} itself that end in {', '.join(SCANS)}, found {found}")
    if others:
        print(f"{folder}: {len(others)} left aside, no scans by their names: {', '.join(others[:5])}", file=sys.stderr)
    masks = {scan: out / _mask_name(scan) for scan in scans}
    taken = Counter(file for mask in masks.values() for file in _files(mask, probabilities=True))
    if twice := [file.name for file, times in taken.items() if times > 1]:
        raise InputError(f"expected scans in {folder} whose masks have names of their own, found two for {twice[0]}")
    return masks


def _mask_name(scan: Path) -> str:
    ending = suffix(scan, SCANS)
    return scan.name if ending in MASKS else f"{scan.name[: -len(ending)]}{MASKS[0]}"


def _files(mask: Path, *, probabilities: bool) -> list[Path]:
    ending = suffix(mask, MASKS)
    beside = mask.with_name(f"{mask.name[: -len(ending)]}.probabilities{mask.name[-len(ending) :]}")
    return [mask, beside] if probabilities else [mask]


def _write(seen: Segmented, mask: Path) -> list[Path]:
    files = _files(mask, probabilities=seen.probabilities is not None)
    for content, file in zip([seen.mask, seen.probabilities], files, strict=False):
        write_mask(content, file)
    return files


def _put(seen: Segmented, scan: Path, digest: str, mask: Path, ledger: Ledger) -> None:
    """Write the files of a scan aside, enter them, and put them in their place."""
    with tempfile.TemporaryDirectory() as aside:
        files = _write(seen, Path(aside) / mask.name)
        ledger.enter(scan, digest, seen.amounts, files)
        for file in files:
            with replacing(mask.with_name(file.name)) as part:
                shutil.copyfile(file, part)


def _digest(scan: Path) -> str:
    try:
        return checksum(scan)
    except OSError as error:
        raise InputError(f"{scan} cannot be read: {error.strerror}") from None


def _require_place(out: Path, scan: Path) -> None:
    suffix(out, MASKS)
    if not out.absolute().parent.is_dir():
        raise InputError(f"expected the folder {out.absolute().parent} for the mask, found none; make it first")
    if out.is_dir():
        raise InputError(f"expected a file name for the mask, found the folder {out}; add a name to it")
    if out.exists() and scan.exists() and out.samefile(scan):
        raise InputError(f"expected another path for the mask than that of the scan, found {out} for both")
