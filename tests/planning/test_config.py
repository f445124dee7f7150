import pytest

from dmd.errors import InputError
from dmd.planning import config


def fault(content: dict) -> str:
    with pytest.raises(InputError) as caught:
        config.check(content)
    return str(caught.value)


def test_the_shipped_configuration_is_valid(content):
    assert config.check(content).scale == "smoke"


def test_an_unknown_key_lists_the_known_ones_and_the_nearest(content):
    content["bild"] = ["table3"]
    message = fault(content)
    assert "'bild'; did you mean 'build'?" in message
    assert "artefacts" in message


def test_an_unknown_key_deep_inside_is_found_with_its_place(content):
    content["scales"]["half"]["datasets"]["la"]["iteration"] = 3
    message = fault(content)
    assert "scales.half.datasets.la" in message
    assert "did you mean 'iterations'?" in message


def test_all_faults_are_reported_at_once(content):
    content["scale"] = 3
    content["protocols"]["la"]["iterations"] = -1
    message = fault(content)
    assert "scale: " in message
    assert "protocols.la.iterations" in message
    assert "-1" in message


@pytest.mark.parametrize(
    "uri", ["mlruns", "file:///tmp/mlruns", "sqlite:///~/mlflow.db", "postgresql://me:secret@host/db"]
)
def test_a_tracking_store_that_loses_runs_is_refused_with_the_reason(content, uri):
    content["tracking"] = {"uri": uri}
    message = fault(content)
    assert "tracking.uri: expected a tracking store sqlite:///path.db or http(s)://server" in message
    assert "in maintenance mode" in message
    assert "secret" not in message


@pytest.mark.parametrize("uri", [None, "", "null", "sqlite:////data/mlflow.db", "http://login1:5000"])
def test_a_tracking_store_is_a_database_or_a_server(content, uri):
    content["tracking"] = {"uri": uri}
    named = uri not in (None, "", "null")
    assert config.check(content).tracking.store == (uri if named else "sqlite:///results/mlflow.db")


def test_a_batch_needs_room_for_unlabelled_cases(content):
    content["protocols"]["la"]["batch"] = {"size": 2, "labelled": 2}
    assert "leave no unlabelled" in fault(content)


def test_a_schedule_takes_the_numbers_of_its_kind(content):
    content["protocols"]["la"]["schedule"] = {"kind": "step", "power": 0.9}
    assert "'step' takes ['every', 'factor'], found ['power']" in fault(content)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("table3", {"columns": []}, "artefacts.table3.table.columns: List should have at least 1 item"),
        ("table3", {"x": "weight"}, "unknown key 'x'"),
        ("fig4", {"x": None}, "artefacts.fig4.curve.x: Input should be a valid string"),
        ("fig2", {"picture": "pseudo_label"}, "artefacts.fig2.panel.picture"),
        ("fig2", {"empty": "penalised"}, "unknown key 'empty'"),
        ("table3", {"empty": "nan"}, "Input should be 'no_distance', 'as_published' or 'penalised'"),
        ("fig3a", {"losses": []}, "expected `losses` for the picture 'gradients' and no other, found them missing"),
        ("fig4", {"lines": "divergence"}, "unknown key 'lines'; did you mean 'line'?"),
        (
            "fig3a",
            {"losses": [{"divergence": "dice", "weight": 4, "temperature": 0}]},
            "panel.losses.0.temperature",
        ),
    ],
)
def test_an_artefact_takes_the_keys_of_its_kind(content, name, change, message):
    content["artefacts"][name] |= change
    assert message in fault(content)


@pytest.mark.parametrize("name", ["a+b", "x(y", "half/table3", "../../x", "my table", "x; touch pwned", "Table"])
def test_a_name_that_is_no_word_is_refused_where_it_stands(content, name):
    content["artefacts"][name] = content["artefacts"]["table3"]
    assert f"artefacts.{name}" in fault(content)
    assert "pattern '^[a-z0-9_-]+$'" in fault(content)


@pytest.mark.parametrize(("part", "name"), [("scales", "runs"), ("artefacts", "report")])
def test_a_name_that_would_lie_where_something_else_lies_is_refused(content, part, name):
    content[part][name] = next(iter(content[part].values()))
    assert f"found '{name}'" in fault(content)


@pytest.mark.parametrize("rate", [float("inf"), float("nan"), "inf", 0, True, "true", "much"])
def test_a_learning_rate_is_a_positive_number(content, rate):
    content["protocols"]["la"]["optimiser"]["lr"] = rate
    assert "protocols.la.optimiser.lr" in fault(content)


@pytest.mark.parametrize("seed", [-1, 2**63, True, 1.5, "x"])
def test_a_seed_is_one_that_generators_take(content, seed):
    content["scales"]["half"]["seeds"] = [seed]
    assert "scales.half.seeds.0" in fault(content)


def words(value):
    """Return a configuration as `snakemake --config` gives it: every value a word."""
    if isinstance(value, dict):
        return {key: words(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [words(entry) for entry in value]
    return "null" if value is None else str(value)


def test_words_say_what_they_mean_in_every_place(content):
    """A false was true, and a null a folder of that name."""
    assert config.check(words(content)) == config.check(content)


@pytest.mark.parametrize(("given", "meant"), [("1e4", 10000), ("1.0e+4", 10000), (1e4, 10000)])
def test_one_spelling_of_a_number_is_as_good_as_another(content, given, meant):
    content["protocols"]["la"]["iterations"] = given
    assert config.check(content).protocols["la"].iterations == meant


def test_a_budget_is_no_truth(content):
    content["artefacts"]["table3"]["runs"][0]["labelled"] = True
    assert "expected a number, found a truth" in fault(content)


def test_a_path_may_begin_at_home(content, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    content["data"] = {"la": "~/la", "acdc": None}
    assert config.check(content).data == {"la": "/home/me/la", "acdc": None}
    content["datasets"]["la"]["split"] = "~nobody-of-this-name/la.json"
    assert "datasets.la.split: expected a path, found '~nobody-of-this-name/la.json'" in fault(content)
