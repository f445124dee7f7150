import pytest

from dmd.errors import InputError
from dmd.planning import config, reading


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


@pytest.mark.parametrize("uri", ["mlruns", "file:///tmp/mlruns", "", "postgresql://me:secret@host/db"])
def test_a_tracking_store_that_loses_runs_is_refused_with_the_reason(content, uri):
    content["tracking"] = {"uri": uri}
    message = fault(content)
    assert "tracking.uri: expected a tracking store sqlite:///path.db or http(s)://server" in message
    assert "in maintenance mode" in message
    assert "secret" not in message


@pytest.mark.parametrize("uri", [None, "sqlite:////data/mlflow.db", "http://login1:5000"])
def test_a_tracking_store_is_a_database_or_a_server(content, uri):
    content["tracking"] = {"uri": uri}
    assert config.check(content).tracking.store == (uri or "sqlite:///results/mlflow.db")


def test_a_batch_needs_room_for_unlabelled_cases(content):
    content["protocols"]["la"]["batch"] = {"size": 2, "labelled": 2}
    assert "leave no unlabelled" in fault(content)


def test_a_schedule_takes_the_numbers_of_its_kind(content):
    content["protocols"]["la"]["schedule"] = {"kind": "step", "power": 0.9}
    assert "'step' takes ['every', 'factor'], found ['power']" in fault(content)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("table3", {"columns": []}, "table takes ['columns'], found none"),
        ("table3", {"x": "weight"}, "table takes ['columns'], found ['columns', 'x']"),
        ("fig4", {"x": None}, "curve takes ['columns', 'x'], found ['columns', 'line']"),
        ("fig2", {"picture": "pseudo_label"}, "artefacts.fig2.picture"),
        ("fig2", {"empty": "penalised"}, "pseudo_labels takes ['picture'], found ['empty', 'picture']"),
        ("table3", {"empty": "nan"}, "Input should be 'no_distance', 'as_published' or 'penalised'"),
        ("fig3a", {"losses": []}, "gradients takes ['losses', 'picture'], found ['picture']"),
        ("fig4", {"lines": "divergence"}, "unknown key 'lines'; did you mean 'line'?"),
        ("fig3a", {"losses": [{"divergence": "dice", "weight": 4, "temperature": 0}]}, "fig3a.losses.0.temperature"),
    ],
)
def test_an_artefact_takes_the_keys_of_its_kind(content, name, change, message):
    content["artefacts"][name] |= change
    assert message in fault(content)


def test_merge_goes_through_dictionaries_and_replaces_lists():
    base = {"a": {"b": 1, "c": [1, 2]}, "d": 1}
    assert reading.merge(base, {"a": {"c": [3]}}) == {"a": {"b": 1, "c": [3]}, "d": 1}
    assert base == {"a": {"b": 1, "c": [1, 2]}, "d": 1}


def test_a_users_own_file_wins(root, tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text("scale: half\nmethods: {dmd: {params: {weight: 3}}}\n")
    merged = reading.read(root / "config", mine)
    assert merged["scale"] == "half"
    ours = reading.read(root / "config")["methods"]["dmd"]["params"]
    assert merged["methods"]["dmd"]["params"] == ours | {"weight": 3}


def test_a_missing_file_says_where_to_run(tmp_path):
    with pytest.raises(InputError, match="run from the project's root"):
        reading.read(tmp_path)


def test_a_file_that_is_not_yaml_is_named(root, tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text("a: [1")
    with pytest.raises(InputError, match=r"mine\.yaml is not valid YAML"):
        reading.read(root / "config", mine)
    mine.write_text("- a\n")
    with pytest.raises(InputError, match="expected a mapping of keys, found list"):
        reading.read(root / "config", mine)
