import math

import pandas as pd
import pytest
from records import vouch_for

from dmd.errors import InputError
from dmd.report import cases
from dmd.report.scores import PLAIN, read
from dmd.report.statistics import average
from dmd.report.tested import ReadOnce, read_run, read_runs
from dmd.testing.evaluation import COLUMNS, POST_PROCESSING

from .made import NOTHING, TRAINING, add_run, line, row, table

ONE_SEED = [line("a", 1, 0.9, 0.8, 6.0, 1.5), line("b", 1, 0.8, 0.7, 9.0, 2.5)]


def plain(run) -> pd.Series:
    """Return the mean scores of a run without post-processing."""
    return average(read_run(run).lines, ["post_processing"]).loc["none"]


def test_a_run_is_averaged_over_cases_and_then_over_classes(tmp_path):
    lines = [
        *(line("a", 1, 0.9, 0.8, 2.0, 1.0), line("a", 2, 0.6, 0.5, 4.0, 3.0)),
        *(line("b", 1, 0.7, 0.6, 4.0, 2.0), line("b", 2, 0.0, 0.0, "", "") | NOTHING),
    ]
    found = plain(add_run(tmp_path, lines, classes=3))
    # Dice: ((0.9 + 0.7) / 2 + (0.6 + 0) / 2) / 2; HD95: ((2 + 4) / 2 + 4) / 2, without the empty prediction.
    assert found[["dice", "jaccard", "hd95_voxel", "asd_voxel"]].tolist() == pytest.approx([55, 47.5, 3.5, 2.25])
    assert math.isnan(found["hd95_mm"])


def test_a_class_that_is_never_predicted_leaves_no_distance(tmp_path):
    lines = [line("a", 1, 0.9, 0.8, 2.0, 1.0), line("a", 2, 0, 0, "", "") | NOTHING]
    found = plain(add_run(tmp_path, lines, classes=3))
    assert found["dice"] == pytest.approx(45)
    assert math.isnan(found["hd95_voxel"])


def test_names_of_cases_stay_text(tmp_path):
    names = ["NA", "1E5", "007", "nan"]
    lines = read_run(add_run(tmp_path, [line(name, 1, 0.9, 0.8, 1.0, 1.0) for name in names])).lines
    assert lines["case"].tolist() == names * 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "No columns"),
        ("case,dice\na,0.9\n", "columns expected but not found: .*patient"),
        (",".join(COLUMNS) + "\n", "no case at all"),
        (",".join(COLUMNS) + "\na,a,1,none,ninety,0,0,0,0,0,1,1,0,,\n", "ninety"),
        (",".join(COLUMNS) + "\na,a,2,none,0.9,0,0,0,0,0,1,1,0,,\n", "each of the classes \\[1\\] once"),
        (",".join(COLUMNS) + "\na,a,1,none,0.9,0,0,0,0,0,1,1,0,,\n", r"\[\('a', 1, 'largest_component'\)\]"),
        (",".join(COLUMNS) + 2 * "\na,a,1,none,0.9,0,0,0,0,0,1,1,0,,", r"\('a', 1, 'none'\)"),
        (
            ",".join(COLUMNS) + "".join(f"\na,a,1,{how},0.9,0,,0,,,1,1,0,," for how in POST_PROCESSING),
            "found gaps for a",
        ),
        ("no scores, but text\nof two lines", "columns expected but not found"),
        (",".join(COLUMNS) + "\nH\xe9l\xe8ne,a,1,none,0.9,0,0,0,0,0,1,1,0,,", "'utf-8' codec can't decode"),
    ],
    ids=[
        "empty",
        "columns",
        "no line",
        "word",
        "other class",
        "one post-processing",
        "twice",
        "gap",
        "text",
        "Latin-1",
    ],
)
def test_test_scores_that_are_not_whole_are_refused(tmp_path, text, message):
    run = add_run(tmp_path, ONE_SEED)
    run.cases.write_text(text, encoding="latin-1")
    vouch_for(run)
    others = [add_run(tmp_path, ONE_SEED, seed=seed) for seed in (2, 3)]
    for together in ([run], [others[0], run, others[1]]):
        with pytest.raises(InputError, match=message) as refused:
            read_runs(together)
        assert run.id in str(refused.value)


