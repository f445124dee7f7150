"""Whatever a method, class or caption is called, it is text in every picture, and nothing is lost for its name."""

import base64
from types import SimpleNamespace
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from dmd.errors import InputError
from dmd.planning import config, plan
from dmd.planning.artefacts import Curve
from dmd.planning.config import Method
from dmd.report.curves import write_curve
from dmd.report.page.distributions import _picture
from dmd.report.panels import entropy, pseudo_labels
from dmd.report.panels.scene import Scene
from dmd.report.style import SETTINGS, publish

from .made import add_run, describe, line, row

LABELS = ["DMD {v2}", "DMD$_{ours}$", r"$\nocommand$", "a|b", "<b>", "100%", "a_b", "a--b & \"c\" 'd'"]


def texts(svg: str) -> str:
    """Return the comments of a Matplotlib SVG, which say what its outlines of letters say."""
    parser = ElementTree.XMLParser(target=ElementTree.TreeBuilder(insert_comments=True))
    root = ElementTree.fromstring(svg, parser)
    return " ".join((node.text or "") for node in root.iter() if node.tag is ElementTree.Comment)


def drawn(text: str) -> str:
    """Return a label as such a comment holds it."""
    return text.replace("--", "- -").replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@pytest.mark.parametrize("label", LABELS[:3])
def test_a_curve_has_it_in_its_legend(tmp_path, label):
    params = {"temperature": 2}
    run = add_run(tmp_path / "runs", [line("a", 1, 0.9, 0.8, 5, 1)])
    form = Curve(kind="curve", caption=f"About {label}.", columns=["dice"], x="temperature")
    artefact = plan.Artefact("fig4", "paper", form, (row(label, 8, [run], {}, params=params),))
    write_curve(describe(tmp_path, artefact), tmp_path / "runs", tmp_path / "fig4.png")
    assert drawn(label) in texts((tmp_path / "fig4.svg").read_text())
    assert f"About {label}." in (tmp_path / "fig4.caption.txt").read_text()


def test_the_boxes_of_the_page_stand_beside_them():
    rows = [{"row": place, "case": case, "dice": 50.0} for place in range(len(LABELS)) for case in "ab"]
    picture = _picture("Table", "dice", pd.DataFrame(rows), dict(enumerate(LABELS)))
    assert all(f"{label} 50.00" in picture.alt for label in LABELS)
    svg = base64.b64decode(picture.source.partition("base64,")[2]).decode()
    assert set(LABELS) <= {node.text for node in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")}


@pytest.mark.parametrize("labels", [LABELS[:4], LABELS[4:]])
def test_pseudo_labels_and_entropies_are_titled_by_them(tmp_path, labels):
    plane = np.eye(16) > 0
    place = {"case": "a", "seed": 1}
    dice = pd.DataFrame([place | {"label": label, "step": step, "dice": 50} for label in labels for step in (1, 2)])
    nats = {f"{where}_{kind}": 0.5 for where in entropy.PLACES for kind in entropy.KINDS}
    numbers = pd.DataFrame([place | {"label": label} | nats for label in labels])
    with mpl.rc_context(SETTINGS):
        figures = {
            "fig2": pseudo_labels._draw(dice, {(label, 1): plane for label in labels}, plane),
            "entropy": entropy._draw(plane * 1.0, dict.fromkeys(labels, (plane * 0.5, plane)), numbers, 0.7),
        }
    # As title of its picture, and in the legend or below its bars in two plots.
    for (name, figure), times in zip(figures.items(), (2, 3), strict=True):
        publish(figure, "", ["run"], tmp_path / f"{name}.png")
        said = texts((tmp_path / f"{name}.svg").read_text())
        assert [said.count(drawn(label)) for label in labels] == [times] * len(labels)


def test_rows_of_one_method_are_apart_in_a_panel(tmp_path):
    """Two temperatures were drawn as one method, their numbers averaged."""
    runs = {warm: add_run(tmp_path, [line("a", 1, 0.9, 0.8, 5, 1)], seed=warm) for warm in (2, 4)}
    rows = tuple(row("DMD", 8, [run], {}, params={"temperature": warm}) for warm, run in runs.items())
    scene = Scene(SimpleNamespace(rows=rows, name="fig2"), tmp_path, [SimpleNamespace(name="a")], "cpu")
    found = scene.visits(lambda run, training, step, device: None)
    assert [place["label"] for place, *_ in found] == ["DMD (temperature=2)", "DMD (temperature=4)"]


@pytest.mark.parametrize(("given", "label"), [("two\n\nlines", "two lines"), (" DMD ", "DMD")])
def test_a_label_is_one_line(given, label):
    assert Method(label=given).label == label


@pytest.mark.parametrize("given", ["", " ", "_mine", "bell\x07", "\x1b[31mred"])
def test_a_label_that_figures_or_terminals_do_not_show_is_refused(content, given):
    content["methods"]["dmd"]["label"] = given
    with pytest.raises(InputError, match=r"methods\.dmd\.label: expected "):
        config.check(content)
