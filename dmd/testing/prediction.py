"""Segment with the trained network of a run: the test cases of its data set, or a scan of the user's own."""

from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from dmd.data.geometry import require_slices
from dmd.data.scan import (
    MASKS,
    SCANS,
    amounts,
    read_scan,
    require_found,
    suffix,
    to_array,
    to_scan,
    to_training_grid,
    upright,
    with_intensities,
    write_mask,
)
from dmd.data.sources.readers import PREPARES, find_reader
from dmd.data.store import load_store
from dmd.devices import choose_device, compute
from dmd.errors import InputError
from dmd.methods.base import make
from dmd.networks.build import Build
from dmd.planning.config import Dataset
from dmd.progress import track
from dmd.runs.folder import RunFolder
from dmd.runs.tensors import DamagedError, load_tensors
from dmd.runs.vouching import require_own
from dmd.testing.ahead import ahead
from dmd.testing.inference import predict_case
from dmd.testing.label_maps import write_predictions


def predict(run: RunFolder, store: Path, device: str = "auto") -> None:
    """Segment the test cases of a run and write ``predictions.h5`` (`dmd.testing.label_maps`).

    Raises
    ------
    InputError
        The spec or the store is not this run's, or the weights are missing or do not fit.
    """
    spec = run.read_spec()
    training, chosen = spec.training, choose_device(device)
    predictor = load_predictor(run, training, chosen)
    data = load_store(store, training["dataset"], parts=["test"])
    cases = track(f"{run.id} predict", data.cases("test"))
    maps = ((case.name, predict_case(predictor, case.image, spec.inference, chosen)) for case in cases)
    write_predictions(run, spec.testing, ahead(maps))


def predict_scan(
    run: RunFolder,
    scan: Path,
    out: Path,
    datasets: dict[str, Dataset],
    device: str = "auto",
    *,
    prepared: bool = False,
) -> dict[str, str]:
    """Segment a scan that is in no store and write its mask: uint8, in the voxels and with the geometry of the scan.

    The scan is prepared as the data set of the run was (intensities, axes, spacing, means over blocks) and seen through
    the windows in which test cases are seen; the mask is brought back with nearest neighbours.

    Parameters
    ----------
    run : RunFolder
        A trained run.
    scan : Path
        NIfTI or NRRD; or HDF5 with an array ``image`` as in the public copy of the data set.
    out : Path
        The mask: NIfTI or NRRD.
    datasets : dict
        Facts by name of data set.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    prepared : bool
        The intensities are those of the public copy already; always so in HDF5.

    Returns
    -------
    dict
        How much there is of each foreground class, by its name: ml, or voxels where their size is not known.

    Raises
    ------
    InputError
        There are no facts of the run's data set or of its revision, the weights are missing, the scan is not one,
        nothing is found in it, or the mask cannot lie at ``out``.
    """
    spec = run.read_spec()
    training = spec.training
    dataset, dimensions = _facts(run, training, datasets), training["dimensions"]
    _require_place(out, scan)
    chosen = choose_device(device)
    predictor = load_predictor(run, training, chosen)
    given = read_scan(scan, dataset)
    is_array = suffix(scan, SCANS) == ".h5"
    if dimensions == 2 and not is_array:
        require_slices(scan, given)
    turned = upright(given, dimensions)
    if not prepared and not is_array:
        turned = with_intensities(turned, find_reader(dataset.reader, PREPARES).normalise)
    grid = to_training_grid(turned, dataset, training["dataset"]["downsample"])
    watch = partial(track, f"{run.id} predict {scan.name}")
    labels = predict_case(predictor, to_array(grid, dimensions), spec.inference, chosen, watch)
    mask = to_scan(labels, grid, turned, given, dimensions)
    require_found(mask, scan, dataset.classes)
    write_mask(mask, out)
    return amounts(mask, dataset.classes, spacing_known=not is_array or dataset.spacing_mm is not None)


def load_predictor(run: RunFolder, training: dict[str, Any], device: torch.device) -> nn.Module:
    """Return the trained network of a run, ready for evaluation in its precision.

    A device without TF32 computes in fp32, which is nearer to what is meant.
    """
    compute(tf32=training["precision"] == "tf32", deterministic=True)
    require_own(run, run.weights)
    try:
        weights = load_tensors(run.weights, device)
    except FileNotFoundError:
        raise InputError(f"expected weights at {run.weights}, found none; train the run first") from None
    except DamagedError as error:
        raise InputError(f"{error}; delete the file and train the run again, which ends in the same weights") from None
    predictor = make(training["method"], Build.from_settings(training)).predictor.to(device)
    try:
        predictor.load_state_dict(weights)
    except RuntimeError as error:
        raise InputError(f"{run.weights} does not fit the network of its spec.json: {error}") from None
    return predictor.eval()


def _facts(run: RunFolder, training: dict[str, Any], datasets: dict[str, Dataset]) -> Dataset:
    name, revision = training["dataset"]["name"], training["dataset"]["revision"]
    if name not in datasets:
        raise InputError(
            f"{run.spec}: expected a data set of the configuration, which says how scans are prepared, found '{name}'. "
            f"Known: {', '.join(datasets)}"
        )
    if datasets[name].revision != revision:
        raise InputError(
            f"{run.spec}: expected revision {datasets[name].revision} of data set '{name}', as in the configuration, "
            f"found a run on revision {revision}; use the configuration of its time (run.json names the commit)"
        )
    return datasets[name]


def _require_place(out: Path, scan: Path) -> None:
    suffix(out, MASKS)
    if not out.absolute().parent.is_dir():
        raise InputError(f"expected the folder {out.absolute().parent} for the mask, found none; make it first")
    if out.is_dir():
        raise InputError(f"expected a file name for the mask, found the folder {out}; add a name to it")
    if out.exists() and scan.exists() and out.samefile(scan):
        raise InputError(f"expected another path for the mask than that of the scan, found {out} for both")