def test_runs_read_together_are_what_each_is_alone(tmp_path):
    cases = ONE_SEED, ONE_SEED[:1], [*ONE_SEED, line("NA", 1, 0, 0, "", "") | NOTHING]
    runs = [add_run(tmp_path, of, seed=seed) for seed, of in enumerate(cases)]
    for run, found in zip(runs, read_runs(runs).values(), strict=True):
        pd.testing.assert_frame_equal(found.lines, read_run(run).lines)


def test_a_file_is_read_once_however_many_rows_and_artefacts_show_the_run(tmp_path, monkeypatch):
    run, other = add_run(tmp_path, ONE_SEED), add_run(tmp_path, ONE_SEED, seed=2)
    artefact = table(row("A", 8, [run, other], {}), row("B", 8, [run], {}))
    read_files, together = [], cases.read_together
    monkeypatch.setattr(cases, "read_together", lambda files, **how: read_files.extend(files) or together(files, **how))
    load = ReadOnce(tmp_path)
    for scores in (read(artefact, load), read(artefact, load)):
        scores.summary(), scores.by_case()
    assert read_files == [run.cases, other.cases]


def test_the_frame_knows_row_run_and_how_empty_predictions_count(tmp_path):
    run = add_run(tmp_path, [*ONE_SEED, line("c", 1, 0, 0, "", "") | NOTHING])
    rows = row("A", 8, [], {}), row("B", 8, [run], {})
    for empty, distance in (("no_distance", math.nan), ("as_published", 0), ("penalised", 50)):
        lines = read(table(*rows, empty=empty), ReadOnce(tmp_path)).lines.query(PLAIN)
        assert lines[["row", "run"]].drop_duplicates().to_numpy().tolist() == [[1, run.id]]
        assert lines["hd95_voxel"].tolist() == pytest.approx([6, 9, distance], nan_ok=True)
    assert read_run(run).lines["hd95_voxel"].isna().any()


def test_runs_tested_on_different_cases_are_refused(tmp_path):
    whole, cut = add_run(tmp_path, ONE_SEED, seed=1), add_run(tmp_path, ONE_SEED[:1], seed=2)
    artefact = table(row("Nothing yet", 8, [], {}), row("A", 8, [whole], {}), row("B", 8, [cut], {}))
    with pytest.raises(InputError, match=f"{cut.id}/cases.csv: expected the 2 test cases of run '{whole.id}'"):
        read(artefact, ReadOnce(tmp_path))


@pytest.mark.parametrize("change", [{"iterations": 10}, {"selection": "oracle"}])
def test_runs_of_a_row_that_differ_in_more_than_the_seed_are_refused(tmp_path, change):
    runs = [add_run(tmp_path, ONE_SEED, seed=1), add_run(tmp_path, ONE_SEED, seed=2, **change)]
    with pytest.raises(InputError, match="differ in seed or draw and nothing else"):
        read(table(row("A", 8, runs, {})), ReadOnce(tmp_path))


def test_a_run_does_not_count_as_two_seeds(tmp_path):
    run = add_run(tmp_path, ONE_SEED, **TRAINING)
    with pytest.raises(InputError, match="differ in seed or draw and nothing else"):
        read(table(row("A", 8, [run, run], {})), ReadOnce(tmp_path))


def test_replicates_are_runs_and_of_several_draws_the_draws(tmp_path):
    """Two seeds of each of two draws: what a draw does to both is there once."""
    shift = {(0, 1): 0.0, (0, 2): 0.02, (3, 1): -0.1, (3, 2): -0.08}
    runs = [
        add_run(tmp_path, [line("a", 1, 0.9 + by, 0.8, 6, 1)], seed=seed, draw=draw)
        for (draw, seed), by in shift.items()
    ]
    found = read(table(row("A", 8, runs, {}), row("B", 8, runs[1::-1], {})), ReadOnce(tmp_path))
    assert found.patients("none", 0, "dice").loc["a"].to_dict() == pytest.approx({0: 91, 3: 81})
    assert found.patients("none", 1, "dice").loc["a"].to_dict() == pytest.approx({0: 92, 1: 90})
