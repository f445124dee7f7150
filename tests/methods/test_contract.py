"""What every file in dmd/methods must keep, found by listing the folder, and that the checks find who does not."""

import contextlib
import dataclasses
import importlib

import pytest
import torch

from dmd.data.batches import Batch
from dmd.data.store import Store
from dmd.errors import InputError
from dmd.methods import base, contract
from dmd.methods.contract import CHECKS, BrokenError, Trial
from dmd.planning import config
from dmd.planning.declarations import declaration
from dmd.planning.implementations import implemented, methods

CASES = [(name, count) for name in methods() for count in declaration(name).dimensions]
SINGLE = [name for name in methods() if len(declaration(name).dimensions) == 1]


@pytest.fixture
def trial(content):
    """Return a function that makes the trial of a method with the hyper-parameters of the configuration."""

    def make(implementation: str, dimensions: int) -> Trial:
        return Trial.of(implementation, params(content, implementation, dimensions), dimensions)

    return make


def params(content: dict, implementation: str, dimensions: int) -> dict:
    stanza = content["methods"][implementation]
    return stanza["params"] | stanza.get("adapted", {}).get("la" if dimensions == 3 else "acdc", {})


def params_of(name: str) -> type:
    return importlib.import_module(base.load(name).__module__).Params


def test_every_method_of_the_configuration_has_a_file_with_its_hyper_parameters(content):
    checked = config.check(content)
    for name in checked.methods:
        implementation = implemented(checked.methods, name, "here")[1]
        declared = [field.name for field in dataclasses.fields(params_of(implementation))]
        given = list(content["methods"][implementation]["params"])
        assert declared == given == declaration(implementation).names


def test_every_file_is_in_the_configuration(content):
    assert set(methods()) <= set(content["methods"])


@pytest.mark.parametrize("name", methods())
def test_the_planner_reads_the_dimensions_of_the_class(name):
    assert declaration(name).dimensions == base.load(name).dimensions
    assert set(declaration(name).dimensions) <= {2, 3}


@pytest.mark.parametrize("name", methods())
def test_hyper_parameters_are_frozen_and_have_no_defaults(name):
    params = params_of(name)
    assert params.__dataclass_params__.frozen
    missing = dataclasses.MISSING
    assert all(f.default is missing and f.default_factory is missing for f in dataclasses.fields(params))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize(("name", "dimensions"), CASES)
def test_every_method_keeps_the_contract(name, dimensions, check, trial):
    check(trial(name, dimensions))


@pytest.mark.parametrize("name", SINGLE)
def test_a_method_for_one_number_of_dimensions_is_refused_for_the_other(name, content):
    (known,) = declaration(name).dimensions
    contract.other_dimensions_are_refused(name, params(content, name, known), 5 - known)
    with pytest.raises(InputError, match=f"'{name}' is for {known}-D images only, found {5 - known}-D data"):
        Trial.of(name, params(content, name, known), 5 - known).method()


def test_a_method_for_both_dimensions_refuses_none(content):
    with pytest.raises(BrokenError, match="expected 3-D images to be refused"):
        contract.other_dimensions_are_refused("dmd", params(content, "dmd", 3), 3)


PLAIN = """
from dataclasses import dataclass
import torch
from dmd.losses import supervised_dice
from dmd.methods.base import Method, Predictor

@dataclass(frozen=True)
class Params:
    pass

class Plain(Method):
    calls = 0

    def __init__(self, params, build):
        super().__init__()
        self.network = build.network(build.classes)

    def losses(self, batch, step):
        self.calls += 1
        seen, unseen = batch.split(self.network(batch.images))
        return {"dice": supervised_dice(seen, batch.labels)}

    @property
    def predictor(self):
        return Predictor(self.network)
"""
BREAKERS = {
    "steps_are_finite": ('{"dice": ', '{"dice": float("nan") * '),
    "odd_patches_are_finite": ("batch.labels)", "batch.labels) / batch.labels.sum()"),
    "probabilities_are_predicted": ("Predictor(self.network)", "self.network"),
    "resuming_changes_nothing": ('{"dice": ', '{"dice": self.calls * '),
    "labels_stay_unseen": ("batch.labels)", "torch.zeros_like(batch.labels))"),
}


