import csv
import dataclasses
import json
import math
from pathlib import Path

import pytest

from dmd.errors import InputError
from dmd.planning import describe, identity, plan
from dmd.report.scores import summarise
from dmd.report.tables import write_table
from dmd.runs.folder import RunFolder
from dmd.testing.evaluation import COLUMNS

SPEC = {
    "dataset": {"name": "la", "revision": 1, "downsample": [1, 1, 1], "split": "ab12"},
    "classes": 2,
    "labelled": 8,
    "method": {"implementation": "dmd"},
    "patch": [112, 112, 80],
    "iterations": 6000,
    "reference_iterations": 6000,
    "selection": "last",
    "seed": 1,
}
MADE_UP = {"hd95_mm": "", "asd_mm": "", "predicted_voxels": 9, "reference_voxels": 9, "empty_prediction": 0}


def line(case, index, dice, jaccard, hd95, asd, **other) -> dict:
    scores = {"dice": dice, "jaccard": jaccard, "hd95_voxel": hd95, "asd_voxel": asd}
    fixed = {"case": case, "patient": case, "class": index, "post_processing": "none"}
    return fixed | scores | MADE_UP | other


def write_cases(path: Path, lines: list[dict]) -> None:
    """Write test scores; the largest component scores as the whole does where a test says nothing else."""
    if all(entry["post_processing"] == "none" for entry in lines):
        lines = lines + [entry | {"post_processing": "largest_component"} for entry in lines]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(lines)


def add_run(runs: Path, lines: list[dict], **settings) -> RunFolder:
    spec = SPEC | settings
    run = RunFolder(runs / identity.run_id(spec))
    run.write_spec(spec)
    write_cases(run.cases, lines)
    return run


def describe(
    folder: Path, rows: list[tuple[str, int, list[RunFolder], dict]], scale="paper", empty=None, **changes
) -> Path:
    artefact = plan.Artefact(
        name="table3",
        scale=scale,
        kind="table",
        caption="Left atrium, 8 of 80 scans labelled.",
        columns=("dice", "hd95_voxel"),
        rows=tuple(row(label, labelled, used, paper, **changes) for label, labelled, used, paper in rows),
        empty=empty,
    )
    path = folder / "table3.json"
    path.write_text(json.dumps(dataclasses.asdict(artefact)))
    return path


def row(label: str, labelled: int, used: list[RunFolder], paper: dict, **changes) -> plan.Row:
    """Return a row of a table; its method is its label in small letters."""
    settings = {
        "method": label.lower(),
        "label": label,
        "reconstructed": False,
        "dataset": "la",
        "labelled": labelled,
        "unlabelled": 80 - labelled,
        "params": {},
        "runs": tuple(run.id for run in used),
        "paper": paper,
    }
    return plan.Row(**settings | changes)


def read_csv(path: Path) -> list[dict]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


ONE_SEED = [line("a", 1, 0.9, 0.8, 6.0, 1.5), line("b", 1, 0.8, 0.7, 9.0, 2.5)]
OTHER_SEED = [line("a", 1, 0.88, 0.78, 5.0, 1.5), line("b", 1, 0.88, 0.78, 5.0, 1.5)]


def test_a_run_is_averaged_over_cases_and_then_over_classes(tmp_path):
    run = add_run(
        tmp_path,
        [
            line("a", 1, 0.9, 0.8, 2.0, 1.0),
            line("a", 2, 0.6, 0.5, 4.0, 3.0),
            line("b", 1, 0.7, 0.6, 4.0, 2.0),
            line("b", 2, 0.0, 0.0, "", "", empty_prediction=1),
        ],
        classes=3,
    )
    summary = summarise(run)
    # Dice: ((0.9 + 0.7) / 2 + (0.6 + 0) / 2) / 2; HD95: ((2 + 4) / 2 + 4) / 2, without the empty prediction.
    assert summary.scores["dice"] == pytest.approx(55)
    assert summary.scores["jaccard"] == pytest.approx(47.5)
    assert summary.scores["hd95_voxel"] == pytest.approx(3.5)
    assert summary.scores["asd_voxel"] == pytest.approx(2.25)
    assert math.isnan(summary.scores["hd95_mm"])
    assert (summary.cases, summary.empty_predictions) == ({"a", "b"}, 1)


