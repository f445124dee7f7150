"""A data set of one's own: in one scale, after another's protocol, with patients that no budget counts."""

import json

import pytest

from dmd.errors import InputError
from dmd.planning import config, plan
from dmd.planning.splits import checksum, load_split
from dmd.runs.folder import RunFolder


def own_set(content, folder, dimensions=3, unlabelled=("u",), **block):
    """Lay a data set over the configuration, at the scale `smoke` alone, and a table of it."""
    parts = {"train": ["a", "b", "c"], "validation": [], "test": ["t"]}
    parts |= {"unlabelled": list(unlabelled)} if unlabelled else {}
    split = {"name": "mine", "source": "", "sha256": checksum(parts), "parts": parts}
    (folder / "mine.json").write_text(json.dumps(split))
    content["datasets"]["mine"] = {
        "revision": 1,
        "reader": "folder",
        "dimensions": dimensions,
        "classes": ["background", "liver"],
        "labels": [0, 1],
        "intensities": "z_score",
        "spacing_mm": [1, 1, 1] if dimensions == 3 else None,
        "split": str(folder / "mine.json"),
    }
    changes = {"protocol": "la", "stride": [16] * 3} if dimensions == 3 else {"protocol": "acdc", "selection": "last"}
    scaled = {"data": "mine", "downsample": [1, 1, 1], "patch": [32] * dimensions, "iterations": 60}
    content["scales"]["smoke"]["datasets"]["mine"] = scaled | changes
    runs = [{"dataset": "mine", "labelled": 3, "method": ["supervised", "dmd"]} | block]
    content["artefacts"]["mine"] = {"kind": "table", "caption": "-", "columns": ["dice"], "runs": runs}
    return content


def planned(content, root):
    return plan.make(config.check(content), root)


def rows(content, root):
    made = planned(content, root)
    return [(row, made.runs[row.runs[0]].spec) for row in made.artefacts["smoke/mine"].rows]


def test_it_is_planned_where_it_stands_and_leaves_every_other_run_alone(content, root, tmp_path):
    before = planned(content, root)
    made = planned(own_set(content, tmp_path), root)
    assert [name for name in made.artefacts if name.endswith("mine")] == ["smoke/mine"]
    assert {name: made.runs[name].spec for name in before.runs} == {name: run.spec for name, run in before.runs.items()}


def test_patients_without_annotation_are_learnt_from_and_never_labelled(content, root, tmp_path):
    found = rows(own_set(content, tmp_path), root)
    assert [(row.labelled, row.unlabelled) for row, _ in found] == [(3, 0), (3, 1)]
    with pytest.raises(InputError, match="expected a budget of 1 to 3 labelled patients of 'mine', found 4"):
        rows(own_set(content, tmp_path, labelled=4), root)
    with pytest.raises(InputError, match="with all 3 patients of 'mine' labelled no unlabelled case is left"):
        rows(own_set(content, tmp_path, unlabelled=()), root)


def test_it_follows_the_protocol_that_it_names_and_what_methods_say_of_that(content, root, tmp_path):
    content["methods"]["uamt"]["adapted"]["mine"] = {"noise": 0.2}
    found = rows(own_set(content, tmp_path, dimensions=2, method=["supervised", "uamt"]), root)
    (supervised, of_supervised), (_, of_uamt) = found
    assert supervised.label == "U-Net"
    assert of_supervised.training["network"]["kind"] == "unet"
    assert of_supervised.training["reference_iterations"] == 30000
    assert of_supervised.training["selection"] == "last"
    params = of_uamt.training["method"]["params"]
    assert (params["rampup"], params["noise"], params["consistency"]) == (200, 0.2, 0.1)


def test_what_is_made_of_its_scans_is_a_part_of_the_name_and_the_settings_can_be_read_again(content, root, tmp_path):
    spec = rows(own_set(content, tmp_path), root)[1][1]
    run = RunFolder(tmp_path / spec.id)
    run.write_spec(spec)
    assert run.read_spec() == spec
    content["datasets"]["mine"]["spacing_mm"] = [1, 1, 2]
    assert rows(content, root)[1][1].id != spec.id


def test_a_panel_needs_annotated_scans_that_nobody_learnt_from(content, root, tmp_path):
    own_set(content, tmp_path)
    content["artefacts"]["mine"] = {
        "kind": "panel",
        "picture": "pseudo_labels",
        "caption": "-",
        "runs": [{"dataset": "mine", "labelled": 3, "method": "dmd"}],
    }
    with pytest.raises(
        InputError,
        match="artefact 'mine' at scale 'smoke': panels show annotated scans whose labels nobody learnt from",
    ):
        planned(content, root)
    content["artefacts"]["mine"]["runs"][0]["labelled"] = 2
    assert planned(content, root).artefacts["smoke/mine"].rows[0].unlabelled == 2


def test_a_data_set_that_stands_nowhere_and_a_protocol_that_is_none_are_refused(content, root, tmp_path):
    own_set(content, tmp_path)
    content["artefacts"]["mine"]["runs"][0]["dataset"] = "mien"
    with pytest.raises(InputError, match="unknown data set 'mien'"):
        planned(content, root)
    content["scales"]["smoke"]["datasets"]["mine"]["protocol"] = "lb"
    with pytest.raises(InputError, match="unknown protocol 'lb'; did you mean 'la'"):
        planned(content, root)


@pytest.mark.parametrize(
    "scans", [[], {"a": "a.nii"}, {"a": {"label": ["a", "b"]}}, {"a": {"image": ["a"]}}, {"a": {"image": ["a", 1]}}]
)
def test_files_of_a_split_that_are_none_are_refused(scans, tmp_path):
    parts = {"train": ["a"], "validation": [], "test": []}
    split = {"name": "mine", "source": "", "sha256": checksum(parts, scans), "parts": parts, "scans": scans}
    (tmp_path / "mine.json").write_text(json.dumps(split))
    with pytest.raises(InputError, match="expected under scans, by case, path and sha256"):
        load_split(tmp_path / "mine.json")
