import copy
import dataclasses
import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmd.errors import InputError
from dmd.planning import bounds, config, consistency, declarations, describe, identity, plan
from dmd.planning.declarations import declaration
from dmd.planning.implementations import methods


def planned(content: dict, root) -> plan.Plan:
    return plan.make(config.check(content), root)


def fault(content: dict, root) -> str:
    with pytest.raises(InputError) as caught:
        planned(content, root)
    return str(caught.value)


def row(made: plan.Plan, artefact: str, method: str, labelled: int = 8) -> plan.Row:
    (found,) = [r for r in made.artefacts[artefact].rows if (r.method, r.labelled) == (method, labelled)]
    return found


def test_table3_has_the_papers_rows_in_its_order_after_the_lower_bound(content, root):
    made = planned(content, root)
    assert [r.method for r in made.artefacts["table3"].rows] == ["supervised", "cps", "mcnet", "dml", "dmd"]


def test_the_supervised_row_is_called_after_its_network(content, root):
    made = planned(content, root)
    assert row(made, "table1", "supervised").label == "V-Net"
    assert row(made, "table2", "supervised", 3).label == "U-Net"
    assert row(made, "table2", "dmd", 3).label == "DMD"


def test_rows_count_the_patients_that_they_learn_from(content, root):
    made = planned(content, root)
    found = {
        (name, r.method, r.labelled): r.unlabelled for name in ("table1", "table2") for r in made.artefacts[name].rows
    }
    assert {found["table1", "supervised", labelled] for labelled in (8, 16, 80)} == {0}
    assert (found["table1", "dmd", 8], found["table1", "dmd", 16]) == (72, 64)
    assert (found["table2", "supervised", 70], found["table2", "mcnet", 3]) == (0, 67)


def test_the_paper_gives_a_number_for_every_row(content, root):
    made = planned(content, root)
    for name in ("table1", "table2", "table3"):
        assert all({"dice", "jaccard"} <= set(r.paper) for r in made.artefacts[name].rows)


def test_values_of_acdc_differ_where_the_methods_authors_say_so(content, root):
    made = planned(content, root)
    supervised, mcnet, dmd = (
        made.runs[row(made, "table2", method, 3).runs[0]].spec.training for method in ("supervised", "mcnet", "dmd")
    )
    assert supervised["schedule"] == {"kind": "poly", "power": 0.9}
    assert mcnet["schedule"] == dmd["schedule"] == {"kind": "constant"}
    assert (mcnet["method"]["params"]["rampup"], mcnet["method"]["params"]["prediction"]) == (200, "first")
    assert (dmd["method"]["params"]["temperature"], dmd["method"]["params"]["weight"]) == (2, 4)
    assert {spec["iterations"] for spec in (supervised, mcnet, dmd)} == {30000}


def test_tables_1_and_2_have_the_papers_rows_in_its_order(content, root):
    made = planned(content, root)
    few = ["dap", "uamt", "sassnet", "lgermt", "duwm", "dtc", "mcnet", "ssnet", "dmd"]
    assert [(r.labelled, r.method) for r in made.artefacts["table1"].rows] == [
        *((labelled, "supervised") for labelled in (8, 16, 80)),
        *((8, method) for method in few),
        *((16, method) for method in few if method != "ssnet"),
    ]
    assert [(r.labelled, r.method) for r in made.artefacts["table2"].rows] == [
        *((labelled, "supervised") for labelled in (3, 7, 70)),
        *((3, method) for method in ("uamt", "sassnet", "dtc", "urpc", "mcnet", "ssnet", "dmd")),
    ]


def test_the_rows_that_nobody_can_repeat_exactly_are_marked(content, root):
    made = planned(content, root)
    marked = {name: {r.method for r in made.artefacts[name].rows if r.reconstructed} for name in made.artefacts}
    for folder in ("", "half/", "smoke/"):
        assert marked[f"{folder}table1"] == {"dap", "duwm"}
        assert marked[f"{folder}table2"] == {"sassnet", "dtc", "dmd"}
        assert marked[f"{folder}table3"] == {"cps", "dml"}


