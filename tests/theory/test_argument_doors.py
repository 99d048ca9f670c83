"""What is no number, time, phase, tolerance, rule or matrix is refused before the work."""

import datetime
import decimal
import fractions

import numpy as np
import pytest
from array_calls import CALLS, W0, T, W

import fatheory
from fatheory import theory
from fatheory.checks import checked_tolerances, one_number, real_array
from fatheory.errors import ArrayError, RegimeError, UnknownNameError
from fatheory.rules import Shallow, as_rule
from fatheory.theory import FlowPhase
from fatheory.theory.phase import checked_phases


@pytest.mark.parametrize(
    "wrong",
    ["0.1", 0.1j, np.datetime64(1, "s"), datetime.timedelta(seconds=1), None, [1.0]],
    ids=repr,
)
def test_single_numbers_have_the_same_door(wrong):
    with pytest.raises(ArrayError, match="learning_rate must be"):
        one_number("learning_rate", wrong)


@pytest.mark.parametrize("name", ["flow", "reduced", "early_time", "riccati_flow"])
@pytest.mark.parametrize("wrong", [["0", "1"], [0, 1j], np.array([0, 1], "timedelta64[s]")])
def test_times_have_the_same_door(name, wrong):
    function, arrays, others = CALLS[name]
    with pytest.raises(ArrayError, match="times must be an array of real numbers"):
        function(**arrays, **(others | {"times": wrong}))


def test_real_numbers_of_all_kinds_pass():
    exact = [fractions.Fraction(1, 2), decimal.Decimal("0.5"), 1, True, np.float32(2), np.array(3)]
    np.testing.assert_array_equal(real_array("a", exact), [0.5, 0.5, 1, 1, 2, 3])
    whole = np.ma.masked_array([1.0, 2.0], mask=[False, False])
    np.testing.assert_array_equal(real_array("a", whole), [1, 2])
    assert one_number("a", np.longdouble(2)) == 2


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([10**400], "real numbers|finite"),
        ([[1], [2, 3]], "real numbers"),
        ([np.ma.masked, 1.0], "masked entries"),
        ([np.ma.masked_array([1.0], mask=[True]), [2.0]], "masked entries"),
        ([1.0, None], "real numbers"),
        (np.zeros(2, dtype=[("x", float)]), "real numbers"),
    ],
)
def test_what_is_no_array_of_numbers_is_refused(value, words):
    with pytest.raises(ArrayError, match=words):
        real_array("a", value)


@pytest.mark.parametrize("name", ["flow", "deep_flow", "phases_closed_form"])
@pytest.mark.parametrize(
    ("phases", "words"),
    [
        # 0 was the last layer, as lists are counted from their end.
        (
            [FlowPhase(1.0, frozenset({0}))],
            r"phase 1 freezes \[0\]; it must be a set of layers out of 1 ... 2",
        ),
        ([FlowPhase(1.0, frozenset({-1}))], "layers out of 1 ... 2"),
        ([FlowPhase(1.0, frozenset({3}))], "layers out of 1 ... 2"),
        (
            [FlowPhase(0.1, frozenset({1})), FlowPhase(float("nan"), frozenset({1}))],
            "phase 2 must last",
        ),
        ([FlowPhase(float("inf"), frozenset({1}))], "phase 1 must last a positive time; got inf"),
    ],
)
def test_phases_have_a_door(name, phases, words):
    function, arrays, others = CALLS[name]
    with pytest.raises(RegimeError, match=words):
        function(**arrays, **(others | {"phases": phases}))


@pytest.mark.parametrize(
    ("phases", "words"),
    [
        ([FlowPhase(1.0, frozenset({True}))], "layers out of 1 ... 2"),
        ([FlowPhase(1.0, 1)], "layers out of 1 ... 2"),
        ([FlowPhase("1", frozenset({1}))], "the duration of phase 1 must be"),
        ([fatheory.Phase(steps=3, frozen=(1,))], r"learning rate times steps; got Phase\(steps"),
        (FlowPhase(1.0, frozenset({1})), "phases must be a list"),
        (1.0, "phases must be a list"),
    ],
)
def test_what_is_no_phase_is_refused(phases, words):
    with pytest.raises((RegimeError, ArrayError), match=words):
        checked_phases(phases, layers=2)


@pytest.mark.parametrize("name", ["flow", "deep_flow", "reduced", "deep_reduced"])
@pytest.mark.parametrize("wrong", [0.0, -1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("which", ["rtol", "atol"])
def test_tolerances_have_a_door(name, wrong, which):
    function, arrays, others = CALLS[name]
    with pytest.raises(ArrayError, match=f"{which} must"):
        function(**arrays, **(others | {which: wrong}))


@pytest.mark.parametrize("wrong", ["0.1", 1j, None, [1e-9], np.ma.masked], ids=repr)
def test_what_is_no_tolerance_is_refused(wrong):
    with pytest.raises(ArrayError, match="rtol"):
        checked_tolerances(wrong, 1e-9)


@pytest.mark.parametrize("wrong", [None, 1, Shallow, ["backprop"], np.zeros(2)], ids=str)
def test_what_is_no_rule_is_refused(wrong):
    with pytest.raises(UnknownNameError, match=r"unknown rule .*known: backprop"):
        as_rule(wrong)


@pytest.mark.parametrize(
    ("name", "argument", "empty"),
    [
        ("first_alignment_angle", "B", np.zeros((0, 2))),
        ("early_time", "B", np.zeros((0, 2))),
        ("reduced_infinite_width", "T", np.zeros((0, 3))),
        ("bottleneck_limit", "T", np.zeros((2, 0))),
        ("bottleneck_limit", "B", np.zeros((0, 2))),
        ("invariant", "W0", np.zeros((4, 0))),
        ("dmft", "Y", np.zeros((4, 0))),
    ],
)
def test_matrices_without_entries_are_refused(name, argument, empty):
    """They ended in an IndexError of NumPy, or in arrays of nothing."""
    function, arrays, others = CALLS[name]
    with pytest.raises(ArrayError, match=rf"{argument} must have rows and columns; its shape is"):
        function(**(arrays | {argument: empty}), **others)


@pytest.mark.parametrize("steps", [-1, True])
def test_numbers_of_steps_are_whole(steps):
    with pytest.raises(RegimeError, match="steps must be a whole number, 0 or larger"):
        theory.node_perturbation_mean_loss(W0, W, T, 0.01, steps)


def test_what_belongs_to_something_that_is_not_there_is_refused():
    with pytest.raises(ArrayError, match="there is no test_kernel: give both"):
        theory.lazy_outputs(np.eye(3), np.ones((3, 2)), times=[0, 1], test_start=np.ones((1, 2)))
