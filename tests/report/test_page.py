"""What the page says; how it looks and behaves is tested in a browser."""

import base64
import io
import itertools
import re
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import tiny_training
from matplotlib.colors import to_hex, to_rgb
from PIL import Image
from records import vouch_for

from dmd import cli
from dmd.data.batches import Batches
from dmd.data.store import Case, load_store, write_store
from dmd.errors import InputError
from dmd.methods import base
from dmd.networks.build import Build
from dmd.planning.declarations import declaration
from dmd.planning.identity import store_name
from dmd.planning.implementations import methods
from dmd.report import cases
from dmd.report.comparison import compare_rows
from dmd.report.history import read_history
from dmd.report.naming import title
from dmd.report.page.image import from_files
from dmd.report.page.overlays import COLOURS, GAP, OPACITY, overlay, worst_cases, worst_plane
from dmd.report.page.readings import readings
from dmd.report.page.runs import cost_table, list_runs
from dmd.report.page.scores import comparison_tables, difference, score_table
from dmd.report.page.table import Grid, look, number
from dmd.report.page.write import evaluated, write_page
from dmd.report.picture import training_curve
from dmd.report.scores import Scores, read
from dmd.report.tables import ABSENT
from dmd.report.tested import ReadOnce
from dmd.report.verdict import NOTHING
from dmd.runs.folder import RunFolder
from dmd.terminal import steps
from dmd.testing.label_maps import write_predictions

from .halfway import evaluated_table
from .made import NOTHING as NO_VOXEL
from .made import describe, line, write_cases
from .test_style import lightness


@pytest.fixture
def table3(planned):
    return planned.artefacts["smoke/table3"]


@pytest.fixture
def published(table3):
    """Table 3 with two numbers of the paper, as where the data are the paper's."""
    numbers = ({"dice": 79.99}, {}, {"hd95_voxel": 9.36}, {}, {"dice": 89.7})
    return replace(
        table3, rows=tuple(replace(row, paper=paper) for row, paper in zip(table3.rows, numbers, strict=True))
    )


def scored(artefact, results) -> Scores:
    """Read the evaluated rows of an artefact."""
    return read(evaluated(artefact, results), ReadOnce(results / "runs"))


def grid_of(artefact, results) -> Grid:
    scores = scored(artefact, results)
    return score_table(artefact, scores, scores.summary())


def test_scores_stand_beside_the_papers_with_signed_differences(results, published):
    grid = grid_of(published, results)
    assert [(group, names) for group, names in grid.groups if group] == [
        ("Dice (%)", ["ours [paper]", "diff.", "LC"]),
        ("Jaccard (%)", ["ours", "LC"]),
        ("HD95 (voxel)", ["ours [paper]", "diff.", "LC"]),
        ("ASD (voxel)", ["ours", "LC"]),
    ]
    first, third = grid.frame.iloc[0], grid.frame.iloc[2]
    # Mean Dice of 50, 60 and 70 %; the paper's V-Net has 79.99.
    assert first["Dice (%)"].tolist() == ["60.00 [79.99]", "−19.99 ▼", "60.00"]  # noqa: RUF001
    # HD95 4.5 against the paper's 9.36 of MC-Net: lower is better.
    assert third["HD95 (voxel)"].tolist() == ["4.50 [9.36]", "−4.86 ▲", "4.50"]  # noqa: RUF001
    assert first["", "Runs"] == published.rows[0].runs[0]
    assert "▲ better" in grid.note


def test_without_numbers_of_the_paper_there_are_no_differences_and_no_marks(results, table3, tmp_path):
    """Synthetic scans have none."""
    grid = grid_of(table3, results)
    assert {name for _, name in grid.cells} == {"Method", "Patients", "ours", "LC", "Runs"}
    assert "paper" not in grid.note
    write_page([table3], results, tmp_path / "report.html")
    section = (
        (tmp_path / "report.html").read_text().partition('<section id="artefact-table3">')[2].partition("</section>")[0]
    )
    assert not re.search("▲|▼|[Pp]aper's numbers|The paper|class=.better|class=.worse", section)