def test_every_row_of_the_three_tables_has_all_that_the_paper_prints(content, root):
    made = planned(content, root)
    rows = [r for name in ("table1", "table2") for r in made.artefacts[name].rows]
    assert len(rows) == 30
    assert all(set(r.paper) == {"dice", "jaccard", "hd95_voxel", "asd_voxel"} for r in rows)


def test_two_tables_share_the_runs_that_have_equal_settings(content, root):
    made = planned(content, root)
    shared = row(made, "table1", "dmd").runs
    assert shared == row(made, "table3", "dmd").runs
    assert made.runs[shared[0]].wanted_by[:2] == ("table1", "table3")


def test_dml_is_the_kl_point_of_dmd_at_temperature_one(content, root):
    content["artefacts"]["grid"] = {
        "kind": "table",
        "caption": "grid",
        "columns": ["dice"],
        "runs": [
            {
                "dataset": "la",
                "labelled": 8,
                "method": "dmd",
                "params": {"divergence": "kl", "weight": 1, "temperature": [1, 2]},
            }
        ],
    }
    made = planned(content, root)
    assert made.artefacts["grid"].rows[0].runs == row(made, "table3", "dml").runs
    assert made.artefacts["grid"].rows[1].runs != row(made, "table3", "dml").runs


def points(made: plan.Plan, artefact: str, **params) -> tuple[str, ...]:
    (found,) = [r for r in made.artefacts[artefact].rows if params.items() <= r.params.items()]
    return found.runs


@pytest.mark.parametrize("scale", ["", "half/", "smoke/"])
def test_figures_share_the_runs_of_the_tables(content, root, scale):
    made = planned(content, root)
    dmd, dml = (row(made, f"{scale}table3", method).runs for method in ("dmd", "dml"))
    assert points(made, f"{scale}fig4", divergence="dice", temperature=2) == dmd
    assert points(made, f"{scale}fig4", divergence="kl", temperature=1) == dml
    assert points(made, f"{scale}fig3b", weight=4) == dmd
    assert row(made, f"{scale}fig2", "dmd").runs == row(made, f"{scale}fig3a", "dmd").runs == dmd
    assert [r.runs for r in made.artefacts[f"{scale}entropy"].rows] == [
        row(made, f"{scale}table3", method).runs for method in ("cps", "mcnet", "dml", "dmd")
    ]


def test_curves_have_the_papers_grid_and_the_values_read_off_its_plots(content, root):
    fig4, fig3b = (planned(content, root).artefacts[name] for name in ("fig4", "half/fig3b"))
    assert [r.params["temperature"] for r in fig4.rows] == [1, 1.2, 1.4, 1.6, 1.8, 2, 3] * 2
    assert fig4.rows[1].paper == {"dice": 89.3, "jaccard": 80.8, "hd95_voxel": 7.45, "asd_voxel": 1.91}
    assert fig4.rows[-1].paper == {"dice": 84.6, "jaccard": 74.9, "hd95_voxel": 10.1, "asd_voxel": 2.4}
    assert [r.paper["dice"] for r in fig3b.rows] == [87.6, 89.2, 89.7, 89.5, 89.5]
    assert len(fig4.runs) == 14 * 3


def test_a_description_of_a_figure_holds_what_it_is_drawn_from(content, root):
    made = planned(content, root)
    form = describe.describe_artefact(made.artefacts["fig3a"])["form"]
    assert (form["kind"], form["picture"]) == ("panel", "gradients")
    assert form["losses"][0] == {"divergence": "dice", "weight": 4, "temperature": 2}
    table = describe.describe_artefact(made.artefacts["table3"])["form"]
    assert set(table) == {"caption", "kind", "columns", "empty", "elsewhere"}


