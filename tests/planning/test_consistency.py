import time

import pytest

from dmd.errors import InputError
from dmd.planning import config, plan

ONE = {"dataset": "la", "labelled": 1}


def changed(content: dict, path: str, value) -> dict:
    *parents, last = path.split("/")
    place = content
    for key in parents:
        place = place.setdefault(key, {})
    place[last] = value
    return content


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("data/LA", "/copy", "config: data: unknown data set 'LA'; did you mean 'la'?"),
        ("methods/dmd/tuned/LA", {8: {"weight": 3}}, "config: methods.dmd: unknown data set 'LA'"),
        ("methods/dmd/reconstructed", ["acdv"], "did you mean 'acdc'?"),
        ("methods/dmd/tuned/la", {200: {"weight": 3}}, "tuned.la: expected budgets of up to 80 patients, found 200"),
        (
            "methods/mcnet_released/params",
            {"supervisd": 1},
            "unknown hyper-parameter 'supervisd'; did you mean 'supervised'",
        ),
        ("methods/dmd/tuned/la", {20: {"temprature": 1}}, "unknown hyper-parameter 'temprature'"),
        ("methods/spare", {"label": "S", "implementation": "dmdd"}, "methods.spare: unknown method 'dmdd'"),
        ("methods/spare", {"label": "S", "revision": 1}, "unknown method 'spare'"),
        ("scales/half/datasets/heart", {"data": "la"}, "half.datasets.heart"),
        ("scales/half/datasets/la/data", "lo", "half.datasets.la: unknown data set 'lo'; did you mean 'la'?"),
        ("scales/half/datasets/la/patch", [60, 64, 32], "patch: expected 3 multiples of 16"),
        ("scales/half/datasets/la/patch", [64, 64], "patch: expected 3 multiples of 16"),
        ("scales/half/datasets/la/downsample", [2, 2], "downsample: expected 3 factors, found [2, 2]"),
        ("datasets/la/spacing_mm", [1, 1], "datasets.la.spacing_mm: List should have at least 3 items"),
        ("datasets/la/reader", "..", "datasets.la.reader: String should match"),
        ("datasets/la/download/path", "{case}/{name}.h5", "datasets.la.download.path: String should match"),
        ("datasets/la/download/path", "data/case.h5", "datasets.la.download.path: String should match"),
        ("datasets/la/download/url", "https://{}/{path}", "datasets.la.download.url: String should match"),
        (
            "scales/half/datasets/la/stride",
            None,
            "at most the patch [64, 64, 32], found None",
        ),
        ("scales/half/datasets/la/stride", [16, 65, 6], "stride: expected 3 steps of at most the patch"),
        ("scales/half/datasets/acdc/stride", [16, 16], "stride: expected none, as slices are predicted whole"),
        ("scales/half/datasets/la/stride", "slow", "scales.half.datasets.la.stride"),
        ("scales/half/datasets/acdc/stride", "fast", "stride: expected none, as slices are predicted whole"),
        ("scales/smoke/precision", "fp16", "scales.smoke.precision: Input should be 'fp32', 'tf32' or 'bf16'"),
        ("scales/smoke/compile", "perhaps", "scales.smoke.compile: expected true or false"),
        ("scales/half/datasets/la/patch", [3200, 3200, 3200], "expected a step that some memory holds"),
        ("scales/half/width", 800000, "expected a step that some memory holds, found at least 283,200,000 GB"),
        ("methods/uamt/params/copies", 10**8, "expected a step that some memory holds"),
        ("methods/lgermt/params/cube", 33, "no larger than the patch [64, 64, 32], found `cube: 33`"),
        ("protocols/acdc/network", "vnet", "network 'vnet' is for 3-D images, found 2-D data"),
        ("artefacts/table3/runs", [ONE | {"method": "dmd"}], "budget of at least 2 labelled patients"),
        ("scales/half/seeds", [1, 2, 1], "scales.half.seeds: expected each value once, found [1] again"),
        ("artefacts/table3/runs", [{"dataset": "la", "labelled": [], "method": "dmd"}], "at least 1 item"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(content, root, path, value, message):
    if path == "scales/half/datasets/heart":
        value = content["scales"]["half"]["datasets"]["la"]
    with pytest.raises(InputError) as caught:
        plan.make(config.check(changed(content, path, value)), root)
    assert message in str(caught.value)


@pytest.mark.parametrize("block", [ONE | {"method": "supervised"}, ONE | {"method": "dmd", "dataset": "acdc"}])
def test_one_labelled_patient_is_enough_where_they_fill_a_batch(content, root, block):
    """Of slices every patient has several; a batch of labelled volumes alone may be smaller."""
    content["artefacts"]["table3"]["runs"] = [block]
    assert plan.make(config.check(content), root).artefacts["table3"].rows[0].labelled == 1


def test_a_grid_that_takes_minutes_to_plan_is_refused_at_once(content, root):
    grid = content["artefacts"]["fig4"]["runs"][0]["params"]
    grid |= {"temperature": [1 + step / 1000 for step in range(300)], "weight": [step / 10 for step in range(1, 241)]}
    before = time.process_time()
    with pytest.raises(InputError) as caught:
        plan.make(config.check(content), root)
    assert time.process_time() - before < 3
    assert "expected at most 20000 runs over all artefacts and scales, found 4" in str(caught.value)
    assert "for 'fig4' at 4 scale(s)" in str(caught.value)


def test_the_scales_that_are_named_are_those_in_which_the_artefact_stands(content, root):
    """Every other scale without a data set of its own."""
    half = content["scales"]["half"]
    half["datasets"]["mine"] = half["datasets"]["la"]
    content["protocols"]["mine"] = content["protocols"]["la"]
    block = {"dataset": "mine", "labelled": 8, "method": "dmd", "params": {"weight": [*range(1, 22_000)]}}
    content["artefacts"]["grid"] = {"kind": "table", "caption": "", "columns": ["dice"], "runs": [block]}
    with pytest.raises(InputError, match=r"21999 of them for 'grid' at 1 scale\(s\)"):
        plan.make(config.check(content), root)