def test_a_table_has_the_rows_with_an_evaluated_run_and_says_how_many_of_its_runs(results, published):
    first, *others = published.rows
    two = replace(published, rows=(replace(first, runs=(*first.runs, "another")), *others))
    frame = grid_of(two, results).frame
    assert frame["", "Method"].tolist() == ["V-Net", "CPS*", "MC-Net"]
    assert frame["", "Evaluated"].tolist() == ["1 of 2", "1 of 1", "1 of 1"]
    assert frame["", "Runs"].tolist()[0] == f"{first.runs[0]} another"
    assert "Evaluated" not in grid_of(published, results).frame[""]


@pytest.fixture
def own(results, tmp_path) -> Path:
    """A copy of the results that a test may change."""
    return Path(shutil.copytree(results, tmp_path / "own"))


def test_empty_masks_are_counted_where_there_are_any(own, table3):
    run = RunFolder(own / "runs" / table3.rows[0].runs[0])
    scores = [("a", 0.5, 0.4, 2, 1), ("b", 0, 0, "", ""), ("c", 0, 0, "", "")]
    found, missed, alarm = (line(name, 1, *values) for name, *values in scores)
    write_cases(run, [found, missed | NO_VOXEL, alarm | {"reference_voxels": 0}])
    frame = grid_of(table3, own).frame
    assert frame["", "Missed"].tolist()[:2] == frame["", "False alarms"].tolist()[:2] == ["1", "0"]
    assert ("", "Rightly empty") not in frame


def test_a_damaged_prediction_leaves_its_picture_out_and_says_so(own, table3, tmp_path):
    run = RunFolder(own / "runs" / table3.rows[0].runs[0])
    run.predictions.write_bytes(b"no HDF5")
    first, second, *_ = worst_cases([scored(table3, own)], own)
    assert (first.pictures, first.missing.partition(",")[0]) == (
        (),
        f"expected the predictions of run '{run.id}' in {run.predictions}",
    )
    assert second.pictures
    write_page([table3], own, tmp_path / "report.html")
    assert "Not drawn: expected the predictions of run" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("value", "score", "text", "seen"),
    [
        (1.5, "dice", "+1.50 ▲", "better"),
        (1.5, "asd_voxel", "+1.50 ▼", "worse"),
        (-1.5, "jaccard", "−1.50 ▼", "worse"),  # noqa: RUF001
        (-1.5, "hd95_mm", "−1.50 ▲", "better"),  # noqa: RUF001
        (-0.004, "dice", "0.00", ""),
        (float("nan"), "dice", ABSENT, "absent"),
    ],
)
def test_a_difference_is_signed_and_marked(value, score, text, seen):
    assert (difference(value, score), look(text)) == (text, seen)


def test_cells_look_like_what_they_say():
    assert [look(text) for text in ("better (0.008)", "worse (0.008)", "undecided (1.000)", ABSENT, "1.5")] == [
        *("better", "worse", "", "absent", "")
    ]


def test_the_page_of_several_artefacts_reads_each_run_once(results, planned, tmp_path, monkeypatch):
    read_files, together = [], cases.read_together
    monkeypatch.setattr(cases, "read_together", lambda files, **how: read_files.extend(files) or together(files, **how))
    artefacts = planned.of_scale("smoke")
    write_page(artefacts, results, tmp_path / "report.html")
    runs = {run for artefact in artefacts for run in artefact.runs}
    assert sorted(read_files) == sorted(path for run in runs if (path := results / "runs" / run / "cases.csv").exists())
    assert len(read_files) == 3


def test_names_are_the_papers(planned):
    names = {name: title(artefact) for name, artefact in planned.artefacts.items() if "/" not in name}
    assert names["table1"] == "Table 1"
    assert (names["fig2"], names["fig3a"], names["entropy"]) == ("Fig. 2", "Fig. 3(a)", "Entropy")


