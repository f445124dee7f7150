"""An exported network runs without this package and says what the run says; its card says what the run's files say."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import tiny_testing, tiny_training
from records import vouch_for
from segmenting import make_run

from dmd import cli
from dmd.files import checksum
from dmd.methods.base import make
from dmd.networks.build import Build
from dmd.planning import config, reading
from dmd.planning.identity import Spec
from dmd.report.tested import read_run
from dmd.runs.folder import RunFolder
from dmd.runs.tensors import save_tensors
from dmd.testing.evaluation import evaluate_run
from dmd.testing.prediction import load_predictor, predict

# Predictors that differ: the mean of three decoders, the last of four scales.
KINDS = [("mcnet", 3), ("urpc", 2)]


def untrained(folder: Path, root: Path, method: str, dimensions: int) -> RunFolder:
    """Return a run with weights as they are drawn."""
    stanza = config.check(reading.read(root / "config")).methods[method]
    training = tiny_training(
        dimensions, method, stanza.params | stanza.adapted.get("acdc", {}) if dimensions == 2 else stanza.params
    )
    training["dataset"]["name"] = f"synthetic{dimensions}d"
    if dimensions == 2:
        training["classes"] = 4
    run = RunFolder(folder / Spec(training, {}).id)
    run.write_spec(Spec(training, tiny_testing(dimensions)))
    torch.manual_seed(3)
    save_tensors(run.weights, make(training["method"], Build.from_settings(training)).predictor.state_dict())
    vouch_for(run)
    return run


def export(run: RunFolder, out: Path, root: Path) -> int:
    return cli.main(["export", str(run.path), "--out", str(out)])


@pytest.mark.parametrize(("method", "dimensions"), KINDS)
def test_the_page_is_followed_where_this_package_cannot_be_imported(method, dimensions, tmp_path, root):
    run, out = untrained(tmp_path, root, method, dimensions), tmp_path / "network"
    assert export(run, out, root) == 0
    images = torch.randn(3, 1, *run.read_spec().training["patch"])
    np.save(tmp_path / "images.npy", images.numpy())
    [snippet] = re.findall(r"```python\n(.*?)```", (out / "README.md").read_text(), re.DOTALL)
    script = f"""
import sys
sys.modules["dmd"] = None  # whoever imports it fails
{snippet}
assert probabilities.shape[2:] == patches.shape[2:]
import numpy
with torch.inference_mode():
    numpy.save("found.npy", network(torch.from_numpy(numpy.load("../images.npy"))).numpy())
state = torch.load("weights.pt", weights_only=True)
assert sum(tensor.numel() for tensor in state.values()) > 1000
try:
    import dmd
except ImportError:
    sys.exit(0)
sys.exit("dmd can be imported")
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=out, env={}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    predictor = load_predictor(run, run.read_spec().training, torch.device("cpu"))
    with torch.inference_mode():
        expected = predictor(images).numpy()
    assert np.load(out / "found.npy") == pytest.approx(expected, abs=1e-6)
    assert np.ptp(expected) > 0.01


@pytest.fixture(scope="module")
def tested(tiny_store, tmp_path_factory) -> RunFolder:
    run = make_run(tmp_path_factory.mktemp("runs"), 2)
    predict(run, tiny_store[2], "cpu")
    evaluate_run(run, tiny_store[2])
    return run


def test_the_card_says_what_the_files_of_the_run_say(tested, tmp_path, root, capsys):
    (tmp_path / "tiny.yaml").write_text(
        "datasets: {tiny2d: {revision: 1, reader: synthetic2d, dimensions: 2, classes: [background, ring, core], "
        "spacing_mm: [1.5, 1.5, 5], split: config/splits/synthetic2d.json, terms: ask us}}\n"
    )
    out = tmp_path / "network"
    more = ["--configfile", str(tmp_path / "tiny.yaml")]
    assert cli.main(["export", str(tested.path), "--out", str(out), *more]) == 0
    card, training = json.loads((out / "card.json").read_text()), tested.read_spec().training
    assert card["run"] == tested.id
    assert card["method"] == training["method"] | {"label": "V-Net", "citation": "Milletari et al., 3DV 2016"}
    assert card["input"]["shape"] == ["batch", 1, *training["patch"]]
    assert card["input"]["intensities"] == {
        "rule": "zero_to_one",
        "says": "(image - min) / (max - min) over the whole scan, in [0, 1].",
    }
    assert card["output"]["classes"] == ["background", "ring", "core"]
    assert card["windows"] == tested.read_spec().inference
    assert card["data_terms"] == "ask us"
    assert card["sha256"] == {name: checksum(out / name) for name in ("network.pt2", "weights.pt", "README.md")}
    assert checksum(out / "weights.pt") == checksum(tested.weights)
    lines = read_run(tested).lines
    assert card["test"]["cases"] == lines["case"].nunique()
    for said in card["test"]["scores"]:
        number = card["output"]["classes"].index(said["class"])
        own = lines[(lines["class"] == number) & (lines["post_processing"] == said["post_processing"])]
        assert said["dice"] == {
            "mean": pytest.approx(own["dice"].mean(), abs=1e-4),
            "sd": pytest.approx(own["dice"].std(), abs=1e-4),
        }
    assert len(card["test"]["scores"]) == 4
    page = (out / "README.md").read_text()
    assert f"| core | No post-processing | {card['test']['scores'][1]['dice']['mean']:.2f} ± " in re.sub(
        " +", " ", page
    )
    assert "Terms of the data: ask us" in page
    assert export(tested, out, root) == 2  # without the configuration that knows its data
    assert (out / "card.json").exists()
    whole = {path.name: path.read_bytes() for path in out.iterdir()}
    for name in ("card.json", "weights.pt"):  # as if it had been stopped
        (out / name).unlink()
    assert cli.main(["export", str(tested.path), "--out", str(out), *more]) == 0
    assert {path.name: path.read_bytes() for path in out.iterdir()} == whole


def test_what_cannot_be_exported_is_refused(tested, tmp_path, root, capsys):
    other, full = make_run(tmp_path / "other", 3, "synthetic3d"), tmp_path / "full"
    full.mkdir()
    for name, text in (("README.md", "mine"), ("card.json", '{"run": "another"}')):
        (full / name).write_text(text)
        assert export(other, full, root) == 2
        assert "expected an empty folder, or one with an export of" in capsys.readouterr().err
    assert (full / "README.md").read_text() == "mine"
    other.weights.unlink()
    assert export(other, tmp_path / "out", root) == 2
    assert "train the run first" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
