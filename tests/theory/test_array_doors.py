"""What NumPy would take for real numbers and is not: refused by every array function of theory."""

import dataclasses
import datetime
import decimal
import fractions
import inspect

import numpy as np
import pytest

import fatheory
from fatheory import theory
from fatheory.checks import checked_tolerances, one_number, real_array
from fatheory.errors import ArrayError, RegimeError, UnknownNameError
from fatheory.rules import Shallow, as_rule
from fatheory.theory import FlowPhase, laws
from fatheory.theory.phase import checked_phases

rng = np.random.default_rng(0)
W0, W, B, T = (rng.normal(size=shape) for shape in ((4, 3), (2, 4), (4, 2), (2, 3)))
Sigma, times, e = np.eye(3), [0.0, 0.1], np.ones(2)
two = {"W0": W0, "W": W, "B": B, "T": T}
deep = {"weights": [W0, W], "feedback": [B], "T": T, "Sigma": Sigma}
usf, fixed = (
    laws.rule_potential("usf", (2, 4)),
    laws.rule_potential("feedback_alignment", (2, 4), B),
)
decay = {"learning_rate": 0.1, "weight_decay": 0.1}
balanced = {"W0": W0, "W": np.linalg.qr(rng.normal(size=(4, 4)))[0][:2] * 0, "T": T}

