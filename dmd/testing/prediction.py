"""Segment with the trained network of a run: the test cases of its data set, or a scan of the user's own."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from dmd.data.geometry import join, require_slices
from dmd.data.labels import to_values
from dmd.data.scan import (
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
)
from dmd.data.sources.readers import normaliser
from dmd.data.store import load_store
from dmd.devices import choose_device, compute, memory_lacks_are_told
from dmd.errors import InputError
from dmd.files import checksum
from dmd.methods.base import make
from dmd.networks.build import Build
from dmd.planning.config import Dataset
from dmd.planning.identity import Spec
from dmd.planning.preparation import preparation
from dmd.progress import track
from dmd.runs.bare import require_weights
from dmd.runs.folder import RunFolder
from dmd.runs.tensors import DamagedError, load_tensors
from dmd.runs.vouching import require_own
from dmd.testing.ahead import ahead
from dmd.testing.inference import Watch, predict_case
from dmd.testing.label_maps import write_predictions
from dmd.testing.probabilities import predict_probabilities


def predict(run: RunFolder, store: Path, device: str = "auto") -> None:
    """Segment the test cases of a run and write ``predictions.h5`` (`dmd.testing.label_maps`).

    Raises
    ------
    InputError
        The spec or the store is not this run's, or the weights are missing or do not fit.
    """
    spec = run.read_spec()
    training, chosen = spec.training, choose_device(device)
    predictor, weights = load_predictor(run, training, chosen), checksum(run.weights)
    data = load_store(store, training["dataset"], parts=["test"])
    cases = track(f"{run.id} predict", data.cases("test"))
    maps = ((case.name, predict_case(predictor, case.image, spec.inference, chosen)) for case in cases)
    write_predictions(run, spec.testing, ahead(maps), weights)


@dataclass(frozen=True)
class Segmented:
    """What a run sees in a scan, in the voxels and with the geometry of the scan.

    Attributes
    ----------
    mask : sitk.Image
        Most probable class, uint8; of a folder of scans the value that its labels have for it.
    probabilities : sitk.Image or None
        Probability of every class, the fourth axis, where it was asked for; the mask is its largest.
    amounts : dict
        How much there is of each foreground class, by its name: ml, or voxels where their size is not known.
    """

    mask: Any
    probabilities: Any
    amounts: dict[str, str]


@dataclass(frozen=True)
class Segmenter:
    """The trained network of a run, ready to segment scans that are in no store.

    A scan is prepared as the data set of the run was (intensities, axes, spacing, means over blocks) and seen through
    the windows in which test cases are seen; what comes out is brought back with nearest neighbours.

    Attributes
    ----------
    run, spec, dataset
        Whose network it is, its settings, and the facts of the data that it was trained on.
    predictor, device
        The network, and where it computes.
    weights : str
        The SHA-256 that the file of the network had when it was loaded.
    prepared : bool
        The intensities of scans are those of the public copy already; always so in HDF5.
    """

    run: RunFolder
    spec: Spec
    dataset: Dataset
    predictor: nn.Module
    device: torch.device
    weights: str
    prepared: bool = False

    @classmethod
    def load(
        cls, run: RunFolder, datasets: dict[str, Dataset], device: str = "auto", *, prepared: bool = False
    ) -> "Segmenter":
        """Read a trained run; ``datasets`` are the facts by name of data set.

        Raises
        ------
        InputError
            There are no facts of the run's data set or of its revision, or the weights are missing.
        """
        spec = run.read_spec()
        dataset, chosen = facts(run, spec.training, datasets), choose_device(device)
        predictor = load_predictor(run, spec.training, chosen)
        return cls(run, spec, dataset, predictor, chosen, checksum(run.weights), prepared)

    @property
    def origin(self) -> dict[str, Any]:
        """What masks come from: run, weights, and all that decides how scans are prepared and seen."""
        elsewhere = {"split", "checksums", "repeated", "download", "terms"}
        return {
            "run": self.run.id,
            "weights": self.weights,
            "settings": self.spec.inference,
            "dataset": self.dataset.model_dump(mode="json", exclude=elsewhere),
            "prepared": self.prepared,
        }

    def segment(self, scan: Path, *, probabilities: bool = False, watch: Watch = iter) -> Segmented:
        """Return what is seen in a scan: NIfTI or NRRD; or HDF5 with an array ``image`` as in the public copy.

        Raises
        ------
        InputError
            It is no scan, nothing is found in it, or no memory holds it.
        """
        dataset, training = self.dataset, self.spec.training
        dimensions, is_array = training["dimensions"], suffix(scan, SCANS) == ".h5"
        given = read_scan(scan, dataset)
        if dimensions == 2 and not is_array:
            require_slices(scan, given)
        turned = upright(given, dimensions)
        if not self.prepared and not is_array:
            turned = with_intensities(turned, normaliser(dataset))
        grid = to_training_grid(turned, dataset, training["dataset"]["downsample"])
        labels, shares = self._see(scan, to_array(grid, dimensions), probabilities, watch)

        def brought_back(values: np.ndarray) -> Any:
            return to_scan(values, grid, turned, given, dimensions)

        mask = brought_back(labels)
        require_found(mask, scan, dataset.classes)
        known = not is_array or dataset.spacing_mm is not None
        found = amounts(mask, dataset.classes, spacing_known=known)
        mask = to_values(mask, dataset.labels) if dataset.labels else mask
        return Segmented(mask, None if shares is None else join(map(brought_back, shares)), found)

    def _see(
        self, scan: Path, array: np.ndarray, probabilities: bool, watch: Watch
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the label map of an array, and the probabilities where they are asked for."""
        settings = self.spec.inference
        with memory_lacks_are_told(f"{scan}, {'x'.join(map(str, array.shape))} voxels"):
            if not probabilities:
                return predict_case(self.predictor, array, settings, self.device, watch), None
            shares = predict_probabilities(self.predictor, array, settings, self.device, watch)
        return shares.argmax(axis=0).astype(np.uint8), shares


def load_predictor(run: RunFolder, training: dict[str, Any], device: torch.device) -> nn.Module:
    """Return the trained network of a run, ready for evaluation in its precision.

    A device without TF32 computes in fp32, which is nearer to what is meant.
    """
    compute(tf32=training["precision"] == "tf32", deterministic=True)
    require_own(run, run.weights)
    require_weights(run)
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


def facts(run: RunFolder, training: dict[str, Any], datasets: dict[str, Dataset]) -> Dataset:
    """Return the facts of the data that a run was trained on, which must be of the same revision."""
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
    found, expected = (of.get("preparation") for of in (training["dataset"], preparation(datasets[name])))
    if found != expected:
        raise InputError(
            f"{run.spec}: expected a run on scans that were prepared as the configuration says of '{name}', found "
            "others; use the stanza of its time (spacing_mm, labels, intensities, window)"
        )
    return datasets[name]