def test_a_class_that_is_never_predicted_leaves_no_distance(tmp_path):
    run = add_run(
        tmp_path,
        [line("a", 1, 0.9, 0.8, 2.0, 1.0), line("a", 2, 0, 0, "", "", empty_prediction=1)],
        classes=3,
    )
    assert summarise(run).scores["dice"] == pytest.approx(45)
    assert math.isnan(summarise(run).scores["hd95_voxel"])


def test_post_processed_lines_do_not_count(tmp_path):
    processed = [line("a", 1, 1.0, 1.0, 0.0, 0.0, post_processing="largest_component")]
    assert summarise(add_run(tmp_path, ONE_SEED + processed)).scores["dice"] == pytest.approx(85)


def test_names_of_cases_stay_text(tmp_path):
    lines = [line(name, 1, 0.9, 0.8, 1.0, 1.0) for name in ("NA", "1E5", "007", "nan")]
    assert summarise(add_run(tmp_path, lines)).cases == {"NA", "1E5", "007", "nan"}


def test_two_seeds_have_a_mean_and_a_sample_deviation(tmp_path):
    runs = [add_run(tmp_path, ONE_SEED, seed=1), add_run(tmp_path, OTHER_SEED, seed=2)]
    write_table(describe(tmp_path, [("DMD", 8, runs, {"dice": 89.7})]), tmp_path, tmp_path / "out" / "table3.csv")
    # Dice 85 and 88: mean 86.5, deviation sqrt(1.5^2 + 1.5^2) / sqrt(2 - 1) = 2.1213; HD95 7.5 and 5.
    assert read_csv(tmp_path / "out" / "table3.csv") == [
        {
            "method": "dmd",
            "label": "DMD",
            "reconstructed": "False",
            "params": "",
            "dataset": "la",
            "data": "la",
            "labelled": "8",
            "unlabelled": "72",
            "selection": "last",
            "seeds": "2",
            "cases": "2",
            "empty_predictions": "0",
            "empty": "no_distance",
            "dice_mean": "86.5",
            "dice_sd": "2.1213",
            "dice_paper": "89.7",
            "hd95_voxel_mean": "6.25",
            "hd95_voxel_sd": "1.7678",
            "hd95_voxel_paper": "",
            "dice_largest_component_mean": "86.5",
            "dice_largest_component_sd": "2.1213",
            "hd95_voxel_largest_component_mean": "6.25",
            "hd95_voxel_largest_component_sd": "1.7678",
            "runs": f"{runs[0].id} {runs[1].id}",
        }
    ]


def test_one_seed_has_no_deviation(tmp_path):
    run = add_run(tmp_path, ONE_SEED)
    write_table(describe(tmp_path, [("DMD", 8, [run], {})]), tmp_path, tmp_path / "t.csv")
    assert [(row["dice_mean"], row["dice_sd"]) for row in read_csv(tmp_path / "t.csv")] == [("85.0", "")]