@pytest.mark.parametrize("name", ["step", "loss", "learning_rate", "validation_dice", "oracle_dice"])
def test_a_term_with_the_name_of_another_column_of_the_history_is_found(name, tmp_path):
    (tmp_path / "plain.py").write_text(PLAIN.replace('"dice"', f'"{name}"'))
    with pytest.raises(BrokenError, match=f"names of their own, found {name}: the history has step, loss"):
        contract.steps_are_finite(Trial.of(str(tmp_path / "plain.py"), {}, 3))


@pytest.mark.parametrize("broken", [None, *BREAKERS])
def test_a_check_finds_the_method_that_breaks_it(broken, tmp_path):
    text = PLAIN.replace(*BREAKERS[broken]) if broken else PLAIN
    (tmp_path / "plain.py").write_text(text)
    failed = []
    for check in CHECKS:
        try:
            check(Trial.of(str(tmp_path / "plain.py"), {}, 3))
        except BrokenError:
            failed.append(check.__name__)
    assert failed == [] if broken is None else broken in failed


def test_batches_that_show_one_label_too_many_are_found(trial, monkeypatch):
    monkeypatch.setattr(Store, "labelled", lambda store, budget, draw=0: store.cases("train")[: budget + 1])
    with pytest.raises(BrokenError, match="expected no look at labels of unlabelled scans"):
        contract.labels_stay_unseen(trial("dmd", 3))


TEACHING = {"cps", "cps_ssl4mis", "dmd", "mcnet"}


@pytest.mark.parametrize(("name", "dimensions"), CASES)
def test_who_has_peers_says_so(name, dimensions, trial):
    assert isinstance(trial(name, dimensions).method(), base.Teaching) == (name in TEACHING)


@pytest.mark.parametrize(("name", "dimensions"), [case for case in CASES if case[0] in TEACHING])
def test_peers_give_logits_and_guidance_a_probability_per_class(name, dimensions, trial):
    tried = trial(name, dimensions)
    method, settings = tried.method().eval(), tried.settings
    with torch.no_grad():
        peers = method.peers(torch.randn(2, 1, *settings["patch"]))
        for logits in peers:
            taught = method.guidance(logits)
            assert logits.shape[1] in (1, settings["classes"])
            assert taught.shape == (2, settings["classes"], *settings["patch"])
            assert 0 <= taught.min() <= taught.max() <= 1
            if settings["classes"] == 2:
                assert torch.allclose(taught.sum(dim=1), torch.ones_like(taught[:, 0]), atol=1e-5)
    assert len(peers) == 2


@pytest.mark.parametrize("name", methods())
def test_training_lowers_the_loss_on_a_fixed_batch(name, trial):
    tried = trial(name, max(declaration(name).dimensions))
    method = tried.method()
    batch = tried.batches(method)[0]
    totals = [sum(term.item() for term in method.train_step(batch, 0).values()) for _ in range(12)]
    assert sum(totals[-3:]) < sum(totals[:3])


@pytest.mark.parametrize(("name", "dimensions"), CASES)
def test_a_batch_without_unlabelled_cases_is_refused_or_finite(name, dimensions, trial):
    tried = trial(name, dimensions)
    method = tried.method()
    batch = tried.batches(method)[0]
    labelled = Batch(batch.images[: len(batch.labels)], batch.labels, batch.extras)
    with contextlib.suppress(InputError):
        assert all(torch.isfinite(term) for term in method.losses(labelled, 0).values())


def test_an_unknown_method_lists_the_files_and_the_nearest():
    with pytest.raises(InputError, match="unknown method 'dmb'; did you mean 'dmd'"):
        base.load("dmb")


def test_an_unknown_hyper_parameter_in_a_spec_is_refused(content):
    given = params(content, "dmd", 3) | {"temprature": 2}
    with pytest.raises(InputError, match="unknown hyper-parameter 'temprature'; did you mean 'temperature'"):
        Trial.of("dmd", given, 3).method()


@pytest.mark.parametrize(("name", "key"), [("dmd", "divergence"), ("mcnet", "prediction")])
def test_an_unknown_choice_is_refused_with_the_known_ones(name, key, content):
    given = params(content, name, 3) | {key: "other"}
    with pytest.raises(InputError, match=f"unknown {key} 'other'.*Known: "):
        Trial.of(name, given, 3).method()
