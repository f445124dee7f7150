"""What every file in dmd/methods must keep, found by listing the folder."""

import copy
import dataclasses
import itertools

import pytest
import torch
from conftest import tiny_spec

from dmd import config
from dmd.data.batches import Batches
from dmd.data.store import load_store
from dmd.declarations import hyper_parameters, methods
from dmd.errors import InputError
from dmd.methods import base
from dmd.networks.build import Build
from dmd.training import noise_seed

CASES = list(itertools.product(methods(), (2, 3)))


@pytest.fixture
def spec(content):
    def make(implementation: str, dimensions: int) -> dict:
        return tiny_spec(dimensions, implementation, content["methods"][implementation]["params"])

    return make


def built(spec: dict) -> base.Method:
    torch.manual_seed(spec["seed"])
    method = base.make(spec["method"], Build.from_spec(spec))
    method.start_training(spec["optimiser"])
    return method


def steps(method: base.Method, batches: Batches, start: int, stop: int) -> list[dict[str, float]]:
    method.train()
    history = []
    for step in range(start, stop):
        torch.manual_seed(noise_seed(7, step))
        history.append({name: term.item() for name, term in method.train_step(batches[step], step).items()})
    return history


def test_every_method_of_the_configuration_has_a_file_with_its_hyper_parameters(content):
    for name, method in config.check(content).methods.items():
        implementation = base.load(method.implementation or name)
        source = content["methods"][method.implementation or name]
        fields = [field.name for field in dataclasses.fields(implementation.Params)]
        assert fields == list(source["params"]) == hyper_parameters(method.implementation or name)


def test_every_file_is_in_the_configuration(content):
    assert set(methods()) <= set(content["methods"])


@pytest.mark.parametrize("name", methods())
def test_hyper_parameters_are_frozen_and_have_no_defaults(name):
    params = base.load(name).Params
    assert params.__dataclass_params__.frozen
    missing = dataclasses.MISSING
    assert all(f.default is missing and f.default_factory is missing for f in dataclasses.fields(params))


@pytest.mark.parametrize(("name", "dimensions"), CASES)
def test_three_steps_are_finite_named_and_the_same_terms(name, dimensions, spec, tiny_store):
    settings = spec(name, dimensions)
    history = steps(built(settings), Batches(load_store(tiny_store[dimensions]), settings), 0, 3)
    assert all(list(terms) == list(history[0]) and terms for terms in history)
    assert all(torch.isfinite(torch.tensor(list(terms.values()))).all() for terms in history)


@pytest.mark.parametrize(("name", "dimensions"), CASES)
def test_the_predictor_gives_class_probabilities(name, dimensions, spec):
    settings = spec(name, dimensions)
    predictor = built(settings).predictor.eval()
    with torch.no_grad():
        found = predictor(torch.randn(2, 1, *settings["patch"]))
    assert found.shape == (2, settings["classes"], *settings["patch"])
    assert torch.allclose(found.sum(dim=1), torch.ones_like(found[:, 0]), atol=1e-5)
    assert found.min() >= 0


@pytest.mark.parametrize(("name", "dimensions"), CASES)
def test_peers_give_logits_and_guidance_a_probability_per_class(name, dimensions, spec):
    settings = spec(name, dimensions)
    method = built(settings).eval()
    with torch.no_grad():
        peers = method.peers(torch.randn(2, 1, *settings["patch"]))
        for logits in peers:
            taught = method.guidance(logits)
            assert logits.shape[1] in (1, settings["classes"])
            assert taught.shape == (2, settings["classes"], *settings["patch"])
            assert 0 <= taught.min() <= taught.max() <= 1
            if settings["classes"] == 2:
                assert torch.allclose(taught.sum(dim=1), torch.ones_like(taught[:, 0]), atol=1e-5)
    assert len(peers) != 1


@pytest.mark.parametrize(("name", "dimensions"), CASES)
def test_ten_steps_are_five_and_resume_and_five_bit_for_bit(name, dimensions, spec, tiny_store, tmp_path):
    settings = spec(name, dimensions)
    batches = Batches(load_store(tiny_store[dimensions]), settings)
    straight = built(settings)
    expected = steps(straight, batches, 0, 10)

    first = built(settings)
    before = steps(first, batches, 0, 5)
    torch.save(first.training_state(), tmp_path / "state.pt")
    second = built(settings | {"seed": 99})
    second.load_training_state(torch.load(tmp_path / "state.pt", weights_only=True))
    after = steps(second, batches, 5, 10)

    assert before + after == expected
    states = straight.state_dict(), second.state_dict()
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


@pytest.mark.parametrize("name", methods())
def test_training_lowers_the_loss_on_a_fixed_batch(name, spec, tiny_store):
    settings = spec(name, 3)
    batch = Batches(load_store(tiny_store[3]), settings)[0]
    method = built(settings).train()
    totals = [sum(term.item() for term in method.train_step(batch, 0).values()) for _ in range(12)]
    assert sum(totals[-3:]) < sum(totals[:3])


@pytest.mark.parametrize("name", methods())
def test_labels_of_unlabelled_cases_are_not_needed(name, spec, tiny_store):
    settings = spec(name, 3)
    method = built(settings).train()
    batch = Batches(load_store(tiny_store[3]), settings)[0]
    assert len(batch.labels) < len(batch.images)
    assert method.losses(batch, 0)


def test_an_unknown_method_lists_the_files_and_the_nearest():
    with pytest.raises(InputError, match="unknown method 'dmb'; did you mean 'dmd'"):
        base.load("dmb")


def test_an_unknown_hyper_parameter_in_a_spec_is_refused(spec):
    settings = copy.deepcopy(spec("dmd", 3))
    settings["method"]["params"]["temprature"] = 2
    with pytest.raises(InputError, match="no hyper-parameter 'temprature'; did you mean 'temperature'"):
        built(settings)


@pytest.mark.parametrize(("name", "key"), [("dmd", "divergence"), ("mcnet", "prediction")])
def test_an_unknown_choice_is_refused_with_the_known_ones(name, key, spec):
    settings = copy.deepcopy(spec(name, 3))
    settings["method"]["params"][key] = "other"
    with pytest.raises(InputError, match=f"unknown {key} 'other'.*Known: "):
        built(settings)
