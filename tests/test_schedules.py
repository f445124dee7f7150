import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmd.errors import InputError
from dmd.schedules import constant, learning_rate, poly_schedule, ramp, step_schedule

STEP = {"kind": "step", "every": 2500, "factor": 0.1}


def training(**schedule) -> dict:
    return {"optimiser": {"lr": 0.01}, "schedule": schedule, "reference_iterations": 30000}


@pytest.mark.parametrize(("t", "expected"), [(0, 0.0067), (20, 0.2865), (39, 0.9969), (40, 1.0), (400, 1.0)])
def test_ramp_has_the_published_values(t, expected):
    assert ramp(t, 40) == pytest.approx(expected, abs=5e-5)


def test_ramp_without_length_is_one():
    assert ramp(0, 0) == 1.0


def test_ramp_before_the_start_is_its_first_value():
    assert ramp(-3, 40) == ramp(0, 40) == math.exp(-5)


@given(st.floats(-10, 300), st.floats(-10, 300), st.floats(0.1, 200))
def test_ramp_never_falls_and_stays_in_its_range(t, later, length):
    t, later = min(t, later), max(t, later)
    assert math.exp(-5) <= ramp(t, length) <= ramp(later, length) <= 1


@pytest.mark.parametrize(("clock", "rate"), [(0, 0.01), (2499, 0.01), (2500, 0.001), (4999, 0.001), (5000, 0.0001)])
def test_step_schedule_decays_after_the_2500th_iteration(clock, rate):
    assert step_schedule(0.01, clock, every=2500, factor=0.1) == pytest.approx(rate)
    assert learning_rate(training(**STEP), clock) == pytest.approx(rate)


def test_poly_schedule_falls_from_base_to_zero():
    assert poly_schedule(0.01, 0, length=30000, power=0.9) == 0.01
    assert poly_schedule(0.01, 15000, length=30000, power=0.9) == pytest.approx(0.01 * 0.5**0.9)
    assert poly_schedule(0.01, 30000, length=30000, power=0.9) == 0


@given(st.integers(0, 29998))
def test_poly_schedule_falls_at_every_step(clock):
    now, then = (learning_rate(training(kind="poly", power=0.9), t) for t in (clock, clock + 1))
    assert now > then > 0


def test_constant_schedule_does_not_move():
    assert constant(0.01, 29999) == learning_rate(training(kind="constant"), 29999) == 0.01


def test_an_unknown_schedule_names_the_nearest():
    with pytest.raises(InputError, match="did you mean 'step'"):
        learning_rate(training(kind="steps"), 0)