CALLS = {
    "flow": (theory.flow, two | {"Sigma": Sigma}, {"times": times}),
    "deep_flow": (theory.deep_flow, deep, {"times": times}),
    "reduced": (theory.reduced, two | {"Sigma": Sigma}, {"times": times}),
    "closed_form": (theory.closed_form, two | {"Sigma": Sigma}, {"times": times}),
    "early_time": (theory.early_time, {"B": B, "T": T, "Sigma": Sigma}, {"times": times}),
    "first_alignment_angle": (theory.first_alignment_angle, {"B": B, "T": T, "Sigma": Sigma}, {}),
    "hidden_gram": (theory.hidden_gram, {"W0": W0, "W": W, "B": B}, {}),
    "invariant": (theory.invariant, {"W0": W0, "W": W, "B": B}, {}),
    "reduced_infinite_width": (
        theory.reduced_infinite_width,
        {"T": T, "Sigma": Sigma},
        {"times": times, "feedback_variance": 1.0},
    ),
    "reduced_sgd": (
        theory.reduced_sgd,
        two | {"inputs": rng.normal(size=(5, 1, 3))},
        {"learning_rate": 0.1, "snapshot_steps": [5]},
    ),
    "phases_closed_form": (
        theory.phases_closed_form,
        two | {"Sigma": Sigma},
        {"times": times, "phases": [theory.FlowPhase(1.0, frozenset({1}))]},
    ),
    "shallow_weights": (
        theory.shallow_weights,
        {"W0": W0, "W": W, "T": T, "Sigma": Sigma},
        {"times": times},
    ),
    "frozen_output_weights": (
        theory.frozen_output_weights,
        {"W0": W0, "W": W, "P": B, "T": T, "Sigma": Sigma},
        {"times": times},
    ),
    "order_parameters": (
        theory.order_parameters,
        {"Q": np.eye(2), "R": np.zeros((2, 2)), "T": np.eye(2), "W": np.eye(2), "A": np.eye(2)},
        {"times": times, "activation": "erf", "B": np.eye(2), "learning_rate": 0.1},
    ),
    "online_fluctuations": (
        theory.online_fluctuations,
        two | {"Sigma": Sigma},
        {"times": times},
    ),
    "late_learning": (
        theory.late_learning,
        {"W0": W0, "W": W, "B": B, "Sigma": Sigma},
        {"learning_rate": 0.1},
    ),
    "frozen_mean_loss": (
        theory.frozen_mean_loss,
        {"E": T, "W0": W0, "W": W, "B": B, "Sigma": Sigma},
        {"learning_rate": 0.1, "steps": [0, 1]},
    ),
    "shallow_mean_loss": (
        theory.shallow_mean_loss,
        {"W0": W0, "W": W, "T": T, "Sigma": Sigma},
        {"learning_rate": 0.1, "steps": [0, 1]},
    ),
    "deep_reduced": (theory.deep_reduced, deep, {"times": times}),
    "lazy_kernel": (
        theory.lazy_kernel,
        {"X": rng.normal(size=(4, 3))},
        {"activation": "relu", "hidden_layers": 1, "rule": "usf"},
    ),
    "dmft": (
        theory.dmft,
        {"X": rng.normal(size=(4, 3)), "Y": rng.normal(size=(4, 2))},
        {
            "activation": "tanh",
            "hidden_layers": 1,
            "richness": 1.0,
            "learning_rate": 0.1,
            "steps": 1,
            "samples": 64,
        },
    ),
    "largest_stable_learning_rate": (
        theory.largest_stable_learning_rate,
        {"W0": W0, "W": W, "B": B, "Sigma": Sigma},
        {"rule": "backprop"},
    ),
    "largest_stable_lms_rate": (theory.largest_stable_lms_rate, {"covariance": Sigma}, {}),
    "layer_invariants": (theory.layer_invariants, {"weights": [W0, W], "feedback": [B]}, {}),
    "layer_invariant_changes": (theory.layer_invariant_changes, {"updates": [W0, W]}, {}),
    "bottleneck_limit": (theory.bottleneck_limit, {"T": T, "B": B}, {}),
    "riccati_flow": (theory.riccati_flow, balanced, {"times": times}),
    "convergence_certificate": (theory.convergence_certificate, two | {"Sigma": Sigma}, {}),
    "linearised_rate": (theory.linearised_rate, two | {"Sigma": Sigma}, {}),
    "measured_rate": (theory.measured_rate, {"loss": np.ones(2)}, {"times": times}),
    "feedback_alignment_limit": (theory.feedback_alignment_limit, {"B": B, "T": T}, {}),
    "gauss_newton_signal": (theory.gauss_newton_signal, {"W": W, "e": e}, {}),
    "teaching_signal_angles": (theory.teaching_signal_angles, {"W": W, "B": B, "e": e}, {}),
    "row_space_residual": (theory.row_space_residual, {"W": W, "B": B}, {}),
    "node_perturbation_moments": (
        theory.node_perturbation_moments,
        {"W": W, "e": e},
        {"sigma": 0.1},
    ),
    "node_perturbation_slowdown": (theory.node_perturbation_slowdown, {"W": W}, {}),
    "ModeSolution": (theory.ModeSolution, {"s": np.ones(2), "g": np.ones(2)}, {}),
    "backprop_modes": (
        theory.backprop_modes,
        {"a0": np.ones(2), "b0": np.ones(2), "s": np.ones(2)},
        {"times": times},
    ),
    "weak_alignment": (
        theory.weak_alignment,
        {"weights": [W0, W], "feedback": [B]},
        {},
    ),
    "backprop_aligned_weights": (
        theory.backprop_aligned_weights,
        {"W0": np.zeros((4, 3)), "W": np.zeros((2, 4)), "T": T, "Sigma": Sigma},
        {"times": times},
    ),
    "closed_form_solution": (theory.closed_form_solution, two | {"Sigma": Sigma}, {}),
    "concordance_threshold": (
        theory.concordance_threshold,
        {"X": rng.normal(size=(4, 3))},
        {"activation": "relu", "hidden_layers": 1},
    ),
    "conveyed_error": (theory.conveyed_error, {"W": W, "V": B, "e": e}, {}),
    "deep_infinite_width": (
        theory.deep_infinite_width,
        {"T": T, "Sigma": Sigma},
        {"times": times, "weight_variances": [0.1], "feedback_variances": [1.0]},
    ),
    "deep_modes": (theory.deep_modes, deep, {}),
    "deep_reduced_sgd": (
        theory.deep_reduced_sgd,
        deep | {"inputs": rng.normal(size=(5, 1, 3)), "noise": rng.normal(size=(5, 1, 2))},
        {"learning_rate": 0.1, "snapshot_steps": [5]},
    ),
    "lazy_limit": (
        theory.lazy_limit,
        {
            "X": rng.normal(size=(4, 3)),
            "Y": rng.normal(size=(4, 2)),
            "test_points": rng.normal(size=(2, 3)),
            "start": rng.normal(size=(4, 2)),
            "test_start": rng.normal(size=(2, 2)),
        },
        {"activation": "relu", "hidden_layers": 1, "rule": "usf"},
    ),
    "lazy_outputs": (
        theory.lazy_outputs,
        {
            "kernel": np.diag([1.0, 2.0, 3.0]),
            "Y": rng.normal(size=(3, 2)),
            "start": rng.normal(size=(3, 2)),
            "test_kernel": rng.normal(size=(1, 3)),
            "test_start": rng.normal(size=(1, 2)),
        },
        {"times": times},
    ),
    "node_perturbation_mean_loss": (
        theory.node_perturbation_mean_loss,
        {"W0": W0, "W": W, "T": T},
        {"learning_rate": 0.01, "steps": 2},
    ),
    "node_perturbation_stability": (theory.node_perturbation_stability, {"W": W}, {"n_i": 3}),
    "online_learning": (theory.online_learning, two, {"learning_rate": 0.01, "steps": [0, 1]}),
    "order_parameter_fluctuations": (
        theory.order_parameter_fluctuations,
        {"Q": np.eye(2), "R": np.zeros((2, 2)), "T": np.eye(2), "W": np.eye(2), "A": np.eye(2)},
        {
            "times": times, "activation": "erf", "B": np.eye(2), "learning_rate": 0.1,
            "inputs": 100,
        },
    ),
    "unit_invariants": (
        theory.unit_invariants,
        {"weights": [W0, W], "feedback": [B], "biases": [np.ones(4), np.ones(2)]},
        {},
    ),
    "unit_invariant_changes": (
        theory.unit_invariant_changes,
        {"updates": [W0, W], "bias_updates": [np.ones(4), np.ones(2)]},
        {},
    ),
    "anti_regularising_start": (
        theory.anti_regularising_start,
        {"s": np.array([1.0, 2.0])},
        {"g": 1.0},
    ),
    "start_for_learning_times": (
        theory.start_for_learning_times,
        {"s": np.array([1.0, 2.0])},
        {"g": 1.0, "times": [1.0, 2.0]},
    ),
    "laws.kolen_pollack_law": (laws.kolen_pollack_law, {"W0": W0, "B": B}, {}),
    "laws.kolen_pollack_law_change": (
        laws.kolen_pollack_law_change,
        {"W0": W0, "B": B, "step_of_W0": W0, "step_of_W": W},
        decay,
    ),
    "laws.kolen_pollack_difference": (
        laws.kolen_pollack_difference,
        {"difference": B},
        {"steps": [0, 3], **decay},
    ),
    "laws.weight_mirror_variance": (laws.weight_mirror_variance, {"W": W}, {"rate": 0.1}),
    "laws.rule_potential": (laws.rule_potential, {"state": W}, {"rule": "frsf", "shape": (2, 4)}),
    "laws.potential_law": (
        laws.potential_law,
        {"weights": [W0, W], "biases": [np.ones(4)]},
        {"potentials": [usf]},
    ),
    "laws.potential_law_changes": (
        laws.potential_law_changes,
        {
            "before": [W0, W], "after": [2 * W0, 3 * W],
            "biases_before": [np.ones(4)], "biases_after": [np.zeros(4)],
        },
        {"potentials": [fixed]},
    ),
}  # fmt: skip