def test_the_markdown_table_is_this(tmp_path):
    seeds = [add_run(tmp_path, ONE_SEED, seed=1), add_run(tmp_path, OTHER_SEED, seed=2)]
    nothing = [line(case, 1, 0.0, 0.0, "", "", empty_prediction=1) for case in "ab"]
    empty = add_run(tmp_path, nothing, labelled=16)
    rows = [("A|B", 8, seeds, {"dice": 89.7, "hd95_voxel": 6.88}), ("DMD", 16, [empty], {})]
    write_table(describe(tmp_path, rows), tmp_path, tmp_path / "t.csv")
    assert (tmp_path / "t.md").read_text() == (
        "Scale 'paper'. Left atrium, 8 of 80 scans labelled.\n"
        "\n"
        "| Method | Labelled | Unlabelled | Seeds | Empty | Dice (%) [paper] | HD95 (voxel) [paper] | Dice (%), LC "
        "| HD95 (voxel), LC |\n"
        "| :-- | --: | --: | --: | --: | --: | --: | --: | --: |\n"
        "| A\\|B | 8 | 72 | 2 | 0 | 86.50 ± 2.12 [89.70] | 6.25 ± 1.77 [6.88] | 86.50 ± 2.12 | 6.25 ± 1.77 |\n"
        "| DMD | 16 | 64 | 1 | 2 | 0.00 | - | 0.00 | - |\n"
        "\n"
        "Not decided: no method here shares its data set and budget with a row of DMD, or the table does not show "
        "Dice.\n"
        "\n"
        "In every row: data la. Mean ± standard deviation over seeds where there are several. Weights tested: la: last "
        "iteration. LC: only the largest connected component of each class kept; all else is without post-processing. "
        "Labelled and unlabelled: patients learnt from. A voxel is one of the data trained on. Empty: predictions "
        "without a voxel, over all seeds; they count with Dice 0 and are left out of the distances.\n"
    )


def test_what_all_rows_share_is_said_once(tmp_path):
    runs = [add_run(tmp_path, ONE_SEED)]
    write_table(describe(tmp_path, [("A", 8, runs, {}), ("B", 8, runs, {})]), tmp_path, tmp_path / "t.csv")
    text = (tmp_path / "t.md").read_text()
    assert "| Method | Dice (%) [paper] |" in text
    assert "In every row: data la, labelled 8, unlabelled 72, seeds 1, empty 0." in text


def test_the_largest_component_is_a_group_of_its_own(tmp_path):
    kept = [line(case, 1, 0.95, 0.9, 2.0, 1.0, post_processing="largest_component") for case in "ab"]
    run = add_run(tmp_path, ONE_SEED + kept)
    write_table(describe(tmp_path, [("DMD", 8, [run], {"dice": 89.7})]), tmp_path, tmp_path / "t.csv")
    assert "| DMD | 85.00 [89.70] | 7.50 | 95.00 | 2.00 |" in (tmp_path / "t.md").read_text()
    assert read_csv(tmp_path / "t.csv")[0]["hd95_voxel_largest_component_mean"] == "2.0"


EMPTY = [
    line("a", 1, 0.9, 0.8, 6.0, 1.5, diagonal_voxel=50, diagonal_mm=""),
    line("b", 1, 0.0, 0.0, "", "", empty_prediction=1, predicted_voxels=0, diagonal_voxel=50, diagonal_mm=""),
]


@pytest.mark.parametrize(
    ("empty", "hd95", "said"),
    [
        (None, "6.0", "they count with Dice 0 and are left out of the distances."),
        ("as_published", "3.0", "all scores 0, the distances too, as in released test scripts (as_published)"),
        ("penalised", "28.0", "Dice 0 and the diagonal of the volume as distance (penalised)."),
    ],
)
def test_empty_predictions_count_as_the_table_says(tmp_path, empty, hd95, said):
    run = add_run(tmp_path, EMPTY)
    write_table(describe(tmp_path, [("DMD", 8, [run], {})], empty=empty), tmp_path, tmp_path / "t.csv")
    (found,) = read_csv(tmp_path / "t.csv")
    assert (found["dice_mean"], found["hd95_voxel_mean"], found["empty_predictions"]) == ("45.0", hd95, "1")
    assert found["empty"] == (empty or "no_distance")
    assert said in (tmp_path / "t.md").read_text()


def test_scores_without_the_size_of_the_volume_cannot_be_penalised(tmp_path):
    run = add_run(tmp_path, ONE_SEED)
    header, *body = run.cases.read_text().splitlines()
    assert header.endswith(",diagonal_voxel,diagonal_mm")
    run.cases.write_text("\n".join([header.removesuffix(",diagonal_voxel,diagonal_mm"), *(row[:-2] for row in body)]))
    assert summarise(run).scores["dice"] == pytest.approx(85)
    with pytest.raises(InputError, match=r"diagonals .* for `empty: penalised`, found no such columns"):
        summarise(run, empty="penalised")