def test_what_empty_predictions_count_as_is_in_the_description_and_in_no_run(content, root):
    before = planned(content, root).artefacts["table3"]
    content["artefacts"]["table3"]["empty"] = "penalised"
    made = planned(content, root).artefacts["table3"]
    assert describe.describe_artefact(made)["form"]["empty"] == "penalised"
    assert made.runs == before.runs


@pytest.mark.parametrize(
    ("artefact", "change", "message"),
    [
        ("fig4", {"x": "heat"}, "expected `params` of every block to give 'heat'"),
        ("fig4", {"x": "divergence", "line": None}, "expected a number on the x axis, found 'divergence': 'dice'"),
        ("fig4", {"line": "warmth"}, "expected `params` of every block to give 'warmth'"),
        (
            "fig2",
            {"runs": [{"dataset": "la", "labelled": [8, 16], "method": "dmd"}]},
            "expected one data set and budget in a panel, found [('la', 8), ('la', 16)]",
        ),
        (
            "fig2",
            {"runs": [{"dataset": "acdc", "labelled": 7, "method": "dmd"}]},
            "panels are drawn of 3-D data, found 2-D data",
        ),
    ],
)
def test_an_impossible_figure_is_refused(content, root, artefact, change, message):
    content["artefacts"][artefact] |= change
    assert message in fault(content, root)


def test_two_methods_of_a_panel_are_called_apart(content, root):
    """Their numbers would be averaged."""
    content["methods"]["cps"]["label"] = content["methods"]["dmd"]["label"]
    assert "artefact 'fig2': expected a label of its own for each of cps, dmd" in fault(content, root)


def test_an_explicit_default_is_the_same_run(content, root):
    before = row(planned(content, root), "table3", "dmd").runs
    content["artefacts"]["table3"]["runs"][0]["params"] = {}
    content["methods"]["dmd"]["params"] |= {"temperature": 2, "weight": 4.0}
    assert row(planned(content, root), "table3", "dmd").runs == before


def test_adapted_values_apply_to_their_data_set_under_the_tuned_ones(content, root):
    content["methods"]["dmd"]["adapted"] = {"la": {"temperature": 3.0, "weight": 5.0}, "acdc": {"weight": 6.0}}
    made = planned(content, root)
    specs = [made.runs[row(made, "table1", "dmd", labelled).runs[0]].spec.training for labelled in (8, 16)]
    found = [(spec["method"]["params"]["temperature"], spec["method"]["params"]["weight"]) for spec in specs]
    assert found == [(3, 5), (1.93, 5)]


def test_a_row_is_reconstructed_on_the_data_sets_that_its_method_names(content, root):
    content["methods"]["cps"]["reconstructed"] = ["acdc"]
    assert not row(planned(content, root), "table3", "cps").reconstructed
    content["methods"]["cps"]["reconstructed"] = ["acdc", "la"]
    assert row(planned(content, root), "table3", "cps").reconstructed


def test_tuned_values_apply_to_their_budget_only(content, root):
    made = planned(content, root)
    temperature = {
        labelled: made.runs[row(made, "table1", "dmd", labelled).runs[0]].spec.training["method"]["params"][
            "temperature"
        ]
        for labelled in (8, 16)
    }
    assert temperature == {8: 2, 16: 1.93}


def test_an_optional_parameter_left_null_keeps_every_id(content, root, monkeypatch):
    before = set(planned(content, root).runs)

    def with_one_more(method: str) -> declarations.Declaration:
        known = declaration(method)
        fields = [(field.name, field.type) for field in dataclasses.fields(known.params)]
        wider = dataclasses.make_dataclass("Params", [*fields, ("new", bounds.Positive | None)], frozen=True)
        return dataclasses.replace(known, params=wider)

    for module in (declarations, consistency):
        monkeypatch.setattr(module, "declaration", with_one_more)
    for method in methods():
        content["methods"][method]["params"]["new"] = None
    assert set(planned(content, root).runs) == before
    content["methods"]["dmd"]["params"]["new"] = 0
    assert "hyper-parameter 'new': Input should be greater than 0, found 0" in fault(content, root)


