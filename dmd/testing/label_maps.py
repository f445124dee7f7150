"""The predictions of a run: one sealed file with a label map per test case, bound to run, settings and weights."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from dmd.data.hdf5 import creating, read_array, reading
from dmd.data.store import Case
from dmd.errors import InputError
from dmd.files import checksum
from dmd.planning.identity import Spec, canonical
from dmd.runs.folder import RunFolder
from dmd.testing.metrics import require_labels

AGAIN = "predict the run again"


def write_predictions(
    run: RunFolder, testing: dict[str, Any], maps: Iterable[tuple[str, np.ndarray]], weights: str
) -> None:
    """Write ``predictions.h5``: one uint8 label map ``(*S)`` per test case, by name.

    Parameters
    ----------
    run : RunFolder
        Whose predictions these are.
    testing : dict
        The settings that they were made with.
    maps : iterable of (str, ndarray)
        Names of cases with their label maps, held one at a time.
    weights : str
        The SHA-256 that ``weights.pt`` had when they were loaded.
    """
    with creating(run.predictions) as file:
        file.attrs["run"], file.attrs["testing"], file.attrs["weights"] = run.id, canonical(testing), weights
        for name, labels in maps:
            file.create_dataset(name, data=labels, compression="gzip", compression_opts=1)


def read_predictions(run: RunFolder, spec: Spec, cases: Iterable[Case]) -> Iterator[tuple[Case, np.ndarray]]:
    """Yield test cases with their label maps.

    Raises
    ------
    InputError
        The file is missing or damaged, another run's or made with other settings; or a case has no label map, one of
        another shape, or one that holds what is no class.
    """
    with reading(run.predictions, f"the predictions of run '{run.id}'", AGAIN, sealed=True) as file:
        _require(run, "the predictions of run", run.id, file.attrs["run"])
        _require(run, "predictions made with", canonical(spec.testing), file.attrs["testing"])
        for case in cases:
            if case.name not in file:
                raise InputError(
                    f"{run.predictions}: expected a prediction of test case '{case.name}', found none; {AGAIN}"
                )
            labels = read_array(file, case.name)
            _require(run, f"for case '{case.name}' the shape", case.label.shape, labels.shape)
            require_labels(labels, spec.training["classes"], f"{run.predictions}, case '{case.name}'")
            yield case, labels


def require_of_weights(run: RunFolder) -> None:
    """Require predictions by the weights that are there now, which may be others than when they were begun.

    Raises
    ------
    InputError
        The run was taken back meanwhile, or trained anew.
    """
    there = checksum(run.weights) if run.weights.exists() else "none"
    with reading(run.predictions, f"the predictions of run '{run.id}'", AGAIN, sealed=True) as file:
        _require(run, "predictions by the weights that are there, sha256", there, file.attrs["weights"])


def _require(run: RunFolder, what: str, expected: Any, found: Any) -> None:
    if found != expected:
        raise InputError(f"{run.predictions}: expected {what} {expected}, found {found}; {AGAIN}")
