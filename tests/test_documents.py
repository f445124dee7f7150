"""The documentation: every relative link leads somewhere, and the README shows the table that was measured."""

import csv
import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from dmd import config, plan

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "results/README.md", *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / unquote(link)).exists()]
    assert not missing


def test_the_artefact_of_another_treatment_shares_the_runs_of_its_table(root, tmp_path):
    mine = re.search(r"```yaml\n(.*?)```", (root / "docs/statistics.md").read_text(encoding="utf-8"), re.DOTALL)[1]
    (tmp_path / "mine.yaml").write_text(mine)
    planned = plan.make(config.check(config.read(root / "config", tmp_path / "mine.yaml")), root)
    theirs, ours = (planned.artefacts[f"half/{name}"] for name in ("table3", "table3_penalised"))
    assert ours.empty == "penalised"
    assert ours.runs == theirs.runs


def test_the_readme_shows_the_committed_table(root):
    table = (root / "docs/results/half/table3.md").read_text(encoding="utf-8")
    lines = [line for line in table.splitlines() if line.startswith("|")]
    assert "\n".join(lines) in (root / "README.md").read_text(encoding="utf-8")
    assert table.startswith("Not the paper's setting: scale 'half'")


def test_the_committed_cases_average_to_the_committed_table(root):
    """Every number of the table can be made again from the per-case scores beside it."""
    folder = root / "docs/results/half"
    rows = list(csv.DictReader((folder / "table3.csv").open(encoding="utf-8", newline="")))
    assert [row["method"] for row in rows] == ["supervised", "cps", "mcnet", "dml", "dmd"]
    for row in rows:
        (run,) = row["runs"].split()
        cases = list(csv.DictReader((folder / "runs" / run / "cases.csv").open(encoding="utf-8", newline="")))
        dice = [float(case["dice"]) for case in cases if case["post_processing"] == "none"]
        assert len(dice) == 20
        assert 100 * sum(dice) / 20 == pytest.approx(float(row["dice_mean"]), abs=1e-3)