def takes_arrays(function):
    """Whether a public part of theory says that it takes arrays."""
    if isinstance(function, type) and not dataclasses.is_dataclass(function):
        return False
    kinds = inspect.signature(function).parameters.values() if callable(function) else ()
    return any("ArrayLike" in str(kind.annotation) for kind in kinds)


def test_every_array_function_is_called_here():
    every = {name for name in dir(theory) if takes_arrays(getattr(theory, name))}
    every |= {f"laws.{name}" for name in dir(laws) if takes_arrays(getattr(laws, name))}
    assert every == set(CALLS)


DECAY = np.exp(-np.arange(9.0))


def masked(A):
    hidden = np.ma.masked_array(A, mask=np.zeros(np.shape(A), dtype=bool))
    hidden[(0,) * np.ndim(A)] = np.ma.masked
    return hidden


IMPOSTORS = {
    "complex": lambda A: A + 0j,
    "strings": lambda A: A.astype(str),
    "strings as objects": lambda A: A.astype(str).astype(object),
    "masked": masked,
    "dates": lambda A: A.astype("datetime64[s]"),
    "durations": lambda A: A.astype("timedelta64[s]"),
}


def calls():
    for name, (function, arrays, others) in CALLS.items():
        for argument in arrays:
            yield pytest.param(function, arrays, others, argument, id=f"{name}-{argument}")


