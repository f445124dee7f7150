"""`dmd export`: the network of a run in a folder of its own, to be run without this package."""

import shutil
from pathlib import Path

from dmd.errors import InputError
from dmd.files import checksum, replacing, write_json, write_text
from dmd.terminal.options import PROJECT, RUNS, Configuration, RunName, Runs


def export(run: RunName, /, *, out: Path, runs: Runs = RUNS, configuration: Configuration = PROJECT) -> None:
    """Write the network of a run, with a card, into a folder: PyTorch alone runs it.

    Parameters
    ----------
    out : Path
        Folder for network.pt2, weights.pt, card.json and README.md.
    """
    import torch

    from dmd.report.card import make_card
    from dmd.report.card_page import CARD, PAGE, PROGRAM, TENSORS, as_page
    from dmd.runs.folder import find_run
    from dmd.testing.export import export_program
    from dmd.testing.prediction import facts, load_predictor

    found = find_run(run, runs)
    training = found.read_spec().training
    config, plan = configuration.plan()
    dataset = facts(found, training, config.datasets)
    _require_place(out, found.id, {PROGRAM, TENSORS, PAGE, CARD})
    planned = plan.runs.get(found.id)
    called = planned.methods[0] if planned else training["method"]["implementation"]
    card = make_card(found, dataset, config.methods.get(called))
    predictor = load_predictor(found, training, torch.device("cpu"))
    (out / CARD).unlink(missing_ok=True)  # the last to be written: where it is, the export is whole
    difference = export_program(predictor, training["patch"], out / PROGRAM)
    with replacing(out / TENSORS) as aside:
        shutil.copyfile(found.weights, aside)
    write_text(out / PAGE, as_page(card))
    sums = {name: checksum(out / name) for name in (PROGRAM, TENSORS, PAGE)}
    write_json(out / CARD, card | {"largest_difference": difference, "sha256": sums})
    agrees = f"within {difference:.0e} of" if difference else "equal to"
    print(f"{out}: {PROGRAM}, {agrees} the run's own network; {TENSORS}, {CARD}, {PAGE}")


def _require_place(out: Path, run: str, ours: set[str]) -> None:
    """Require an empty folder, or one that holds an export of the run, also one that was stopped on the way."""
    from dmd.report.card_page import CARD, PROGRAM
    from dmd.runs.folder import read_json

    names = {path.name for path in out.iterdir() if not path.name.startswith(".")} if out.is_dir() else set()
    begun = PROGRAM in names if CARD not in names else read_json(out / CARD).get("run") == run
    if out.is_file() or (names and not (begun and names <= ours)):
        raise InputError(f"expected an empty folder, or one with an export of {run}, found another at {out}")
