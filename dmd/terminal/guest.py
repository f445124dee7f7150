"""`dmd evaluate`: measure masks that were made elsewhere, for a row of a table that is not trained here."""

import json
from pathlib import Path

from dmd.terminal.options import PROJECT, RESULTS, Configuration, Results


def evaluate(
    *,
    predictions: Path,
    name: str,
    dataset: str,
    labelled: int,
    scale: str | None = None,
    results: Results = RESULTS,
    configuration: Configuration = PROJECT,
) -> None:
    """Measure masks made elsewhere as those of runs are, for a row "not trained here".

    Parameters
    ----------
    predictions : Path
        Folder of <case>.nii.gz, .nii, .nrrd or .mha, or an HDF5 file as predictions.h5: in the voxels of
        the prepared data, or of each scan where the data set is a folder of scans.
    name : str
        What the row is called.
    dataset : str
        Name of the data set in the tables.
    labelled : int
        How many patients were labelled for whoever made the masks.
    scale : str
        Whose data the masks are of; left out, the one of the configuration.
    """
    from dmd.planning.guests import find_guest
    from dmd.runs.guests import FOLDER, GuestFolder
    from dmd.testing.guests import evaluate_guest

    config = configuration.check()
    guest = find_guest(config, scale or config.scale, dataset, labelled, name)
    folder = GuestFolder(results / FOLDER / guest.id)
    facts, store = config.datasets[guest.store.dataset], results / "data" / f"{guest.store.name}.h5"
    is_new = evaluate_guest(folder, guest, store, predictions, facts.dimensions, facts.labels or ())
    print(f"{folder.cases}: {guest.label}" + ("" if is_new else ", measured before with these masks"))
    stanza = json.dumps({"dataset": dataset, "labelled": labelled, "name": guest.name}, ensure_ascii=False)
    print(f"A table shows it under `guests:`, such as\n  artefacts: {{table3: {{guests: [{stanza}]}}}}")
