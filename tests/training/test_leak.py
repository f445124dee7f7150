"""No method learns from a label that it may not see."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import PATIENTS, tiny_cases, tiny_training

from dmd.data.store import write_store
from dmd.planning.declarations import declaration
from dmd.planning.implementations import methods
from dmd.training.loop import train

CASES = [(name, count) for name in methods() for count in declaration(name).dimensions]
LABELLED = PATIENTS["train"][:2]  # as `tiny_training` has it


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """Return a function that makes a store in which the voxels of some patients' labels are shuffled."""

    def make(dimensions, shuffled):
        random, cases = np.random.default_rng(1), []
        for case in tiny_cases(dimensions):
            label = random.permutation(case.label.ravel()).reshape(case.label.shape)
            cases.append(replace(case, label=label) if case.patient in shuffled else case)
        path = tmp_path_factory.mktemp("leak") / "store.h5"
        identity = tiny_training(dimensions, "dmd", {})["dataset"]
        write_store(path, identity, ["background", "ring", "core"][: 5 - dimensions], PATIENTS, cases)
        return path

    return make


def trained(run, store):
    train(run, store, "cpu")
    return torch.load(run.weights, weights_only=True)


def is_equal(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(("name", "dimensions"), CASES)
def test_shuffled_labels_of_unlabelled_scans_change_no_bit(name, dimensions, content, stores, tiny_run, tiny_store):
    stanza = content["methods"][name]
    params = stanza["params"] | stanza.get("adapted", {}).get("la" if dimensions == 3 else "acdc", {})
    settings = tiny_training(dimensions, name, params) | {"iterations": 3}
    unseen = set(PATIENTS["train"]) - set(LABELLED)
    straight = trained(tiny_run(settings, "straight"), tiny_store[dimensions])
    assert is_equal(straight, trained(tiny_run(settings, "shuffled"), stores(dimensions, unseen)))
    assert not is_equal(straight, trained(tiny_run(settings, "seen"), stores(dimensions, LABELLED[:1])))