def test_a_misspelt_default_is_refused_before_anything_is_trained(content, root):
    content["methods"]["dmd"]["params"]["lamda"] = 3
    assert "methods.dmd: method 'dmd': unknown hyper-parameter 'lamda'" in fault(content, root)
    del content["methods"]["dmd"]["params"]["lamda"]
    del content["methods"]["dmd"]["params"]["weight"]
    assert "found none for weight" in fault(content, root)


def test_a_method_that_is_not_for_the_dimensions_of_the_data_is_refused(content, root, monkeypatch):
    planar = dataclasses.replace(declaration("dmd"), dimensions=(2,))
    monkeypatch.setattr(declarations, "declaration", lambda name: planar if name == "dmd" else declaration(name))
    assert "method 'dmd' is for 2-D images only, found 3-D data" in fault(content, root)


def test_a_method_without_a_file_is_refused(content, root):
    content["methods"]["mine"] = {"label": "Mine", "revision": 1}
    content["artefacts"]["table3"]["runs"][0]["method"] = "mine"
    assert "unknown method 'mine'" in fault(content, root)
    assert f"Files in dmd/methods: {', '.join(methods())}" in fault(content, root)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("methods", "dmd", "revision"), 2),
        (("datasets", "la", "revision"), 2),
        (("protocols", "la", "optimiser", "lr"), 0.02),
        (("scales", "paper", "precision"), "bf16"),
        (("scales", "paper", "precision"), "tf32"),
        (("scales", "paper", "channels_last"), False),
        (("scales", "paper", "deterministic"), False),
        (("scales", "paper", "compile"), True),
        (("scales", "paper", "datasets", "la", "iterations"), 5999),
        (("methods", "dmd", "params", "weight"), 4.5),
    ],
)
def test_whatever_decides_the_result_makes_another_run(content, root, path, value):
    before = row(planned(content, root), "table3", "dmd").runs
    entry = content
    for key in path[:-1]:
        entry = entry[key]
    entry[path[-1]] = value
    assert not set(row(planned(content, root), "table3", "dmd").runs) & set(before)


def test_labels_paths_and_targets_make_no_other_run(content, root):
    before = set(planned(content, root).runs)
    content["methods"]["dmd"]["label"] = "Ours"
    content["data"]["la"] = "/somewhere/else"
    content["build"], content["scale"] = ["table1"], "half"
    content["artefacts"]["table3"]["caption"] = "another"
    assert set(planned(content, root).runs) == before


ON_ACDC = {
    "supervised": ("poly", {"cross_entropy": 0.5, "dice": 0.5}),
    "urpc": ("poly", {"consistency": 0.1, "rampup": 200}),
    "cps": ("constant", {"weight": 1}),
    "mcnet": (
        "constant",
        {"supervised": 1, "consistency": 0.1, "rampup": 200, "sharpening": 0.1, "prediction": "first"},
    ),
    "ssnet": (
        "constant",
        {
            "consistency": 0.1,
            "rampup": 200,
            "separation": 0.1,
            "probe": 10,
            "magnitude": 6,
            "prototypes": 32,
            "ranking": "lowest",
        },
    ),
    "dml": ("constant", {"temperature": 1, "weight": 1, "divergence": "kl"}),
    "dmd": ("constant", {"temperature": 2, "weight": 4, "divergence": "dice"}),
}


def on_acdc(content: dict, root, *methods: str) -> plan.Plan:
    block = {"dataset": "acdc", "labelled": 3, "method": list(methods)}
    content["artefacts"] = {"mine": {"kind": "table", "caption": "", "columns": ["dice"], "runs": [block]}}
    return planned(content | {"build": ["mine"]}, root)


