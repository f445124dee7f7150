import re

import pytest
from records import vouch_for

from dmd.errors import InputError
from dmd.planning import config, plan
from dmd.report.tables import ABSENT, ORACLE, write_table

from .made import NOTHING, TRAINING, add_run, describe, line, read_csv, row, table

ONE_SEED = [line("a", 1, 0.9, 0.8, 6.0, 1.5), line("b", 1, 0.8, 0.7, 9.0, 2.5)]
OTHER_SEED = [line("a", 1, 0.88, 0.78, 5.0, 1.5), line("b", 1, 0.88, 0.78, 5.0, 1.5)]


@pytest.fixture
def written(tmp_path):
    """Return a function that makes a table of rows and returns its Markdown; the other files lie beside."""

    def write(*rows: plan.Row, **how) -> str:
        write_table(describe(tmp_path, table(*rows, **how)), tmp_path, tmp_path / "t.csv")
        return (tmp_path / "t.md").read_text()

    return write


def cells(text: str) -> list[list[str]]:
    """Return the heading and the lines of a Markdown table."""
    lines = [re.split(r"(?<!\\)\|", line)[1:-1] for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line] for line in lines if ":--" not in line[0]]


def test_two_seeds_have_a_mean_and_a_sample_deviation(tmp_path, written):
    runs = [add_run(tmp_path, ONE_SEED, seed=1), add_run(tmp_path, OTHER_SEED, seed=2)]
    written(row("DMD", 8, runs, {"dice": 89.7}))
    # Dice 85 and 88: mean 86.5, deviation sqrt(1.5^2 + 1.5^2) / sqrt(2 - 1) = 2.1213; HD95 7.5 and 5.
    assert read_csv(tmp_path / "t.csv") == [
        {
            "method": "dmd",
            "label": "DMD",
            "reconstructed": "False",
            "dataset": "la",
            "labelled": "8",
            "unlabelled": "72",
            "params": "",
            "data": "la",
            "selection": "last",
            "seeds": "2",
            "draws": "1",
            "cases": "2",
            "measured": "4",
            "missed": "0",
            "false_alarms": "0",
            "rightly_empty": "0",
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
            "oracle_gap": "",
            "passes_per_step": "",
            "hours": "",
            "processor_hours": "",
            "peak_memory_mb": "",
            "device": "",
            "runs": f"{runs[0].id} {runs[1].id}",
        }
    ]


def test_draws_are_averaged_as_seeds_are_and_counted_apart(tmp_path, written):
    runs = [add_run(tmp_path, ONE_SEED), add_run(tmp_path, OTHER_SEED, draw=1)]
    text = written(row("DMD", 8, runs, {}))
    (found,) = read_csv(tmp_path / "t.csv")
    assert (found["dice_mean"], found["seeds"], found["draws"]) == ("86.5", "1", "2")
    assert "- Spread: the standard deviation over draws." in text


def test_one_seed_has_no_deviation(tmp_path, written):
    text = written(row("DMD", 8, [add_run(tmp_path, ONE_SEED)], {}))
    assert [(line["dice_mean"], line["dice_sd"]) for line in read_csv(tmp_path / "t.csv")] == [("85.0", "")]
    assert "±" not in text


def test_the_markdown_table_is_this(tmp_path, written):
    seeds = [add_run(tmp_path, ONE_SEED, seed=1), add_run(tmp_path, OTHER_SEED, seed=2)]
    empty = add_run(tmp_path, [line(case, 1, 0, 0, "", "") | NOTHING for case in "ab"], labelled=16)
    text = written(
        row("A", 8, seeds, {"dice": 89.7, "hd95_voxel": 6.88}, reconstructed=True), row("DMD", 16, [empty], {})
    )
    dash, scores = "\N{EN DASH}", ["Dice (%) [paper]", "Dice (%), LC", "HD95 (voxel) [paper]", "HD95 (voxel), LC"]
    assert cells(text) == [
        ["Method", "Labelled", "Unlabelled", "Seeds", "Missed", *scores],
        [r"A\*", "8", "72", "2", "0", "86.50 ± 2.12 [89.70]", "86.50 ± 2.12", "6.25 ± 1.77 [6.88]", "6.25 ± 1.77"],
        ["DMD", "16", "64", "1", "2", "0.00", "0.00", dash, dash],
    ]
    assert text.startswith("Scale 'paper'. Left atrium.\n\n| Method")
    assert text[text.rindex("|") + 1 :] == (
        "\n\n**Nothing is compared here: no data set and budget has both DMD and another evaluated method.**\n\n"
        "- In every row: data la.\n"
        "- Spread: the standard deviation over seeds.\n"
        "- Weights tested: la: the last iteration.\n"
        "- A voxel is one of the data trained on.\n"
        "- Missed: something is there, nothing predicted; false alarms: the reverse; rightly empty: neither; over all "
        "runs. They have no distance; their Dice is 0, rightly empty 1.\n"
        "- \\* Reconstruction: neither code nor all settings are published (docs/deviations.md).\n"
        "- Labelled and unlabelled: patients learnt from.\n"
        "- LC: only the largest connected component of each class is kept.\n"
    )