def test_neighbouring_columns_share_a_heading_and_single_ones_do_not():
    cells = {("", "A"): ["x"], ("", "B"): ["−1"], ("G", "C"): ["2"], ("G", "D"): ["y"], ("", "E"): ["z"]}  # noqa: RUF001
    grid = Grid("t", "", cells)
    assert grid.groups == [("", ["A"]), ("", ["B"]), ("G", ["C", "D"]), ("", ["E"])]
    assert grid.words == [True, False, False, True, True]
    assert number(-2.5, 1) == "−2.5"  # noqa: RUF001


def test_the_worst_cases_come_first_and_shared_rows_once(results, table3):
    scores = scored(table3, results)
    found = list(worst_cases([scores, scores], results))
    assert [entry.name for entry in found] == [f"{name}, la with 8 labelled" for name in ("V-Net", "CPS*", "MC-Net")]
    assert [picture.caption.split(",")[0] for picture in found[1].pictures] == [
        "Dice of the whole scan 20.0 %: a",
        "Dice of the whole scan 80.0 %: b",
    ]


def test_worst_cases_that_cannot_be_drawn_are_said(results, table3, tmp_path):
    shutil.copytree(results / "runs", tmp_path / "runs")
    found = next(worst_cases([scored(table3, results)], tmp_path))
    assert found.pictures == ()
    assert found.missing == f"{tmp_path}/data/synthetic3d-1x1x1.h5 is missing"


def test_the_plane_with_the_most_wrong_voxels_is_shown():
    truth, prediction = np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4, 3), np.uint8)
    truth[1:3, 1:3, 0] = 1
    prediction[1:3, 1:3, 0] = 1
    assert worst_plane(prediction, truth, axis=2) == 0  # nothing is wrong: the fullest
    prediction[0, 0, 1:] = 1
    prediction[0, 1, 2] = 1
    assert worst_plane(prediction, truth, axis=2) == 2


def test_an_overlay_has_scan_truth_and_prediction_with_the_outline_of_the_truth():
    label = np.zeros((220, 110, 1), np.uint8)
    label[10:40, 20:60] = 1
    case = Case("a", "a", np.zeros(label.shape, np.float32), label, None)
    pixels = overlay(case, np.zeros_like(label), 0, axis=2)
    assert pixels.shape == (110, 3 * 220 + 2 * GAP, 3)  # x to the right
    scan, truth, predicted = (pixels[:, start : start + 220] for start in (0, 220 + GAP, 2 * (220 + GAP)))
    assert not scan.any()
    coloured = truth.any(axis=2)
    assert coloured[20:60, 10:40].all()
    assert coloured.sum() == 40 * 30
    assert (predicted == 255).all(axis=2).sum() == 2 * 40 + 2 * 30 - 4
    assert predicted.any(axis=2).sum() == 2 * 40 + 2 * 30 - 4


def test_slices_are_shown_as_they_are_stored_with_a_legend_of_their_classes(planned, tmp_path):
    """A stack is (slices, Y, X): what lies to the left in it lies to the left in the picture."""
    row = planned.artefacts["smoke/table2"].rows[0]
    run = RunFolder(tmp_path / "runs" / row.runs[0])
    run.write_spec(planned.runs[run.id].spec)
    identity = run.read_spec().training["dataset"]
    label = np.zeros((2, 110, 220), np.uint8)
    for value in (1, 2, 3):
        label[1, 20:60, 60 * value - 40 : 60 * value] = value
    case = Case("a", "a", np.zeros(label.shape, np.float32), label, None)
    names = ["background", "right", "wall", "left"]
    (tmp_path / "data").mkdir()
    write_store(tmp_path / f"data/{store_name(identity)}.h5", identity, names, {"test": ["a"]}, [case])
    write_predictions(run, run.read_spec().testing, [("a", np.zeros_like(label))], "0" * 64)
    write_cases(run, [line("a", value, 0, 0, "", "") | NO_VOXEL for value in (1, 2, 3)])
    artefact = replace(planned.artefacts["smoke/table2"], rows=(row,))
    (found,) = worst_cases([scored(artefact, tmp_path)], tmp_path)
    assert found.legend == tuple(zip(names[1:], COLOURS, strict=True))
    assert "a, plane 2 of 2" in found.pictures[0].caption
    pixels = np.array(Image.open(io.BytesIO(_content(found.pictures[0]))).convert("RGB"))
    assert pixels.shape == (110, 3 * 220 + 2 * GAP, 3)
    truth = pixels[:, 220 + GAP : 440 + GAP]
    for value, colour in enumerate(COLOURS, 1):
        expected = 255 * OPACITY * np.array(to_rgb(colour))
        assert truth[40, 60 * value - 20] == pytest.approx(expected, abs=2)
    assert not truth[80].any()


