"""Masks that were made elsewhere, as MLflow shows them: their scores, marked as not trained here, and no training."""

from dmd.planning.guests import MARK, marked
from dmd.planning.identity import canonical
from dmd.report.tested import read_guest
from dmd.runs.guests import GuestFolder
from dmd.tracking.record import Record, scores


def read_record(guest: GuestFolder) -> Record:
    """Read the files of a guest.

    Raises
    ------
    InputError
        One of them is missing or is not what it should be.
    """
    content, tested = guest.read(), read_guest(guest)
    data, measured = content["dataset"], round(guest.cases.stat().st_mtime * 1000)
    params = {"dataset": data["name"], "labelled": str(content["labelled"]), "name": content["name"]}
    params |= {f"dataset_{name}": canonical(value).strip('"') for name, value in data.items() if name != "name"}
    tags = {"method": marked(content["name"]), "dataset": data["name"], "labelled": params["labelled"], "trained": MARK}
    files = (guest.record, guest.cases)
    return Record(params, tags, scores(tested, measured), data, "unknown", files, True, measured)
