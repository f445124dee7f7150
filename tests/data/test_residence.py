"""Batches made where the training is; "meta" stands for a GPU: it has no values that a host could wait for."""

import threading

import by_numpy
import numpy as np
import pytest
import torch
from conftest import tiny_training
from hypothesis import given
from hypothesis import strategies as st

from dmd.data import batches as module
from dmd.data import residence
from dmd.data.batches import AHEAD, Batches
from dmd.data.distance import signed_distances
from dmd.data.store import Store, load_store

CPU, META = torch.device("cpu"), torch.device("meta")
ROOM, NO_ROOM = 2**40, 2**10


@pytest.fixture(scope="module")
def stores(tiny_store) -> dict[int, Store]:
    return {dimensions: load_store(path) for dimensions, path in tiny_store.items()}


@pytest.fixture
def free(monkeypatch):
    """Return a function that sets how many bytes of a GPU are free."""

    def set_free(size: int) -> None:
        monkeypatch.setattr(residence, "free_bytes", lambda device: size)

    return set_free


def made(store: Store, dimensions: int, derive=None, **changes) -> Batches:
    copies = [case.label.astype(np.float32) for case in store.labelled(2)]
    extras = {"copy": copies, "distances": derive or (lambda labels: torch.from_numpy(signed_distances(labels, 2)))}
    return Batches(store, tiny_training(dimensions, "dmd", {}) | changes, extras)


@given(st.sampled_from([2, 3]), st.integers(0, 2**32), st.integers(0, 100), st.integers(4, 30))
def test_a_batch_is_that_of_the_scripts_bit_for_bit(stores, dimensions, seed, step, size):
    batches = made(stores[dimensions], dimensions, seed=seed, patch=[size, size + 1, size // 2][:dimensions])
    images, labels, copies = by_numpy.batch(batches, step)
    batch = batches[step]
    assert np.array_equal(batch.images.numpy(), images)
    assert np.array_equal(batch.labels.numpy(), labels)
    assert np.array_equal(batch.extras["copy"].numpy(), copies)
    assert np.array_equal(batch.extras["distances"].numpy(), signed_distances(labels, 2))


@pytest.mark.parametrize("dimensions", [2, 3])
def test_on_a_cpu_the_volumes_are_those_of_the_store(stores, dimensions):
    batches = made(stores[dimensions], dimensions).on(CPU)
    arrays = [array for item in batches.labelled + batches.unlabelled for array in item]
    tensors = [tensor for item in batches.volumes for tensor in item]
    assert all(np.shares_memory(tensor.numpy(), array) for tensor, array in zip(tensors, arrays, strict=True))


@pytest.mark.parametrize("dimensions", [2, 3])
def test_with_room_nothing_comes_from_the_host_but_what_it_makes(stores, dimensions, free, monkeypatch, capsys):
    free(ROOM)
    batches = made(stores[dimensions], dimensions)
    there, on_host = batches.on(META), [batches[step] for step in range(8)]
    assert {tensor.device for tensors in there.volumes for tensor in tensors} == {META}
    sent = []
    monkeypatch.setattr(module, "sent", lambda tensor, device: sent.append(tensor.device) or tensor.to(device))
    for step, same in enumerate(on_host):
        batch = there[step]
        assert {batch.images.device, batch.labels.device, *(each.device for each in batch.extras.values())} == {META}
        assert (batch.images.shape, batch.labels.dtype) == (same.images.shape, torch.int64)
    assert sent.count(CPU) == len(on_host)  # the distances
    assert capsys.readouterr().err == ""


def test_without_room_the_volumes_stay_and_labels_travel_as_bytes(stores, free, monkeypatch, capsys):
    free(NO_ROOM)
    there = made(stores[3], 3).on(META)
    assert "volumes stay in the host's memory" in capsys.readouterr().err
    assert {tensor.device for tensors in there.volumes for tensor in tensors} == {CPU}
    sent = []
    monkeypatch.setattr(module, "sent", lambda tensor, device: sent.append(tensor.dtype) or tensor.to(device))
    batch = there[3]
    assert (batch.images.device, batch.labels.device, batch.labels.dtype) == (META, META, torch.int64)
    assert sorted(map(str, sent)) == ["torch.float32"] * 3 + ["torch.uint8"]


def test_several_batches_are_made_at_once_beside_a_gpu_and_come_in_order(stores, free):
    free(ROOM)
    together = threading.Barrier(AHEAD)
    batches = made(stores[3], 3, lambda labels: labels * (together.wait(timeout=20) >= 0))
    assert [step for step, _ in batches.stream(5, 5 + AHEAD, META)] == [5, 6, 7, 8]


def test_beside_a_cpu_one_batch_is_made_ahead_on_one_core(stores):
    threads, before = [], torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        batches = made(stores[3], 3, lambda labels: threads.append(torch.get_num_threads()) or labels)
        for step, _ in batches.stream(0, 4, CPU):
            assert step + 1 <= len(threads) <= step + 2
            assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert threads == [1] * 4


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("bytes_free", [ROOM, NO_ROOM])
def test_a_gpu_makes_the_same_bits(stores, dimensions, free, bytes_free):
    free(bytes_free)
    batches = made(stores[dimensions], dimensions)
    for step, batch in batches.stream(0, 40, torch.device("cuda")):
        same = batches[step]
        assert batch.images.is_cuda
        assert torch.equal(batch.images.cpu(), same.images)
        assert torch.equal(batch.labels.cpu(), same.labels)
        assert all(torch.equal(batch.extras[name].cpu(), same.extras[name]) for name in same.extras)