def test_a_scale_that_is_not_the_papers_says_so(tmp_path):
    reduced = SPEC["dataset"] | {"downsample": [2, 2, 2]}
    run = add_run(tmp_path, ONE_SEED, dataset=reduced, patch=[64, 64, 32], iterations=600)
    description = describe(tmp_path, [("DMD", 8, [run], {})], scale="half")
    write_table(description, tmp_path, tmp_path / "t.csv")
    trained = "la downsampled by 2x2x2, patch 64x64x32, 600 of 6000 iterations"
    said = f"Not the paper's setting: scale 'half' ({trained})."
    assert (tmp_path / "t.md").read_text().startswith(said)
    assert said in (tmp_path / "t.tex").read_text()


def test_hyper_parameters_of_a_row_stand_beside_its_label(tmp_path):
    run = add_run(tmp_path, ONE_SEED)
    params = {"temperature": 1.8, "divergence": "kl"}
    write_table(describe(tmp_path, [("DMD", 8, [run], {})], params=params), tmp_path, tmp_path / "t.csv")
    assert "| DMD (temperature=1.8 divergence=kl) |" in (tmp_path / "t.md").read_text()
    assert read_csv(tmp_path / "t.csv")[0]["params"] == "temperature=1.8 divergence=kl"


def test_latex_is_a_booktabs_table_with_signs_escaped(tmp_path):
    seeds = [add_run(tmp_path, ONE_SEED, seed=1), add_run(tmp_path, OTHER_SEED, seed=2)]
    write_table(describe(tmp_path, [("A&B_1", 8, seeds, {"dice": 89.7})]), tmp_path, tmp_path / "t.csv")
    lines = (tmp_path / "t.tex").read_text().splitlines()
    start = lines.index(r"  \begin{tabular}{lrrrr}")
    assert lines[start:-3] == [
        r"  \begin{tabular}{lrrrr}",
        r"    \toprule",
        r"    & \multicolumn{2}{c}{No post-processing} & \multicolumn{2}{c}{Largest component} \\",
        r"    \cmidrule(lr){2-3} \cmidrule(lr){4-5}",
        r"    Method & Dice (\%) [paper] & HD95 (voxel) [paper] & Dice (\%) & HD95 (voxel) \\",
        r"    \midrule",
        r"    A\&B\_1 & 86.50 $\pm$ 2.12 [89.70] & 6.25 $\pm$ 1.77 & 86.50 $\pm$ 2.12 & 6.25 $\pm$ 1.77 \\",
        r"    \bottomrule",
        r"  \end{tabular}}",
    ]
    assert lines[-2].startswith(r"  \par\smallskip\raggedright\footnotesize In every row: data la, labelled 8,")


def test_a_run_without_test_scores_is_named_and_no_table_is_written(tmp_path):
    run = add_run(tmp_path, ONE_SEED)
    run.cases.unlink()
    with pytest.raises(InputError, match=f"{run.id}/cases.csv, found no file"):
        write_table(describe(tmp_path, [("DMD", 8, [run], {})]), tmp_path, tmp_path / "t.csv")
    assert not (tmp_path / "t.csv").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "No columns"),
        ("case,dice\na,0.9\n", "no column patient, class, post_processing, jaccard"),
        (",".join(COLUMNS) + "\n", "no case at all"),
        (",".join(COLUMNS) + "\na,a,1,none,ninety,0,0,0,0,0,1,1,0\n", "ninety"),
        (",".join(COLUMNS) + "\na,a,2,none,0.9,0,0,0,0,0,1,1,0\n", "each of the classes \\[1\\] once"),
        (",".join(COLUMNS) + 2 * "\na,a,1,none,0.9,0,0,0,0,0,1,1,0" + "\n", "\\[\\('a', 1\\)\\]"),
    ],
    ids=["empty", "columns", "no line", "word", "other class", "twice"],
)
def test_test_scores_that_are_not_whole_are_refused(tmp_path, text, message):
    run = add_run(tmp_path, ONE_SEED)
    run.cases.write_text(text)
    with pytest.raises(InputError, match=message) as refused:
        summarise(run)
    assert run.id in str(refused.value)