def test_what_all_rows_share_is_said_once(tmp_path, written):
    one, two = (add_run(tmp_path, ONE_SEED, seed=seed) for seed in (1, 2))
    text = written(row("A", 8, [one], {}), row("B", 8, [two], {}))
    assert cells(text)[0][:2] == ["Method", "Dice (%)"]
    assert "In every row: data la, labelled 8, unlabelled 72, seeds 1." in text


def test_without_numbers_of_the_paper_it_is_not_mentioned(tmp_path, written):
    """Of synthetic scans, data of one's own or methods of one's own."""
    ours, mine = add_run(tmp_path, ONE_SEED, seed=1), add_run(tmp_path, OTHER_SEED, seed=2)
    text = written(row("DMD", 8, [ours], {}), row("Mine", 8, [mine], {}), scale="smoke")
    assert "[paper]" not in text
    assert text.count("paper") == 1
    assert text.startswith("Not the paper's setting: scale 'smoke' (")


def test_a_score_that_the_paper_lacks_is_not_headed_by_it(tmp_path, written):
    text = written(row("DMD", 8, [add_run(tmp_path, ONE_SEED)], {"dice": 89.7}))
    assert cells(text)[0] == ["Method", "Dice (%) [paper]", "Dice (%), LC", "HD95 (voxel)", "HD95 (voxel), LC"]


def test_the_largest_component_stands_beside(tmp_path, written):
    kept = [line(case, 1, 0.95, 0.9, 2.0, 1.0, post_processing="largest_component") for case in "ab"]
    text = written(row("DMD", 8, [add_run(tmp_path, ONE_SEED + kept)], {"dice": 89.7}))
    assert cells(text)[1] == ["DMD", "85.00 [89.70]", "95.00", "7.50", "2.00"]
    assert read_csv(tmp_path / "t.csv")[0]["hd95_voxel_largest_component_mean"] == "2.0"


FOUND, MISSED = line("a", 1, 0.9, 0.8, 6.0, 1.5), line("b", 1, 0, 0, "", "") | NOTHING
ALARM = line("c", 1, 0, 0, "", "") | {"reference_voxels": 0}
RIGHTLY = line("d", 1, 1, 1, "", "") | NOTHING | {"dice": 1, "jaccard": 1, "reference_voxels": 0}


# HD95 of 6 voxels, in volumes with a diagonal of 50.
@pytest.mark.parametrize(
    ("empty", "dice", "hd95", "said"),
    [
        ("no_distance", "47.5", "6.0", "They have no distance; their Dice is 0, rightly empty 1."),
        ("as_published", "22.5", "2.0", r"all scores are 0, .* which flatters \(as\\_published\)"),
        (
            "penalised",
            "47.5",
            "26.5",
            r"the diagonal of the volume and their Dice 0, rightly empty 0 and 1 \(penalised\)",
        ),
    ],
)
def test_empty_masks_count_as_the_table_says(tmp_path, written, empty, dice, hd95, said):
    run = add_run(tmp_path, [FOUND, MISSED, ALARM, RIGHTLY])
    text = written(row("DMD", 8, [run], {}), empty=empty)
    (found,) = read_csv(tmp_path / "t.csv")
    assert (found["dice_mean"], found["hd95_voxel_mean"]) == (dice, hd95)
    assert [found[name] for name in ("measured", "missed", "false_alarms", "rightly_empty", "empty")] == [
        *"1111",
        empty,
    ]
    assert re.search(said, text)


