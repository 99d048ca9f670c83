"""Bad input is refused in words before any work, and divergence is announced."""

import numpy as np
import pytest
from overlaps import drawn_overlaps

from fatheory.errors import ArrayError, LearningRateWarning, RegimeError, UnknownNameError
from fatheory.rules import make_rule
from fatheory.theory import order_parameter_fluctuations, order_parameters

Q, R, T, W, A, B = drawn_overlaps()
GOOD = {
    "Q": Q,
    "R": R,
    "T": T,
    "W": W,
    "A": A,
    "activation": "erf",
    "B": B,
    "learning_rate": 0.5,
    "times": [1.0],
}


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"R": 5 * R}, ArrayError, r"smallest eigenvalue of \[\[Q, R\], \[R\^T, T\]\] is -"),
        ({"Q": -Q}, ArrayError, "covariance has none below 0"),
        ({"Q": Q + np.triu(np.ones((3, 3)), 1)}, ArrayError, "Q must be symmetric"),
        ({"T": np.ones((2, 2))}, ArrayError, "T is singular: its smallest eigenvalue is"),
        ({"R": R.T}, ArrayError, r"R of shape \(2, 3\) does not fit Q"),
        ({"W": W[:, :2]}, ArrayError, "K is 2 in W and 3 in Q"),
        ({"A": A[:1]}, ArrayError, "n_o is 1 in A and 2 in W"),
        ({"Q": Q * np.nan}, ArrayError, "Q must be finite"),
        ({"Q": [["a"]]}, ArrayError, "Q must be an array of real numbers"),
        (
            {"Q": np.zeros((0, 0)), "R": np.zeros((0, 2)), "W": np.zeros((2, 0))},
            ArrayError,
            "there must be students; their number K is 0",
        ),
        (
            {"T": np.zeros((0, 0)), "R": np.zeros((3, 0)), "A": np.zeros((2, 0))},
            ArrayError,
            "there must be teachers; their number M is 0",
        ),
        (
            {"W": np.zeros((0, 3)), "A": np.zeros((0, 2))},
            ArrayError,
            "there must be outputs; their number n_o is 0",
        ),
        ({"times": [2.0, 1.0]}, ArrayError, "times must increase"),
        ({"times": [-1.0]}, ArrayError, "times must not be negative"),
        ({"activation": "gelu"}, UnknownNameError, "unknown activation 'gelu'.*relu"),
        ({"rule": "backprob", "B": None}, UnknownNameError, "did you mean 'backprop'"),
        ({"learning_rate": -0.1}, RegimeError, "learning_rate must be finite and not negative"),
        ({"learning_rate": np.inf}, RegimeError, "learning_rate must be finite"),
        ({"readout_rate": np.nan}, RegimeError, "readout_rate must be finite"),
        ({"noise": -1.0}, RegimeError, "noise must be finite and not negative; got -1"),
        ({"decay": -1.0}, RegimeError, "decay must be finite"),
        ({"B": None}, RegimeError, r"'feedback_alignment' needs its feedback B.*\(3, 2\)"),
        ({"B": B.T}, ArrayError, r"B must have shape \(K, n_o\) = \(3, 2\)"),
        *(
            ({"rule": rule}, RegimeError, f"'{rule}' takes no feedback B.*leave it out")
            for rule in ("backprop", "shallow", "usf", "node_perturbation", "pseudobackprop")
        ),
        ({"rule": "frsf", "B": None}, RegimeError, "'frsf' needs its feedback B"),
        ({"rule": "kolen_pollack", "B": None}, RegimeError, "'kolen_pollack' needs"),
        *(
            ({"rule": rule, "B": None}, RegimeError, "no dynamics of order parameters is known")
            for rule in ("brsf", "weight_mirror")
        ),
        ({"rule": "adaptive_feedback", "B": None}, RegimeError, "last 2 teacher vectors"),
    ],
)  # fmt: skip
def test_bad_input_is_named(change, error, said):
    given = GOOD | change
    with pytest.raises(error, match=said):
        order_parameters(**given)
    with pytest.raises(error, match=said):
        order_parameter_fluctuations(**given, inputs=100)


@pytest.mark.parametrize("inputs", [0, -3])
def test_the_number_of_inputs_is_a_positive_integer(inputs):
    with pytest.raises(RegimeError, match="inputs must be a positive integer"):
        order_parameter_fluctuations(**GOOD, inputs=inputs)


def test_rates_beyond_stability_are_announced_with_the_limit():
    one = ([[0.3]], [[0.1]], [[1.0]], [[1.0]], [[1.0]])
    unit = {"activation": "linear", "rule": "backprop", "readout_rate": 0.0}
    with pytest.warns(LearningRateWarning, match=r"the error grows.*above 2 it grows there"):
        grown = order_parameters(*one, **unit, learning_rate=2.1, times=[0.0, 10.0])
    assert not bool(grown["diverged"])
    rate = np.log(np.divide(*grown["generalization_error"].values[::-1])) / 10
    assert abs(rate - (2.1**2 - 4.2)) < 1e-6


@pytest.mark.slow
def test_divergence_is_marked_and_announced():
    settings = {
        "activation": "linear",
        "rule": "backprop",
        "learning_rate": 4.0,
        "readout_rate": 0.0,
    }
    with pytest.warns(LearningRateWarning, match=r"the order parameters diverge.*learning_rate 4"):
        lost = order_parameters(Q, R, T, 3 * W, A, **settings, times=[0.0, 0.01, 50.0, 60.0])
    assert bool(lost["diverged"])
    assert lost.attrs["diverged_at"] == 2
    for name in ("Q", "R", "W", "generalization_error", "weight_angle"):
        values = lost[name].values
        assert np.isfinite(values[:2]).all()
        assert np.isnan(values[2:]).all()
    with pytest.raises(RegimeError, match=r"diverge at time .* of 60"):
        order_parameter_fluctuations(Q, R, T, 3 * W, A, **settings, times=[60.0], inputs=100)


def test_a_floor_of_noise_is_no_instability(recwarn):
    solved = order_parameters(
        [[1.0]], [[1.0]], [[1.0]], [[1.0]], [[1.0]], activation="linear", rule="backprop",
        learning_rate=0.5, readout_rate=0.0, noise=0.1, times=[0.0, 100.0],
    )  # fmt: skip
    assert float(solved["generalization_error"][1]) > 1e-3
    assert not recwarn.list


def test_a_rules_own_parameters_are_an_objects():
    scaled = order_parameters(**GOOD | {"rule": make_rule("usf", scale=0.5), "B": None})
    plain = order_parameters(**GOOD | {"rule": "usf", "B": None})
    assert np.abs(scaled["Q"] - plain["Q"]).max() > 1e-3
    assert plain.attrs["rule"] == "usf"


def test_labels():
    solved = order_parameters(**GOOD)
    assert solved["Q"].dims == ("time", "student", "student_twin")
    assert solved["R"].dims == ("time", "student", "teacher")
    assert solved["W"].dims == ("time", "output", "student")
    assert solved["time"].attrs["units"] == "step / n_i"
    for name in ("generalization_error", "delta_angle", "gradient_angle", "weight_angle"):
        assert solved[name].dims == ("time",)
        assert solved[name].attrs["units"]
    assert "diverged" in solved
