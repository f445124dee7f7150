"""What rows cost, from facts made up by hand."""

import math

import pytest
from records import vouch_for

from dmd.report.cost import cost, devices
from dmd.report.scores import read
from dmd.report.tables import notes
from dmd.report.tested import ReadOnce

from .made import add_run, row, shifted, table

ZEN = {"device": "cpu", "processor": "AMD EPYC, AVX512 bf16"}


def test_hours_and_passes_are_means_and_memory_is_the_most():
    facts = [
        ZEN | {"wall_seconds": 3600, "processor_seconds": 1800, "passes_per_step": 24, "peak_memory_mb": 900},
        ZEN | {"wall_seconds": 7200, "processor_seconds": 5400, "passes_per_step": 24, "peak_memory_mb": 700},
    ]
    assert cost(facts) == {
        "passes_per_step": 24,
        "hours": 1.5,
        "processor_hours": 1.0,
        "peak_memory_mb": 900,
        "device": "AMD EPYC, AVX512 bf16",
    }


@pytest.mark.parametrize("some", [{}, {"wall_seconds": 9, "processor_seconds": 9, "peak_memory_mb": 9}])
def test_what_not_all_runs_say_is_not_known(some):
    found = cost([some, {}])
    assert found.pop("device") == ""
    assert all(map(math.isnan, found.values()))


def test_a_run_that_went_on_elsewhere_has_two_devices():
    assert devices([ZEN | {"attempts": [{"device": "NVIDIA H100"}, ZEN]}]) == ["AMD EPYC, AVX512 bf16", "NVIDIA H100"]


def test_a_row_of_two_machines_is_said_to_be_one(tmp_path):
    runs = [add_run(tmp_path, shifted(0), seed=seed) for seed in (1, 2, 3)]
    for run, facts in zip(runs, (ZEN, ZEN, {"device": "NVIDIA H100"}), strict=True):
        vouch_for(run, **facts)
    alike = read(table(row("A", 8, runs[:2], {})), ReadOnce(tmp_path))
    mixed = read(table(row("B", 8, runs[1:], {}), row("B", 16, runs[:2], {})), ReadOnce(tmp_path))
    said = "Trained on different machines, which round differently: B, la with 8 labelled (AMD EPYC, AVX512 bf16; "
    said += "NVIDIA H100)."
    assert said in notes(mixed, mixed.summary())
    assert not [note for note in notes(alike, alike.summary()) if "machines" in note]