def test_classes_are_apart_in_grey():
    assert min(abs(lightness(a) - lightness(b)) for a, b in itertools.combinations(COLOURS, 2)) > 15


def test_runs_are_listed_once_with_state_cost_and_commands(results, planned):
    artefacts = [planned.artefacts[f"smoke/{name}"] for name in ("table1", "table3")]
    entries, missing = list_runs(artefacts, results, most=9)
    by_name = {entry["id"]: entry for entry in entries}
    vnet = by_name[artefacts[1].rows[0].runs[0]]
    assert (vnet["state"], vnet["used_by"]) == ("evaluated", ["Table 1", "Table 3"])
    store = f"{results}/data/synthetic3d-1x1x1.h5"
    assert vnet["by_hand"][0] == f"dmd step train {results}/runs/{vnet['id']} --store {store}"
    called = [cli.app.parse_args(shlex.split(line)[1:])[0] for line in vnet["by_hand"]]
    assert called == [steps.train, steps.test]
    assert [entry["state"] for entry in entries].count("started") == 1
    assert len(entries) + len(missing) == len({run for artefact in artefacts for run in artefact.runs})
    cost = cost_table(entries).frame[""].set_index("Run")
    assert cost.loc[vnet["id"]].tolist()[3:] == ["cpu", ABSENT, "1.5", ABSENT, "1.500", "700", "1"]
    assert cost[cost["State"] == "started"].iloc[0, 3:].tolist() == [ABSENT] * 7


def test_a_training_curve_says_where_it_starts_and_ends(results, table3):
    (entry, *_), _ = list_runs([table3], results, most=9)
    assert "loss from 3.000 to 0.050 in 60 steps; terms: loss, supervised, x." in entry["curve"].alt
    assert "validation" not in _svg(entry["curve"])


@pytest.mark.parametrize("name", methods())
def test_no_two_loss_terms_of_a_method_look_alike(name, content, tiny_store):
    axes = max(declaration(name).dimensions)
    stanza = content["methods"][name]
    params = stanza["params"] | stanza.get("adapted", {}).get("la" if axes == 3 else "acdc", {})
    spec, store = tiny_training(axes, name, params), load_store(tiny_store[axes])
    method = base.make(spec["method"], Build.from_settings(spec)).train()
    method.start_training(spec["optimiser"])
    batches = Batches(store, spec, method.extras(store.labelled(spec["labelled"])))
    terms = ["loss", *method.train_step(batches[0], 0)]
    history = pd.DataFrame({"step": [1, 2]} | {term: [1.0, 0.5] for term in terms})
    lines = [line for line in training_curve(history).axes[0].lines if line.get_label() in terms]
    assert len({(to_hex(line.get_color()), str(line._dash_pattern)) for line in lines}) == len(terms)
    assert to_hex(lines[0].get_color()) == "#000000"


def test_a_history_that_is_no_table_is_refused(results, table3, tmp_path):
    run = RunFolder(tmp_path / "run")
    run.path.mkdir()
    run.history_table.write_text("step,loss\n1,high\n")
    vouch_for(run)
    with pytest.raises(InputError, match=r"history\.csv.*high"):
        read_history(run)