def test_values_on_acdc(content, root):
    made = on_acdc(content, root, *ON_ACDC)
    for line in made.artefacts["mine"].rows:
        spec = made.runs[line.runs[0]].spec.training
        assert (spec["schedule"]["kind"], spec["method"]["params"]) == ON_ACDC[line.method]
        assert spec["iterations"] == spec["reference_iterations"] == 30000
    assert [line.method for line in made.artefacts["mine"].rows if line.reconstructed] == ["cps", "dml", "dmd"]


def test_on_acdc_the_released_mc_net_is_the_one_there_is(content, root):
    first, second = on_acdc(content, root, "mcnet", "mcnet_released").artefacts["mine"].rows
    assert first.runs == second.runs


def test_seeds_are_an_axis(content, root):
    made = planned(content, root)
    assert len(row(made, "table3", "dmd").runs) == 3
    assert [made.runs[run].spec.training["seed"] for run in row(made, "table3", "dmd").runs] == [1337, 1338, 1339]
    assert len(row(made, "half/table3", "dmd").runs) == 1


def draws_of(made: plan.Plan, found: plan.Row) -> list[int]:
    return [made.runs[run].spec.training.get("draw", 0) for run in found.runs]


def test_draws_are_an_axis_beside_seeds_and_the_public_list_keeps_its_ids(content, root):
    before = row(planned(content, root), "half/table3", "dmd").runs
    content["scales"]["half"] |= {"seeds": [1337, 1338], "draws": [0, 1, 2]}
    made = planned(content, root)
    assert draws_of(made, row(made, "half/table3", "dmd")) == 2 * [0, 1, 2]
    assert row(made, "half/table3", "dmd").runs[0] == before[0]
    assert len(set(row(made, "half/table3", "dmd").runs)) == 6


def test_where_everybody_is_labelled_there_is_one_draw(content, root):
    content["scales"]["half"]["draws"] = [1, 2]
    made = planned(content, root)
    assert draws_of(made, row(made, "half/table1", "supervised", 80)) == [0]
    assert draws_of(made, row(made, "half/table1", "supervised", 16)) == [1, 2]


def test_a_panel_has_one_draw_since_its_pictures_share_their_unlabelled_scans(content, root):
    content["scales"]["half"]["draws"] = [2, 1]
    made = planned(content, root)
    assert {draw for found in made.artefacts["half/fig2"].rows for draw in draws_of(made, found)} == {2}


def test_an_artefact_may_have_seeds_and_draws_of_its_own(content, root):
    content["artefacts"]["table3"] |= {"seeds": [1, 2], "draws": [0, 5]}
    made = planned(content, root)
    assert draws_of(made, row(made, "half/table3", "cps")) == [0, 5, 0, 5]
    assert draws_of(made, row(made, "half/table1", "mcnet")) == [0]


def test_a_method_that_trains_longer_in_its_paper_does_so_at_every_scale(content, root):
    content["artefacts"]["table3"]["runs"][0]["method"].append("mcnet_released")
    made = planned(content, root)
    spec = made.runs[row(made, "half/table3", "mcnet_released").runs[0]].spec.training
    half = content["scales"]["half"]["datasets"]["la"]["iterations"]
    assert spec["iterations"] == round(half * 15000 / 6000)
    assert spec["reference_iterations"] == 15000
    assert spec["schedule"] == {"kind": "constant"}


def test_the_papers_numbers_stand_beside_the_rows(content, root):
    made = planned(content, root)
    assert row(made, "half/table3", "dmd").paper == {
        "dice": 89.70,
        "jaccard": 81.42,
        "hd95_voxel": 6.88,
        "asd_voxel": 1.78,
    }
    assert row(made, "table3", "dml").paper == {"dice": 88.19, "jaccard": 78.92}


