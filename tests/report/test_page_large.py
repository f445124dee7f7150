"""A page of many runs stays small, and says what it leaves out."""

from dataclasses import replace

import pytest

from dmd.report import beside
from dmd.report.page import write
from dmd.report.page.write import evaluated, write_page

from .made import describe


@pytest.fixture
def table3(planned):
    return planned.artefacts["smoke/table3"]


def page(table3, results, tmp_path) -> str:
    write_page([table3], results, tmp_path / "report.html")
    return (tmp_path / "report.html").read_text()


def test_of_as_many_runs_and_rows_as_there_may_be_all_is_drawn(table3, results, tmp_path, monkeypatch):
    monkeypatch.setattr(write, "MOST_CURVES", 4)  # three are evaluated, one trains
    monkeypatch.setattr(write, "MOST_ROWS", 3)
    text = page(table3, results, tmp_path)
    assert "Left out" not in text
    assert "are left out" not in text
    assert text.count('alt="Training of ') == 4


def test_of_more_runs_no_history_is_read_and_no_curve_drawn(table3, results, tmp_path, monkeypatch):
    monkeypatch.setattr(write, "MOST_CURVES", 3)
    monkeypatch.setattr("dmd.report.page.runs.read_history", None)
    text = page(table3, results, tmp_path)
    assert "Training curves are left out, as there are more than 3 runs: <code>dmd show RUN</code>" in text
    assert 'alt="Training of ' not in text
    assert text.count("Settings and commands") == 4, "every number still leads to its run"


def test_of_more_rows_there_are_numbers_and_no_pictures(table3, results, tmp_path, monkeypatch):
    monkeypatch.setattr(write, "MOST_CURVES", 0)
    monkeypatch.setattr(write, "MOST_ROWS", 2)
    for name in ("noise_pictures", "claim_tables", "distributions"):
        monkeypatch.setattr(write, name, None)
    text = page(table3, results, tmp_path)
    assert "data:image" not in text
    assert "Left out, as it has more than 2 rows" in text
    assert "beside <code>results/smoke/table3.csv" in text
    assert "Left out, as the tables have more than 2 rows" in text
    assert 'id="table3-scores"' in text


def test_rows_that_two_tables_share_are_counted_once(table3, results, tmp_path, monkeypatch):
    monkeypatch.setattr(write, "MOST_ROWS", 3)
    write_page([table3, replace(table3, name="smoke/again")], results, tmp_path / "report.html")
    assert "Left out" not in (tmp_path / "report.html").read_text()


def test_beside_a_long_table_pictures_say_that_they_are_left_out(planned, results, tmp_path, monkeypatch):
    table = evaluated(planned.artefacts["smoke/table3"], results)
    path = describe(tmp_path, replace(table, rows=table.rows[:3]))
    monkeypatch.setattr(beside, "MOST_ROWS", 2)
    for name in ("forest_plot", "rank_plot", "draw"):
        monkeypatch.setattr(beside, name, None)
    beside.write_table_and_pictures(path, results / "runs", tmp_path / "table.csv")
    for name in ("forest", "ranks", "learning"):
        assert "Left out, as the table has more than 2 rows" in (tmp_path / f"table.{name}.caption.txt").read_text()
        assert (tmp_path / f"table.{name}.png").exists()
    assert (tmp_path / "table.claims.csv").read_text().count("\n") > 1
