"""What every file in dmd/methods must keep, found by listing the folder."""

import contextlib
import copy
import dataclasses
import importlib
from pathlib import Path

import pytest
import torch
from conftest import derived, tiny_training

from dmd.data.batches import Batch, Batches
from dmd.data.store import load_store
from dmd.errors import InputError
from dmd.methods import base
from dmd.networks.build import Build
from dmd.planning import config
from dmd.planning.declarations import declaration, methods
from dmd.training.loop import noise_seed

CASES = [(name, count) for name in methods() for count in declaration(name).dimensions]


@pytest.fixture
def spec(content):
    def make(implementation: str, dimensions: int) -> dict:
        stanza = content["methods"][implementation]
        adapted = stanza.get("adapted", {}).get("la" if dimensions == 3 else "acdc", {})
        return tiny_training(dimensions, implementation, stanza["params"] | adapted)

    return make


def built(spec: dict) -> base.Method:
    torch.manual_seed(spec["seed"])
    method = base.make(spec["method"], Build.from_settings(spec))
    method.start_training(spec["optimiser"])
    return method


def params_of(name: str) -> type:
    return importlib.import_module(base.load(name).__module__).Params


def batches_for(method: base.Method, settings: dict, path: Path) -> Batches:
    store = load_store(path)
    return Batches(store, settings, method.extras(store.labelled(settings["labelled"])))


def steps(method: base.Method, batches: Batches, start: int, stop: int) -> list[dict[str, float]]:
    method.train()
    history = []
    for step in range(start, stop):
        torch.manual_seed(noise_seed(7, step))
        history.append({name: term.item() for name, term in method.train_step(batches[step], step).items()})
    return history


def test_every_method_of_the_configuration_has_a_file_with_its_hyper_parameters(content):
    for name, method in config.check(content).methods.items():
        implementation = method.implementation or name
        declared = [field.name for field in dataclasses.fields(params_of(implementation))]
        given = list(content["methods"][implementation]["params"])
        assert declared == given == declaration(implementation).names


def test_every_file_is_in_the_configuration(content):
    assert set(methods()) <= set(content["methods"])


@pytest.mark.parametrize("name", methods())
def test_the_planner_reads_the_dimensions_of_the_class(name):
    assert declaration(name).dimensions == base.load(name).dimensions
    assert set(declaration(name).dimensions) <= {2, 3}


@pytest.mark.parametrize("name", [name for name in methods() if len(declaration(name).dimensions) == 1])
def test_a_method_for_one_number_of_dimensions_is_refused_for_the_other(name, spec):
    (known,) = declaration(name).dimensions
    with pytest.raises(InputError, match=f"'{name}' is for {known}-D images only, found {5 - known}-D data"):
        built(spec(name, 5 - known))


@pytest.mark.parametrize("name", methods())
def test_hyper_parameters_are_frozen_and_have_no_defaults(name):
    params = params_of(name)
    assert params.__dataclass_params__.frozen
    missing = dataclasses.MISSING
    assert all(f.default is missing and f.default_factory is missing for f in dataclasses.fields(params))


@pytest.mark.parametrize(("name", "dimensions"), CASES)
def test_three_steps_are_finite_named_and_the_same_terms(name, dimensions, spec, tiny_store):
    settings = spec(name, dimensions)
    method = built(settings)
    history = steps(method, batches_for(method, settings, tiny_store[dimensions]), 0, 3)
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


TEACHING = {"cps", "cps_ssl4mis", "dmd", "mcnet"}


@pytest.mark.parametrize(("name", "dimensions"), CASES)
def test_who_has_peers_says_so(name, dimensions, spec):
    assert isinstance(built(spec(name, dimensions)), base.Teaching) == (name in TEACHING)


@pytest.mark.parametrize(("name", "dimensions"), [case for case in CASES if case[0] in TEACHING])
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
    assert len(peers) == 2


@pytest.mark.parametrize(("name", "dimensions"), CASES)
def test_ten_steps_are_five_and_resume_and_five_bit_for_bit(name, dimensions, spec, tiny_store, tmp_path):
    settings = spec(name, dimensions)
    straight = built(settings)
    batches = batches_for(straight, settings, tiny_store[dimensions])
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
    settings = spec(name, max(declaration(name).dimensions))
    method = built(settings).train()
    batch = batches_for(method, settings, tiny_store[settings["dimensions"]])[0]
    totals = [sum(term.item() for term in method.train_step(batch, 0).values()) for _ in range(12)]
    assert sum(totals[-3:]) < sum(totals[:3])


@pytest.mark.parametrize("name", methods())
def test_labels_of_unlabelled_cases_are_not_needed(name, spec, tiny_store):
    settings = spec(name, max(declaration(name).dimensions))
    method = built(settings).train()
    batch = batches_for(method, settings, tiny_store[settings["dimensions"]])[0]
    assert len(batch.labels) < len(batch.images)
    assert method.losses(batch, 0)


@pytest.mark.parametrize("value", [0, 1], ids=["absent", "full"])
@pytest.mark.parametrize(("name", "dimensions"), CASES)
def test_a_patch_without_or_full_of_a_class_gives_finite_terms(name, dimensions, value, spec, tiny_store):
    settings = spec(name, dimensions)
    method = built(settings).train()
    batch = batches_for(method, settings, tiny_store[dimensions])[0]
    labels = torch.full_like(batch.labels, value)
    terms = method.losses(Batch(batch.images, labels, {**batch.extras, **derived(method, labels)}), 0)
    torch.stack(list(terms.values())).sum().backward()
    gradients = [parameter.grad for parameter in method.parameters() if parameter.grad is not None]
    assert all(torch.isfinite(tensor).all() for tensor in [*terms.values(), *gradients])


@pytest.mark.parametrize(("name", "dimensions"), CASES)
def test_a_batch_without_unlabelled_cases_is_refused_or_finite(name, dimensions, spec, tiny_store):
    settings = spec(name, dimensions)
    method = built(settings).train()
    batch = batches_for(method, settings, tiny_store[dimensions])[0]
    labelled = Batch(batch.images[: len(batch.labels)], batch.labels, batch.extras)
    with contextlib.suppress(InputError):
        assert all(torch.isfinite(term) for term in method.losses(labelled, 0).values())


def test_an_unknown_method_lists_the_files_and_the_nearest():
    with pytest.raises(InputError, match="unknown method 'dmb'; did you mean 'dmd'"):
        base.load("dmb")


def test_an_unknown_hyper_parameter_in_a_spec_is_refused(spec):
    settings = copy.deepcopy(spec("dmd", 3))
    settings["method"]["params"]["temprature"] = 2
    with pytest.raises(InputError, match="unknown hyper-parameter 'temprature'; did you mean 'temperature'"):
        built(settings)


@pytest.mark.parametrize(("name", "key"), [("dmd", "divergence"), ("mcnet", "prediction")])
def test_an_unknown_choice_is_refused_with_the_known_ones(name, key, spec):
    settings = copy.deepcopy(spec(name, 3))
    settings["method"]["params"][key] = "other"
    with pytest.raises(InputError, match=f"unknown {key} 'other'.*Known: "):
        built(settings)