def test_who_predicts_nothing_has_no_distance_however_empty_the_cases_are(tmp_path, written):
    """The other method finds a and b and sees something in c and d, where there is nothing."""
    found = [FOUND | {"case": name, "patient": name} for name in "ab"]
    missed = [MISSED | {"case": name, "patient": name} for name in "ab"]
    alarms, empty = ([kind | {"case": name, "patient": name} for name in "cd"] for kind in (ALARM, RIGHTLY))
    other, nothing = add_run(tmp_path, found + alarms, seed=1), add_run(tmp_path, missed + empty, seed=2)
    assert cells(written(row("A", 8, [other], {}), row("DMD", 8, [nothing], {})))[1:] == [
        ["A", "0", "2", "0", "45.00", "45.00", "6.00", "6.00"],
        ["DMD", "2", "0", "2", "50.00", "50.00", *["\N{EN DASH}"] * 2],
    ]


def test_a_scale_that_is_not_the_papers_says_so(tmp_path, written):
    reduced = TRAINING["dataset"] | {"downsample": [2, 2, 2]}
    run = add_run(tmp_path, ONE_SEED, dataset=reduced, patch=[64, 64, 32], iterations=600)
    text = written(row("DMD", 8, [run], {"dice": 89.7}), scale="half")
    trained = "la downsampled by 2x2x2, patch 64x64x32, 600 of 6000 iterations"
    said = f"Not the paper's setting: scale 'half' ({trained}). The paper's numbers are for orientation"
    assert text.startswith(said)
    assert said in (tmp_path / "t.tex").read_text()


def test_hyper_parameters_of_a_row_stand_beside_its_label(tmp_path, written):
    params = {"temperature": 1.8, "divergence": "kl"}
    text = written(row("DMD", 8, [add_run(tmp_path, ONE_SEED)], {}, params=params))
    assert cells(text)[1][0] == "DMD (temperature=1.8 divergence=kl)"
    assert read_csv(tmp_path / "t.csv")[0]["params"] == "temperature=1.8 divergence=kl"


def test_latex_is_a_booktabs_table_with_signs_escaped(tmp_path, written):
    seeds = [add_run(tmp_path, ONE_SEED, seed=1), add_run(tmp_path, OTHER_SEED, seed=2)]
    written(row("A&B_1", 8, seeds, {"dice": 89.7}))
    lines = (tmp_path / "t.tex").read_text().splitlines()
    assert lines[:3] == [
        r"% Needs \usepackage{booktabs,graphicx}.",
        r"\begin{table}",
        r"\caption{Scale 'paper'. Left atrium.}",
    ]
    start = lines.index(r"\resizebox{\textwidth}{!}{%")
    assert lines[start + 1 : -3] == [
        r"\begin{tabular}{lrrrr}",
        r"\toprule",
        r" & \multicolumn{2}{c}{Dice (\%)} & \multicolumn{2}{c}{HD95 (voxel)} \\",
        r"Method & ours [paper] & LC & ours & LC \\",
        r"\midrule",
        r"A\&B\_1 & 86.50 $\pm$ 2.12 [89.70] & 86.50 $\pm$ 2.12 & 6.25 $\pm$ 1.77 & 6.25 $\pm$ 1.77 \\",
        r"\bottomrule",
        r"\end{tabular}}",
    ]
    assert lines[-3].startswith(r"\par\smallskip\raggedright\footnotesize Nothing is compared")
    assert lines[-2].startswith(r"\par\smallskip\raggedright\footnotesize In every row: data la, labelled 8,")


@pytest.mark.parametrize(
    "label",
    [
        "DMD {v2}",
        "DMD$_{ours}$",
        r"$\nocommand$",
        "a|b *c* <i>d</i> [e](f) `g` \\h",
        "two\n\nlines",
        "100 % & ~^",
        "a_b",
    ],
)
def test_labels_and_captions_are_text(tmp_path, written, label):
    runs = [add_run(tmp_path, ONE_SEED, seed=seed) for seed in (1, 2)]
    rows = row("DMD", 8, runs[:1], {"dice": 89.7}), row(label, 8, runs[1:], {"dice": 80.0})
    text = written(*rows, caption=f"About {label}.")
    shown = " ".join(label.split())
    assert re.sub(r"\\(.)", r"\1", cells(text)[2][0]) == shown
    assert re.sub(r"\\(.)", r"\1", text.splitlines()[0]).endswith(f"About {shown}.")
    assert not re.findall(r"(?<!\\)[$<>`{}]", text.replace("{v2}", "").replace("{ours}", ""))
    latex = (tmp_path / "t.tex").read_text()
    assert latex.count(r" \\" + "\n") == 4
    assert read_csv(tmp_path / "t.csv")[1]["label"] == shown