def test_an_unknown_hyper_parameter_lists_the_known_and_the_nearest(content, root):
    content["artefacts"]["table3"]["runs"][0] = {
        "dataset": "la",
        "labelled": 8,
        "method": "dmd",
        "params": {"temprature": 2},
    }
    message = fault(content, root)
    assert "method 'dmd': unknown hyper-parameter 'temprature'; did you mean 'temperature'?" in message
    assert "temperature, weight, divergence" in message


def test_a_hyper_parameter_of_the_wrong_kind_is_refused(content, root):
    content["methods"]["dml"]["params"]["temperature"] = "warm"
    assert "methods.dml: hyper-parameter 'temperature': Input should be a valid number" in fault(content, root)


@pytest.mark.parametrize(
    ("method", "params", "message"),
    [
        ("dmd", {"divergence": "dicee"}, "method 'dml': unknown divergence 'dicee'; did you mean 'dice'?"),
        ("ssnet", {"ranking": "higest"}, "unknown ranking 'higest'; did you mean 'highest'?"),
        ("mcnet", {"prediction": "frist"}, "unknown prediction 'frist'; did you mean 'first'?"),
    ],
)
def test_a_word_that_a_hyper_parameter_does_not_know_is_refused(content, root, method, params, message):
    row = "dml" if method == "dmd" else method
    content["artefacts"]["table3"]["runs"][0] = {"dataset": "la", "labelled": 8, "method": row, "params": params}
    assert message in fault(content, root)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("method", "supervized", "unknown method 'supervized'; did you mean 'supervised'?"),
        ("dataset", "las", "unknown data set 'las'; did you mean 'la'?"),
        ("labelled", 81, "expected a budget of 1 to 80 labelled patients of 'la', found 81"),
        ("labelled", 0, "expected a budget of 1 to 80 labelled patients of 'la', found 0"),
        ("labelled", 80, "no unlabelled case is left"),
    ],
)
def test_an_impossible_run_is_refused(content, root, key, value, message):
    block = {"dataset": "la", "labelled": 8, "method": "dmd"} | {key: value}
    content["artefacts"]["table3"]["runs"][0] = block
    assert message in fault(content, root)


def test_weights_are_chosen_on_validation_patients_where_the_protocol_says_so(content, root):
    content["artefacts"]["flat"] = {
        "kind": "table",
        "caption": "flat",
        "columns": ["dice"],
        "runs": [{"dataset": "acdc", "labelled": 3, "method": "dmd"}],
    }
    made = planned(content, root)
    spec = made.runs[row(made, "flat", "dmd", 3).runs[0]].spec.training
    assert (spec["selection"], spec["validate_every"]) == ("validation", 200)
    spec = made.runs[row(made, "table1", "dmd", 8).runs[0]].spec.training
    assert spec["selection"] == "last"
    assert "validate_every" not in spec


def test_a_number_of_validations_that_are_not_made_is_no_setting(content, root):
    before = row(planned(content, root), "table3", "dmd").runs
    content["scales"]["paper"]["datasets"]["la"]["validate_every"] = 300
    assert row(planned(content, root), "table3", "dmd").runs == before


def test_one_method_may_choose_on_the_test_patients_by_the_name_of_oracle(content, root):
    content["methods"]["dmd"]["training"]["la"] = {"selection": "oracle"}
    made = planned(content, root)
    spec = made.runs[row(made, "table1", "dmd").runs[0]].spec.training
    assert (spec["selection"], spec["validate_every"]) == ("oracle", 200)
    assert made.runs[row(made, "table1", "uamt").runs[0]].spec.training["selection"] == "last"


def test_a_selection_without_validation_patients_or_interval_is_refused(content, root):
    content["protocols"]["la"]["selection"] = "validation"
    assert "the split of 'la' has none in its part 'validation'" in fault(content, root)
    scaled = content["scales"]["paper"]["datasets"]["la"]
    scaled |= {"data": "acdc", "patch": [256, 256], "stride": None, "validate_every": None}
    assert "add `validate_every` to the data set in config/scales.yaml" in fault(content, root)


