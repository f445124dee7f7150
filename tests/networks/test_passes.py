"""Passes of methods whose steps are counted by hand: two labelled and two unlabelled images, forward 1, gradient 2."""

import pytest

from dmd.methods.contract import Trial
from dmd.networks.passes import Passes

HAND = {
    "supervised": (3, 2 * 3),
    "dmd": (3, 2 * 4 * 3),
    "mcnet": (3, 4 * (0.5 + 2 * 0.5) * 3),  # one encoder, two decoders
    "uamt": (3, 4 * 3 + 2 + 8 * 2),  # the student; the teacher once, and eight times, on the unlabelled images
    "urpc": (2, 4 * 3),
}


@pytest.mark.parametrize("name", HAND)
def test_a_step_has_the_passes_counted_by_hand(content, name):
    dimensions, expected = HAND[name]
    stanza = content["methods"][name]
    params = stanza["params"] | stanza.get("adapted", {}).get("la" if dimensions == 3 else "acdc", {})
    trial = Trial.of(name, params, dimensions)
    method = trial.method()
    passes, batches = Passes(method), trial.batches(method)
    assert passes.facts() == {}
    for step in range(2):
        with passes:
            method.train_step(batches[step], step)
    method.predictor(batches[2].images)  # a look at validation patients is no part of a step
    assert passes.facts() == {"passes_per_step": expected}
