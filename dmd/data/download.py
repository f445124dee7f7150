"""Fetch a data set from its public archive file by file; what is there and correct is not fetched again."""

import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pooch
import requests

from dmd.data.checksums import difference, read_checksums
from dmd.data.sources.readers import DOWNLOADS, Reader, find_reader
from dmd.errors import InputError
from dmd.files import DISK, replacing
from dmd.planning.config import Dataset, Download
from dmd.planning.splits import load_split
from dmd.progress import track

TIMEOUT = 30  # seconds without an answer; our choice
RETRIES = 2  # after pauses of 1 and 2 seconds; our choice


def download(facts: dict[str, Any], folder: Path) -> None:
    """Fill ``folder`` with the cases of a data set, in the layout that its reader reads.

    Every file is fetched aside and renamed, then its arrays are compared with their checksums. A file that is
    wrong is deleted, so whatever a stopped download leaves behind is either correct or fetched again.

    Parameters
    ----------
    facts : dict
        The data set's stanza of datasets.yaml: reader, split, checksums and download are used.
    folder : Path
        Where to put the files.

    Raises
    ------
    InputError
        The archive cannot be reached, lacks a file, or a file's arrays are not those that are expected.
    """
    dataset = Dataset.model_validate(facts)
    split = load_split(Path(dataset.split))
    reader = find_reader(dataset.reader, DOWNLOADS)
    instead = f"Or use a copy of your own (`data.{split.name}: /path` in the configuration).\n{reader.LAYOUT}"
    if dataset.download is None:
        raise InputError(f"'{split.name}' has no public archive in datasets.yaml. {instead}")
    if dataset.checksums is None:
        raise InputError("expected `checksums` beside `download` in datasets.yaml, found none; a download is verified")
    cases = [case for part in split.parts.values() for patient in part for case in reader.cases(patient)]
    checksums = read_checksums(Path(dataset.checksums), cases)
    for case in track(f"download {split.name}", cases):
        target = reader.path(folder, case)
        if not (target.exists() and _fault(reader, folder, case, checksums) is None):
            _fetch(_url(dataset.download, reader.public_name(case)), target, instead)
            _keep_if_correct(reader, folder, case, checksums)


def _url(archive: Download, name: str) -> str:
    path = quote(archive.path.format(case=name))
    return archive.url.format(repository=archive.repository, commit=archive.commit, path=path)


def _fetch(url: str, target: Path, instead: str) -> None:
    try:
        with replacing(target) as aside:
            _download(url, aside)
    except requests.HTTPError as error:
        status = f"{error.response.status_code} {error.response.reason}"
        raise InputError(f"expected a file at {url}, found {status}. {instead}") from None
    except requests.RequestException as error:
        raise InputError(
            f"could not fetch {url} ({type(error).__name__}). Repeat when the archive can be reached: the "
            f"download goes on where it stopped. {instead}"
        ) from error
    except OSError as error:
        if error.errno in DISK:
            raise
        raise InputError(
            f"could not write {target}: {error.strerror or error}; make room, or move away what is in its place, and "
            "repeat"
        ) from error


def _download(url: str, path: Path) -> None:
    """Fetch a file, again after a pause where the archive does not answer to the end."""
    fetch = pooch.HTTPDownloader(timeout=TIMEOUT)
    for pause in range(1, RETRIES + 1):
        try:
            return fetch(url, str(path), None)
        except requests.RequestException:
            time.sleep(pause)
    return fetch(url, str(path), None)


def _keep_if_correct(reader: Reader, folder: Path, case: str, checksums: dict[str, list[str]]) -> None:
    fault = _fault(reader, folder, case, checksums)
    if fault:
        target = reader.path(folder, case)
        target.unlink()
        raise InputError(f"the download of {target} was wrong and is deleted: {fault}")


def _fault(reader: Reader, folder: Path, case: str, checksums: dict[str, list[str]]) -> str | None:
    """Return what is wrong with the file of a case, or None."""
    try:
        return difference(case, reader.read(folder, case), checksums)
    except InputError as error:
        return str(error)
