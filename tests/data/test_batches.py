import numpy as np
import pytest
import torch
from conftest import PATIENTS, tiny_training

from dmd.data.batches import Batch, Batches
from dmd.data.store import load_store
from dmd.errors import InputError


@pytest.fixture
def batches(tiny_store):
    def make(dimensions: int = 3, **changes) -> Batches:
        return Batches(load_store(tiny_store[dimensions]), tiny_training(dimensions, "dmd", {}) | changes)

    return make


def test_shapes_and_types_are_the_contract(batches):
    batch = batches()[0]
    assert batch.images.shape == (4, 1, 16, 16, 16)
    assert batch.images.dtype == torch.float32
    assert batch.labels.shape == (2, 16, 16, 16)
    assert batch.labels.dtype == torch.int64
    flat = batches(2)[0]
    assert flat.images.shape == (4, 1, 16, 16)
    assert flat.labels.shape == (2, 16, 16)


def test_a_batch_is_a_function_of_seed_and_step(batches):
    one, other = batches(), batches()
    for step in (5, 0, 17, 5):
        assert torch.equal(one[step].images, other[step].images)
        assert torch.equal(one[step].labels, other[step].labels)
    assert not torch.equal(one[0].images, one[1].images)
    assert not torch.equal(one[0].images, batches(seed=8)[0].images)


def test_an_epoch_passes_once_over_the_labelled_cases_and_drops_the_remainder(batches):
    made = batches(labelled=5)
    assert made.per_epoch == 2
    for epoch in range(3):
        drawn = [index for step in range(2) for index in made.indices(2 * epoch + step)[0]]
        assert len(set(drawn)) == 4


def test_unlabelled_cases_come_from_a_chain_of_whole_permutations(batches):
    made = batches(labelled=4)
    drawn = [index for step in range(made.per_epoch) for index in made.indices(step)[1]]
    assert sorted(drawn[:2]) == sorted(drawn[2:]) == [0, 1]


def test_the_order_changes_from_epoch_to_epoch(batches):
    made = batches(labelled=5)
    orders = {tuple(made.indices(2 * epoch)[0] + made.indices(2 * epoch + 1)[0]) for epoch in range(20)}
    assert len(orders) > 10


def test_a_wholly_labelled_batch_keeps_the_last_smaller_group(batches):
    made = batches(labelled=5, batch={"size": 4, "labelled": 4})
    assert made.per_epoch == 2
    assert [len(made.indices(step)[0]) for step in range(2)] == [4, 1]
    assert made[1].images.shape[0] == 1
    assert made[1].labels.shape[0] == 1


def test_slices_of_labelled_patients_only_are_labelled(batches):
    made = batches(2, labelled=1)
    assert len(made.labelled) == 3
    assert len(made.unlabelled) == 3 * (len(PATIENTS["train"]) - 1)
    assert {len(item) for item in made.unlabelled} == {1}


def test_a_draw_says_who_is_labelled(batches):
    listed, drawn = batches(), batches(draw=3)
    shared = [any(np.array_equal(item[0], other[0]) for other in listed.labelled) for item in drawn.labelled]
    assert len(drawn.labelled) == len(listed.labelled)
    assert not all(shared)


def test_the_stream_yields_the_same_batches_in_order(batches):
    made = batches()
    seen = list(made.stream(3, 6, torch.device("cpu")))
    assert [step for step, _ in seen] == [3, 4, 5]
    assert all(torch.equal(batch.images, made[step].images) for step, batch in seen)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_arrays_share_the_transforms_and_functions_are_given_the_labels(tiny_store, dimensions):
    store, spec = load_store(tiny_store[dimensions]), tiny_training(dimensions, "dmd", {})
    copies = [case.label.astype(np.float32) for case in store.labelled(2)]
    made = Batches(store, spec, {"copy": copies, "double": lambda labels: 2 * labels})
    for step in range(4):
        batch = made[step]
        assert set(batch.extras) == {"copy", "double"}
        assert torch.equal(batch.extras["copy"], batch.labels.float())
        assert torch.equal(batch.extras["double"], 2 * batch.labels)


def test_too_few_labelled_cases_for_a_batch_are_refused(batches):
    with pytest.raises(InputError, match="at least 2 labelled volumes to fill a batch, found 1"):
        batches(labelled=1)


def test_a_budget_that_leaves_no_unlabelled_case_for_a_mixed_batch_is_refused(batches):
    everyone = len(PATIENTS["train"])
    with pytest.raises(InputError, match=f"unlabelled patients for 2 of the 4 .* found none with {everyone} labelled"):
        batches(labelled=everyone)
    assert batches(labelled=everyone, batch={"size": 4, "labelled": 4})[0].labels.shape[0] == 4


def test_the_original_arrays_are_never_written(batches):
    made = batches()
    before = [array.copy() for item in made.labelled for array in item]
    for step in range(5):
        made[step].images.zero_()
    assert all(
        np.array_equal(old, new) for old, new in zip(before, [a for item in made.labelled for a in item], strict=True)
    )


def test_a_batch_without_labels_is_refused():
    with pytest.raises(InputError, match="at least one labelled case, found 0 labels for 2 images"):
        Batch(torch.zeros(2, 1, 4, 4), torch.zeros(0, 4, 4, dtype=torch.int64))


def test_a_batch_is_split_where_its_labels_end():
    batch = Batch(torch.zeros(3, 1, 4, 4), torch.zeros(1, 4, 4, dtype=torch.int64))
    labelled, unlabelled = batch.split(torch.arange(3))
    assert labelled.tolist() == [0]
    assert unlabelled.tolist() == [1, 2]


def test_a_wholly_labelled_batch_has_no_second_part():
    batch = Batch(torch.zeros(2, 1, 4, 4), torch.zeros(2, 4, 4, dtype=torch.int64))
    with pytest.raises(InputError, match="found 2 labelled of 2; change the budget"):
        batch.split(batch.images)