@pytest.mark.parametrize(("label", "cell"), [("[b]", "{}[b]"), ("*", "{}*"), ("a[b]*", "a[b]*")])
def test_a_line_of_latex_begins_with_nothing_that_belongs_to_the_end_of_the_one_before(tmp_path, written, label, cell):
    r"""``\\[b]`` is a length, and ``\\*`` another command."""
    runs = [add_run(tmp_path, ONE_SEED, seed=seed) for seed in (1, 2)]
    written(row("DMD", 8, runs[:1], {}), row(label, 8, runs[1:], {}))
    assert f"\n{cell} & " in (tmp_path / "t.tex").read_text()


def test_data_are_named_as_they_are_called(tmp_path, written):
    """Markdown took the lines below a name for emphasis."""
    names = ("_la_", "acdc")
    runs = [add_run(tmp_path, ONE_SEED, dataset=TRAINING["dataset"] | {"name": name}) for name in names]
    text = written(*(row("DMD", 8, [run], {}) for run in runs))
    assert [line[1] for line in cells(text)] == ["Data", r"\_la\_", "acdc"]


def test_a_run_without_test_scores_is_named_and_no_table_is_written(tmp_path, written):
    run = add_run(tmp_path, ONE_SEED)
    run.cases.unlink()
    with pytest.raises(InputError, match=rf"{run.id}/cases\.csv, found no file"):
        written(row("DMD", 8, [run], {}))
    assert not (tmp_path / "t.csv").exists()


def test_a_planned_artefact_can_be_read(tmp_path, root, content):
    planned = plan.make(config.check(content), root).artefacts["smoke/table3"]
    with pytest.raises(InputError, match=f"{planned.runs[0]}/spec.json, found no file"):
        write_table(describe(tmp_path, planned), tmp_path, tmp_path / "t.csv")


def test_an_output_of_another_kind_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"ends in \.csv"):
        write_table(tmp_path / "table3.json", tmp_path, tmp_path / "t.md")


def test_a_table_says_which_weights_were_tested_on_each_data(tmp_path, written):
    stacks = TRAINING["dataset"] | {"name": "acdc"}
    volumes = add_run(tmp_path, ONE_SEED)
    slices = add_run(tmp_path, ONE_SEED, dataset=stacks, selection="validation", validate_every=200)
    oracle = add_run(tmp_path, ONE_SEED, selection="oracle", validate_every=50)
    text = written(row("A", 8, [volumes], {}), row("B", 3, [slices], {}), row("C", 8, [oracle], {}))
    assert (
        "- Weights tested: la: the last iteration; acdc: the best mean Dice on the validation patients; "
        "la: the best mean Dice on the TEST patients (oracle).\n" in text
    )
    assert [line["selection"] for line in read_csv(tmp_path / "t.csv")] == ["last", "validation", "oracle"]


def test_an_oracle_gap_has_a_column_where_somebody_looked(tmp_path, written):
    watched, run = add_run(tmp_path, ONE_SEED, oracle_every=1), add_run(tmp_path, ONE_SEED)
    watched.history_table.write_text("step,loss,oracle_dice\n1,1,0.5\n2,1,\n3,1,0.75\n4,1,0.625\n")
    vouch_for(watched)
    text = written(row("A", 8, [watched], {}), row("B", 8, [run], {}))
    heading, *lines = cells(text)
    place = heading.index("Dice (%), oracle gap")
    assert [line[place] for line in lines] == ["12.50", ABSENT]
    assert ORACLE in text
    assert [line["oracle_gap"] for line in read_csv(tmp_path / "t.csv")] == ["12.5", ""]
    assert "oracle gap" not in written(row("B", 8, [run], {}))
