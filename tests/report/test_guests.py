"""Masks that were made elsewhere beside runs: in tables, comparison and ranks, on the page, marked everywhere."""

from pathlib import Path

import pytest

from dmd.errors import InputError
from dmd.files import checksum
from dmd.planning import plan
from dmd.planning.guests import Guest
from dmd.planning.resolve import Store
from dmd.report.beside import write_table_and_pictures
from dmd.report.page.write import write_page
from dmd.report.tables import ABSENT
from dmd.runs.guests import GuestFolder

from .made import TRAINING, add_run, describe, read_csv, row, shifted, table

GUEST = Guest("nnU-Net", 8, Store("la-1x1x1", "la", TRAINING["dataset"]))
MARKED = "nnU-Net (not trained here)"
ROW = plan.Row("", GUEST.label, False, "la", 8, None, {}, (), {}, guest=GUEST.id)


def add_guest(results: Path, *shifts: float) -> GuestFolder:
    folder = GuestFolder(results / "guests" / GUEST.id)
    as_of_a_run = add_run(results / "elsewhere", shifted(*shifts))
    folder.write(GUEST, ["background", "left atrium"], {}, as_of_a_run.cases.read_text())
    return folder


@pytest.fixture
def results(tmp_path) -> Path:
    add_guest(tmp_path, 3)
    return tmp_path


@pytest.fixture
def shown(results):
    """A table of DMD, with two runs, another method and the guest."""
    ours = [add_run(results / "runs", shifted(2, 2.5, 1.5, 2, 2.2, 1.8, 2.1, 1.9), seed=seed) for seed in (1, 2)]
    other = {"implementation": "cps", "revision": 1, "params": {}}
    cps = add_run(results / "runs", shifted(0, 1, 0.5, 0, 0, 0.2, 0.1, 0), method=other)
    return table(row("DMD", 8, ours, {}), row("CPS", 8, [cps], {}), ROW)


@pytest.fixture
def made(results, shown) -> Path:
    output = results / "table3.csv"
    write_table_and_pictures(describe(results, shown), results / "runs", output)
    return output


def test_the_row_has_the_scores_of_the_masks_and_nothing_of_a_training(made):
    *_, ours, _, guest = read_csv(made)
    assert (guest["label"], guest["dice_mean"], guest["runs"]) == (MARKED, "86.5", GUEST.id)
    assert (ours["unlabelled"], ours["seeds"], ours["draws"], ours["selection"]) == ("72", "2", "1", "last")
    assert [guest[name] for name in ("unlabelled", "seeds", "draws", "selection", "dice_sd")] == [""] * 5
    assert (guest["dataset"], guest["data"], guest["labelled"], guest["cases"]) == ("la", "la", "8", "8")


def test_its_mark_stands_in_every_file_of_the_table(made):
    for ending in (".md", ".tex", ".comparison.csv", ".ranks.csv", ".claims.csv"):
        assert MARKED in made.with_suffix(ending).read_text(), ending
    assert "Not trained here: masks made elsewhere" in made.with_suffix(".md").read_text()
    assert "Not trained here" not in "".join(made.with_suffix(".learning.csv").read_text())
    lines = made.with_suffix(".md").read_text().splitlines()
    (guest,) = [line for line in lines if MARKED in line.replace("\\", "")]
    assert [cell.strip() for cell in guest.split("|")[2:3]] == [ABSENT]  # seeds, of which DMD has two


def test_it_is_compared_with_dmd_and_ranked_as_a_row_without_runs(made):
    (line,) = [
        line
        for line in read_csv(made.with_suffix(".comparison.csv"))
        if (line["label"], line["metric"], line["post_processing"]) == (MARKED, "dice", "none")
    ]
    assert (line["runs"], line["reference_runs"]) == ("0", "2")
    assert 0 < float(line["p_runs"]) < 1  # DMD has two
    assert float(line["difference"]) == pytest.approx(1, abs=0.2)
    ranks = {of["label"]: of["rank"] for of in read_csv(made.with_suffix(".ranks.csv")) if of["metric"] == "dice"}
    assert ranks == {MARKED: "1.0", "DMD": "2.0", "CPS": "3.0"}


def test_the_page_shows_it_and_none_of_it_among_the_runs(results, shown, made):
    page = results / "report.html"
    write_page([shown], results, page)
    text = page.read_text()
    assert MARKED in text
    assert f'id="{GUEST.id}"' not in text
    assert f"#{GUEST.id}" not in text


def test_a_guest_that_is_not_measured_is_missing_on_the_page_and_an_error_in_the_table(results, shown):
    folder = results / "guests" / GUEST.id
    for path in folder.iterdir():
        path.unlink()
    write_page([shown], results, results / "report.html")
    assert "1 of 3 rows is incomplete" in (results / "report.html").read_text()
    with pytest.raises(InputError, match=r"expected scores of masks made elsewhere .* `dmd evaluate`"):
        write_table_and_pictures(describe(results, shown), results / "runs", results / "table3.csv")


def test_a_table_without_guests_has_the_description_it_had(shown):
    """Another digest would make every table and panel again."""
    from dmd.planning.describe import describe_artefact
    from dmd.planning.identity import canonical

    assert '"guest"' in canonical(describe_artefact(shown))
    assert "guest" not in canonical(describe_artefact(table(*shown.rows[:-1])))


def test_scores_of_other_cases_are_refused(results, shown):
    folder = GuestFolder(results / "guests" / GUEST.id)
    text = folder.cases.read_text().replace("\nh,h,", "\nz,z,")
    folder.write(GUEST, ["background", "left atrium"], {}, text)
    assert checksum(folder.cases)
    with pytest.raises(InputError, match="only one of the two has"):
        write_table_and_pictures(describe(results, shown), results / "runs", results / "table3.csv")