def test_a_figure_is_its_svg_however_large_with_its_caption_beside(results, planned, tmp_path):
    shutil.copytree(results / "smoke", tmp_path / "smoke")
    png = tmp_path / "smoke" / "fig2.png"
    svg = png.with_suffix(".svg")
    svg.write_text(svg.read_text().replace("</svg>", f"<!-- {'large ' * 20_000} --></svg>"))
    picture = from_files(png, "Fig. 2")
    assert picture.source.startswith("data:image/svg+xml")
    assert picture.caption == "Scale 'smoke'. Pseudo labels. Runs: la-8-cps-0000000000."
    assert (picture.width, picture.height) == (5 * 96, 3 * 96)
    svg.unlink()
    assert from_files(png, "Fig. 2") is None


def test_the_readings_are_those_of_the_document(root, tmp_path):
    table = readings(root / "docs" / "deviations.md")
    assert [name for _, name in table.cells] == ["Topic", "The paper says", "Taken here"]
    assert table.frame.iloc[0, 0] == "lambda"
    assert "`" not in " ".join(text for texts in table.cells.values() for text in texts)
    (tmp_path / "other.md").write_text("# Other\n\n| a |\n| - |\n| b |\n")
    with pytest.raises(InputError, match="expected a table under the heading 'Readings of the paper"):
        readings(tmp_path / "other.md")


def test_evaluated_rows_are_compared_with_dmd_with_and_without_post_processing(tmp_path, planned, table3):
    evaluated_table(tmp_path, planned)
    scores = scored(table3, tmp_path)
    plain, component = comparison_tables(scores, compare_rows(scores))
    # Row 0 has 50 % in every case, DMD 50 + 4 k for k = 1..8: Walsh averages of -4 k have the median -18.
    first = plain.frame.iloc[0]
    assert first["", "Method"] == "V-Net"
    assert first["Dice (%)", "diff."].startswith("−18.00 [")  # noqa: RUF001
    assert first["Dice (%)", "verdict (p)"] == "worse (0.031)"
    assert plain.id != component.id
    assert component.caption.endswith("post-processing: largest component.")


def test_without_dmd_nothing_is_compared_and_that_is_said(results, tmp_path, table3):
    scores = scored(table3, results)
    assert comparison_tables(scores, compare_rows(scores)) == []
    write_page([table3], results, tmp_path / "report.html")
    assert f"<strong>{NOTHING}</strong>" in (tmp_path / "report.html").read_text()


def sections_of(page: Path) -> dict[str, str]:
    """Return the text of each section by its id, in the order of the page."""
    found = re.split(r'<section id="(?:artefact-)?(\w+)">', page.read_text())[1:]
    return dict(zip(found[::2], found[1::2], strict=True))


def test_an_artefact_may_be_called_as_a_part_of_the_page(results, planned, tmp_path):
    write_page([replace(planned.artefacts["smoke/table3"], name="smoke/worst")], results, tmp_path / "report.html")
    places = re.findall(r' id="([^"]+)"', (tmp_path / "report.html").read_text())
    assert {"worst", "artefact-worst"} <= set(places)
    assert len(places) == len(set(places))


def test_what_is_complete_comes_first_and_what_is_missing_is_one_line_with_its_command(results, planned, tmp_path):
    """Fig. 2 is drawn; of Table 1 two rows and of Table 3 three are evaluated."""
    write_page(planned.of_scale("smoke"), results, tmp_path / "report.html")
    sections = sections_of(tmp_path / "report.html")
    assert list(sections) == ["fig2", "table1", "table3", "worst", "cost", "runs", "readings", "missing"]
    assert "Made by <code>snakemake --cores 2 -- results/smoke/fig2.png</code>" in sections["fig2"]
    assert (
        "<summary>2 of 5 rows are incomplete: <code>snakemake --cores 2 -- results/smoke/table3.csv</code></summary>"
        in sections["table3"]
    )
    assert "<li>DMD, la with 8 labelled: <a " in sections["table3"]
    assert "18 of 20 rows are incomplete" in sections["table1"]
    assert '<a href="#artefact-table3">Table 3</a> (3 of 5)</li>' in (tmp_path / "report.html").read_text()
    assert "Table 3: <code>snakemake --cores 2 -- results/smoke/table3.csv</code>" in sections["missing"]
    assert "Fig. 2:" not in sections["missing"]


