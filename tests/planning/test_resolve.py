from dmd.planning import config, plan
from dmd.planning.resolve import Resolver


def table(content: dict, root, *blocks: dict) -> tuple[plan.Plan, tuple[plan.Row, ...]]:
    content["artefacts"] = {"mine": {"kind": "table", "caption": "", "columns": ["dice"], "runs": list(blocks)}}
    made = plan.make(config.check(content | {"build": ["mine"]}), root)
    return made, made.artefacts["mine"].rows


def test_what_a_row_changes_in_the_training_is_laid_over_its_implementation(content, root):
    """``iterations: 100`` on SS-Net for ACDC must leave its constant schedule alone."""
    content["methods"]["short"] = {
        "label": "Short",
        "implementation": "ssnet",
        "training": {"acdc": {"iterations": 100}},
    }
    made, (row,) = table(content, root, {"dataset": "acdc", "labelled": 3, "method": "short"})
    training = made.runs[row.runs[0]].spec.training
    assert (training["iterations"], training["schedule"]) == (100, {"kind": "constant"})


def test_a_row_that_two_blocks_ask_for_is_there_once(content, root):
    blocks = [
        {"dataset": "la", "labelled": 8, "method": names} for names in (["supervised", "cps", "dmd"], ["cps", "dmd"])
    ]
    _, rows = table(content, root, *blocks)
    assert [row.method for row in rows] == ["supervised", "cps", "dmd"]


def test_scans_that_are_not_the_papers_have_no_published_numbers(content, root):
    made = plan.make(config.check(content), root)
    assert all(row.paper for row in made.artefacts["half/table3"].rows)
    for name in ("smoke/table1", "smoke/fig4"):
        assert not any(row.paper for row in made.artefacts[name].rows)


def test_where_weights_are_chosen_the_stride_of_the_looks_is_part_of_the_training(content, root):
    content["methods"]["dmd"]["training"]["la"] = {"selection": "oracle"}
    made, (row,) = table(content, root, {"dataset": "la", "labelled": 8, "method": "dmd"})
    training = made.runs[row.runs[0]].spec.training
    assert training["validation_stride"] == content["scales"]["paper"]["datasets"]["la"]["stride"]
    content["methods"]["dmd"]["training"]["la"] = {"selection": "last"}
    made, (row,) = table(content, root, {"dataset": "la", "labelled": 8, "method": "dmd"})
    assert "validation_stride" not in made.runs[row.runs[0]].spec.training


def test_what_runs_share_is_resolved_once_however_many_seeds_and_values_there_are(content, root, monkeypatch):
    """A grid of 4 x 5 runs at 4 scales takes as many looks at the layers as one run."""
    looks = []
    shared = Resolver._shared
    monkeypatch.setattr(Resolver, "_shared", lambda self, cell: looks.append(cell) or shared(self, cell))
    block = {"dataset": "la", "labelled": 8, "method": "dmd", "params": {"weight": [1.5, 2.5, 3.5, 4.5]}}
    grid = {"kind": "table", "caption": "A grid.", "columns": ["dice"], "seeds": [1, 2, 3, 4, 5], "runs": [block]}
    made = plan.make(config.check(content | {"artefacts": {"grid": grid}, "build": ["grid"]}), root)
    assert len(made.runs) == 4 * 5 * 4
    assert len(looks) == len(content["scales"]) == 4
