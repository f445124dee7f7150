"""What the page shows of the noise in a table."""

import base64
import dataclasses

import pytest

from dmd.report.comparison import compare_rows
from dmd.report.page.noise import claim_tables, noise_pictures
from dmd.report.page.scores import COMPARED_NOTE, comparison_tables
from dmd.report.page.write import write_page
from dmd.report.ranking import claims
from dmd.report.scores import Scores, read
from dmd.report.tables import ABSENT
from dmd.report.tested import ReadOnce

from .halfway import evaluated_table
from .made import add_run, row, shifted, table


@pytest.fixture
def scores(tmp_path) -> Scores:
    shifts = {"A": (4, 5), "B": (-2, *[1] * 7), "DMD": (0, 1)}
    rows = []
    for seed, (label, of) in enumerate(shifts.items()):
        runs = [shifted(*of)] if label == "B" else [shifted(shift) for shift in of]
        used = [add_run(tmp_path, lines, seed=100 * seed + place) for place, lines in enumerate(runs)]
        rows.append(row(label, 8, used, {}))
    return read(table(*rows, columns=["dice"]), ReadOnce(tmp_path))


def test_dmd_against_itself_is_a_line_of_the_comparison(scores):
    grid = comparison_tables(scores, compare_rows(scores))[0]
    assert grid.frame["", "Method"].tolist() == ["A", "B", "DMD against itself"]
    last = grid.frame.iloc[2]
    # Two runs a point apart: 12.71 / sqrt(2) of it is what two averages of two may differ by.
    assert last["Dice (%)", "diff."] == "1.00 [−8.98, +8.98]"  # noqa: RUF001
    assert last["Dice (%)", "verdict (p)"] == "noise floor"
    assert "noise floor in brackets" in COMPARED_NOTE


def test_the_p_shown_is_the_one_that_decides(scores):
    comparison = compare_rows(scores)
    first = comparison.iloc[0]
    assert first["p_runs_holm"] > first["p_holm"]
    shown = comparison_tables(scores, comparison)[0].frame.iloc[0]["Dice (%)", "verdict (p)"]
    assert shown == f"{first['verdict']} ({first['p_runs_holm']:.3f})"


def test_claims_are_a_matrix_of_winners_and_losers(scores):
    (grid,) = claim_tables(scores)
    frame = grid.frame[""]
    assert frame["Winner"].tolist() == ["A", "B", "DMD"]
    found = claims(scores).loc[(1, 2), "p_false"].iloc[0]
    assert frame["DMD"].tolist() == ["0.00", f"{found:.2f}", ABSENT]
    assert frame["A"].tolist() == [ABSENT] * 3
    assert grid.caption == "Probability that the claim 'row beats column' in Dice (%) is false, la with 8 labelled."


def test_pictures_say_what_they_show_in_words(scores, tmp_path):
    forest, ranks, learning = noise_pictures(scores, compare_rows(scores), tmp_path)
    assert ranks.alt == "Table 3: ranks in Dice (%): A 1 [1, 1]; B 2 [2, 3]; DMD 3 [2, 3]"
    assert forest.caption.startswith("Method minus DMD")
    assert "bands" in learning.caption
    assert all(picture.source.startswith("data:image/svg+xml") for picture in (forest, ranks, learning))
    drawn = base64.b64decode(forest.source.partition("base64,")[2]).decode()
    assert "difference in Dice (%)" in drawn


def test_methods_of_one_name_keep_a_column_each(scores):
    rows = tuple(dataclasses.replace(of, label="Same") for of in scores.artefact.rows)
    same = dataclasses.replace(scores, artefact=dataclasses.replace(scores.artefact, rows=rows))
    (grid,) = claim_tables(same)
    assert len(grid.frame.columns) == 1 + 3


def test_the_page_has_them_in_the_section_of_the_table(planned, tmp_path):
    evaluated_table(tmp_path, planned)
    write_page([planned.artefacts["smoke/table3"]], tmp_path, tmp_path / "report.html")
    section = (
        (tmp_path / "report.html").read_text().partition('<section id="artefact-table3">')[2].partition("</section>")[0]
    )
    noise = section.partition("<h3>How much is noise</h3>")[2].partition("<h3>")[0]
    assert noise.count("<img") == 3
    assert noise.count("<table") == 1
    assert "Smallest true difference in Dice" in section
