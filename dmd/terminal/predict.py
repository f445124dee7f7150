"""`dmd predict`: segment scans of one's own with a trained run."""

from pathlib import Path

from dmd.errors import InputError
from dmd.terminal.options import PROJECT, RUNS, Configuration, Device, RunName, Runs


def predict(
    scan: Path,
    /,
    *,
    run: RunName,
    out: Path,
    prepared: bool = False,
    probabilities: bool = False,
    runs: Runs = RUNS,
    device: Device = "auto",
    configuration: Configuration = PROJECT,
) -> None:
    """Segment a scan of your own, or a folder of them, with a trained run.

    Give whole scans as they were reconstructed: their intensities are scaled by those of the whole.
    A folder can be gone on with: masks that are there are left, if they are of this run and these scans.

    Parameters
    ----------
    scan : Path
        .nii.gz, .nii, .nrrd, .mha; .h5 with an array `image`, as in the public copies; or a folder.
    out : Path
        The mask: .nii.gz, .nii, .nrrd or .mha, in the scan's voxels; of a folder another folder.
    prepared : bool
        The intensities are those of the training data already, as in .h5.
    probabilities : bool
        Write the probability of every class beside each mask, as a.probabilities.nii.gz.
    """
    from dmd.runs.folder import find_run
    from dmd.testing.own_scans import predict_folder, predict_scan
    from dmd.testing.prediction import Segmenter

    datasets = configuration.check().datasets
    segmenter = Segmenter.load(find_run(run, runs), datasets, device, prepared=prepared)
    failed = dict[Path, str]()
    if scan.is_dir():
        found, failed = predict_folder(segmenter, scan, out, probabilities=probabilities)
    else:
        found = {out: predict_scan(segmenter, scan, out, probabilities=probabilities)}
    for mask, amounts in found.items():
        print(f"{mask}: " + ", ".join(f"{name} {amount}" for name, amount in amounts.items()))
    if failed:
        reasons = "".join(f"\n  {file.name}: {reason}" for file, reason in failed.items())
        raise InputError(f"{len(failed)} of {len(found) + len(failed)} scans have no mask:{reasons}")