def test_runs_tested_on_different_cases_are_refused(tmp_path):
    whole, cut = add_run(tmp_path, ONE_SEED, seed=1), add_run(tmp_path, ONE_SEED[:1], seed=2)
    description = describe(tmp_path, [("A", 8, [whole], {}), ("B", 8, [cut], {})])
    with pytest.raises(InputError, match=f"{cut.id}/cases.csv: expected the 2 test cases of run '{whole.id}'"):
        write_table(description, tmp_path, tmp_path / "t.csv")


def test_runs_of_a_row_that_differ_in_more_than_the_seed_are_refused(tmp_path):
    runs = [add_run(tmp_path, ONE_SEED, seed=1), add_run(tmp_path, ONE_SEED, seed=2, iterations=10)]
    with pytest.raises(InputError, match="differ in the seed and nothing else"):
        write_table(describe(tmp_path, [("A", 8, runs, {})]), tmp_path, tmp_path / "t.csv")


def test_a_run_does_not_count_as_two_seeds(tmp_path):
    run = add_run(tmp_path, ONE_SEED, seed=1)
    with pytest.raises(InputError, match="differ in the seed and nothing else"):
        write_table(describe(tmp_path, [("A", 8, [run, run], {})]), tmp_path, tmp_path / "t.csv")


def test_a_planned_artefact_can_be_read(tmp_path, root, content):
    from dmd.planning import config

    planned = plan.make(config.check(content), root).artefacts["smoke/table3"]
    path = tmp_path / "table3.json"
    path.write_text(json.dumps(describe.describe_artefact(planned)))
    with pytest.raises(InputError, match=f"{planned.runs[0]}/spec.json, found no file"):
        write_table(path, tmp_path, tmp_path / "t.csv")


@pytest.mark.parametrize("text", ["{", "[]", '{"rows": []}', '{"rows": [{"runs": []}], "columns": []}'])
def test_a_file_that_describes_no_table_is_refused(tmp_path, text):
    path = tmp_path / "table3.json"
    path.write_text(text)
    with pytest.raises(InputError, match="expected the description of a table at"):
        write_table(path, tmp_path, tmp_path / "t.csv")


def test_an_output_of_another_kind_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"ends in \.csv"):
        write_table(tmp_path / "table3.json", tmp_path, tmp_path / "t.md")


def test_a_table_says_which_weights_were_tested_on_each_data(tmp_path):
    volumes = add_run(tmp_path, ONE_SEED)
    stacks = add_run(
        tmp_path, ONE_SEED, dataset=SPEC["dataset"] | {"name": "acdc"}, selection="validation", validate_every=200
    )
    oracle = add_run(tmp_path, ONE_SEED, selection="oracle", validate_every=50)
    rows = [("A", 8, [volumes], {}), ("B", 3, [stacks], {}), ("C", 8, [oracle], {})]
    write_table(describe(tmp_path, rows), tmp_path, tmp_path / "t.csv")
    assert (
        "Weights tested: la: last iteration; acdc: best mean Dice on the validation patients, looked at every 200 "
        "iterations; la: best mean Dice on the TEST patients (oracle), looked at every 50 iterations. LC"
        in (tmp_path / "t.md").read_text()
    )
    assert [row["selection"] for row in read_csv(tmp_path / "t.csv")] == ["last", "validation", "oracle"]


def test_a_reconstruction_is_marked_and_explained(tmp_path):
    runs = [add_run(tmp_path, ONE_SEED)]
    write_table(describe(tmp_path, [("DAP", 8, runs, {})], reconstructed=True), tmp_path, tmp_path / "table3.csv")
    text = (tmp_path / "table3.md").read_text()
    assert "| DAP* |" in text
    assert "* Reconstruction: neither code nor all settings" in text
    write_table(describe(tmp_path, [("DMD", 8, runs, {})]), tmp_path, tmp_path / "table3.csv")
    assert "*" not in (tmp_path / "table3.md").read_text()