def with_last(genuine, change):
    """Change an array, or the last one of a list."""
    return [*genuine[:-1], change(genuine[-1])] if isinstance(genuine, list) else change(genuine)


@pytest.mark.parametrize(("function", "arrays", "others", "argument"), list(calls()))
@pytest.mark.parametrize("kind", IMPOSTORS)
def test_impostors_are_refused(function, arrays, others, argument, kind):
    genuine = arrays[argument]
    change = IMPOSTORS[kind]
    changed = with_last(genuine, change)
    with pytest.raises(ArrayError, match=r"real numbers|masked entries"):
        function(**(arrays | {argument: changed}), **others)


WRONG_SHAPES = {
    "one number": lambda A: A.flat[0],
    "an axis more": lambda A: A[None],
    "an axis less": lambda A: A[0],
    "nothing": lambda A: A[:0],
}
MANY_MODES = {"ModeSolution", "backprop_modes"}
"""Their arguments are repeated to one shape of modes, as they say."""


@pytest.mark.parametrize(("function", "arrays", "others", "argument"), list(calls()))
def test_other_numbers_of_axes_are_refused(function, arrays, others, argument):
    if function.__name__ in MANY_MODES:
        return
    many = argument == "e" and "moments" not in function.__name__  # errors of many samples
    for kind, change in WRONG_SHAPES.items():
        if many and kind == "an axis more":
            continue
        with pytest.raises(ArrayError):
            function(**(arrays | {argument: with_last(arrays[argument], change)}), **others)


SCALES = [1e-320, 1e-170, 1e160, 1e300]


@pytest.mark.parametrize(("function", "arrays", "others", "argument"), list(calls()))
def test_scales_that_leave_floating_point_are_refused(function, arrays, others, argument):
    """Squares of 1e-170 are zero and of 1e160 infinite: kernels, losses and angles were NaN."""
    if function in (theory.measured_rate, theory.ModeSolution):
        return  # by logarithms: see below, and test_theory_modes
    for scale in SCALES:
        whole = with_last(arrays[argument], lambda A, c=scale: np.where(A == 0, 1.0, A) * c)
        with pytest.raises(ArrayError, match=r"of a size between 1e-60 and 1e|1e-100"):
            function(**(arrays | {argument: whole}), **others)


def test_rates_of_losses_of_any_scale_are_measured():
    for scale in (1e-300, 1e-170, 1e160, 1e300):
        assert theory.measured_rate(range(9), DECAY * scale) == pytest.approx(0.5)


def test_what_small_numbers_stand_beside_larger_ones_is_no_matter():
    given = real_array("W", np.array([1e-300, 1.0, 0.0]))
    np.testing.assert_array_equal(given, [1e-300, 1, 0])
    assert not real_array("W", np.zeros((2, 2))).any()
    for edge in (1e-60, 1e30):
        assert real_array("W", [edge, -edge])[0] == edge


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