def test_a_table_whose_runs_are_there_and_whose_files_are_not_says_so(tmp_path, planned, table3):
    evaluated_table(tmp_path, planned).unlink()
    write_page([table3], tmp_path, tmp_path / "report.html")
    assert (
        "Not made yet; what follows is of the runs that are evaluated"
        in sections_of(tmp_path / "report.html")["table3"]
    )


def test_a_row_that_lacks_one_of_its_runs_is_not_complete(results, tmp_path, table3):
    """As where a table was made before another seed was asked for."""
    vnet, *others = table3.rows
    more = replace(table3, rows=(replace(vnet, runs=(*vnet.runs, "la-8-supervised-0123456789")), *others))
    write_page([more], results, tmp_path / "report.html")
    said = sections_of(tmp_path / "report.html")["table3"]
    assert "3 of 5 rows are incomplete" in said  # two have no run at all
    (listed,) = re.findall(r"<li>V-Net, la with 8 labelled:.*?</li>", said, re.DOTALL)
    assert "la-8-supervised-0123456789" in listed
    assert vnet.runs[0] not in listed


@pytest.mark.parametrize("scale", ["paper", "smoke"])
def test_a_page_of_nothing_is_refused_with_what_would_be_something(scale, planned, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = "" if scale == "paper" else "smoke/"
    said = f"expected a run of scale '{scale}'.* results/runs.*snakemake --cores 2 -- results/{folder}table1.csv"
    with pytest.raises(InputError, match=said):
        write_page(planned.of_scale(scale), Path("results"), tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_the_same_results_make_the_same_page(results, planned, tmp_path):
    artefacts = planned.of_scale("smoke")
    for name in ("one", "two"):
        write_page(artefacts, results, tmp_path / f"{name}.html")
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()


def test_the_users_settings_change_nothing(results, table3, tmp_path, require_our_style):
    page = tmp_path / "report.html"
    require_our_style(lambda: write_page([table3], results, page), page)


def test_the_command_makes_the_page_of_a_scale_or_of_descriptions(results, planned, root, tmp_path, monkeypatch):
    monkeypatch.chdir(root)
    copied = tmp_path / "results"
    shutil.copytree(results, copied)
    assert cli.main(["report", "--scale", "smoke", "--results", str(copied)]) == 0
    page = (copied / "smoke" / "report.html").read_text()
    assert all(f'<h2 id="artefact-{name}-title">' in page for name in ("table3", "fig2"))
    only = [str(describe(copied, planned.artefacts["smoke/table3"])), "--output", str(tmp_path / "one.html")]
    assert cli.main(["report", "--results", str(copied), *only]) == 0
    assert 'id="artefact-table3"' in (tmp_path / "one.html").read_text()
    assert 'id="artefact-fig2"' not in (tmp_path / "one.html").read_text()


def test_an_unknown_scale_and_an_empty_one_are_refused(root, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(root)
    assert cli.main(["report", "--scale", "half", "--results", str(tmp_path)]) == 2
    assert "found neither; name another --scale or --results" in capsys.readouterr().err
    assert cli.main(["report", "--scale", "haf"]) == 2
    assert "unknown scale 'haf'; did you mean 'half'?" in capsys.readouterr().err


def test_names_from_outside_are_text_on_the_page(results, planned, table3, tmp_path):
    hostile = replace(table3, rows=(replace(table3.rows[0], label="<script>alert(1)</script>"), *table3.rows[1:]))
    write_page([hostile], results, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_store_has_the_name_that_the_plan_gives_it(planned):
    assert all(run.store == store_name(run.spec.training["dataset"]) for run in planned.runs.values())


def test_the_template_is_part_of_the_package(root):
    assert '"dmd.report.page" = ["page.html"]' in (root / "pyproject.toml").read_text()
    assert (root / "dmd/report/page/page.html").is_file()


def _svg(picture) -> str:
    return _content(picture).decode()


def _content(picture) -> bytes:
    return base64.b64decode(picture.source.partition("base64,")[2])