def test_looks_at_the_test_patients_are_made_where_weights_may_be_chosen(content, root):
    scaled = content["scales"]["paper"]["datasets"]["acdc"]
    for every in (50, 200):
        scaled["oracle_every"] = every
        spec = planned(content, root).runs[row(planned(content, root), "table2", "dmd", 3).runs[0]].spec.training
        assert spec["oracle_every"] == every
    scaled["oracle_every"] = 400
    assert "expected `oracle_every` to divide `validate_every` (200), " in fault(content, root)
    assert "found 400; change one in config/scales.yaml" in fault(content, root)


def test_unknown_scale_and_artefact_are_refused(content, root):
    wrong_scale, wrong_build = copy.deepcopy(content), copy.deepcopy(content)
    wrong_scale["scale"] = "haf"
    assert "unknown scale 'haf'; did you mean 'half'?" in fault(wrong_scale, root)
    wrong_build["build"] = ["tabel3"]
    assert "unknown artefact 'tabel3'; did you mean 'table3'?" in fault(wrong_build, root)


def test_the_supervised_rows_fill_their_batches_with_labelled_cases(content, root):
    made = planned(content, root)
    assert made.runs[row(made, "table1", "supervised", 80).runs[0]].spec.training["batch"] == {"size": 4, "labelled": 4}
    assert made.runs[row(made, "table1", "dmd", 8).runs[0]].spec.training["batch"] == {"size": 4, "labelled": 2}


values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(values)
def test_canonical_json_is_stable_under_a_round_trip(value):
    text = identity.canonical(value)
    assert identity.canonical(json.loads(text)) == text


@given(st.dictionaries(st.text(max_size=4), st.integers(), min_size=1))
def test_canonical_json_ignores_order_and_null_and_the_spelling_of_whole_numbers(entries):
    other = {key: float(value) for key, value in reversed(entries.items()) if abs(value) < 2**50}
    same = {key: value for key, value in entries.items() if key in other}
    assert identity.canonical(other | {"a null": None}) == identity.canonical(same)


def test_planning_imports_neither_torch_nor_numpy(root):
    code = (
        "import sys; from pathlib import Path; from dmd.planning import config, plan, reading; "
        "plan.make(config.check(reading.read())); "
        "print(sorted({'torch', 'numpy', 'mlflow', 'pandas', 'h5py'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == "[]"


def with_and_without(content: dict, params: dict, **form) -> dict:
    """Return the configuration with an artefact of a row of CPS as it is and another that sets hyper-parameters."""
    block = {"dataset": "la", "labelled": 8, "method": "cps"}
    content["artefacts"]["both"] = {"caption": "", "runs": [block, block | {"params": params}]} | form
    return content


TABLE = {"kind": "table", "columns": ["dice"]}


def test_a_row_that_differs_in_a_null_is_swallowed_only_where_its_runs_are_the_same(content, root):
    """A null takes back what a layer below it says; where none says anything it changes nothing."""
    rows = planned(with_and_without(content, {"rampup": None}, **TABLE), root).artefacts["both"].rows
    assert len(rows) == 1
    content["methods"]["cps"]["params"]["rampup"] = 40
    rows = planned(content, root).artefacts["both"].rows
    assert [row.params for row in rows] == [{}, {"rampup": None}]
    assert not set(rows[0].runs) & set(rows[1].runs)


def test_pictures_tell_a_row_with_a_null_from_one_without(content, root):
    content["methods"]["cps"]["params"]["rampup"] = 40
    panel = {"kind": "panel", "picture": "entropy"}
    made = planned(with_and_without(content, {"rampup": None}, **panel), root)
    assert len(made.artefacts["both"].rows) == 2
