"""Order parameters against online learning written plainly, at two numbers of inputs."""

import importlib
import itertools

import numpy as np
import pytest
from literal_online import simulate
from overlaps import drawn_overlaps

from fatheory.rules import make_rule
from fatheory.theory import order_parameter_fluctuations, order_parameters

SETTINGS = {"rate": 0.5, "readout_rate": 0.25, "noise": 0.1}


def settings_of(rule):
    """Return the rates; a perturbed step is some three times as noisy, and takes a smaller one."""
    return SETTINGS | {"rate": 0.2} if rule == "node_perturbation" else SETTINGS


def asked(rule, B, decay=0.0):
    """Return the settings as `order_parameters` takes them."""
    return {
        "rule": make_rule(rule, perturbation=0.3) if rule == "node_perturbation" else rule,
        "B": B if rule in ("feedback_alignment", "frsf", "kolen_pollack") else None,
        "learning_rate": settings_of(rule)["rate"],
        "readout_rate": SETTINGS["readout_rate"],
        "noise": SETTINGS["noise"],
        "decay": decay,
    }


def deviations(activation, rule, N, seeds, times, decay=0.0):
    """Return z of the means, deviations of the means and measured over predicted spreads."""
    overlaps = drawn_overlaps()
    *start, B = overlaps
    theory = order_parameter_fluctuations(
        *start, activation=activation, times=times, inputs=N, **asked(rule, B, decay)
    )
    measured = simulate(
        overlaps,
        N,
        times,
        seeds,
        activation=activation,
        rule=rule,
        decay=decay,
        perturbation=0.3,
        **settings_of(rule),
    )
    z, off, ratio, spread = [], [], [], []
    for name, values in zip("QRW", measured, strict=True):
        mean, std = values.mean(axis=1), values.std(axis=1, ddof=1)
        limit, shift, width = (theory[name + s].values for s in ("", "_shift", "_std"))
        off.append((mean - limit).ravel())
        moves = std > 1e-12
        np.testing.assert_allclose(mean[~moves], limit[~moves], rtol=0, atol=1e-9)
        z.append((mean - limit - shift)[moves] / (std[moves] / np.sqrt(seeds)))
        ratio.append(std[moves] / width[moves])
        spread.append(std.ravel())
    return [np.concatenate(parts) for parts in (z, off, ratio, spread)]


RULES = ("backprop", "feedback_alignment", "usf", "kolen_pollack")


@pytest.mark.catalogue("order_parameters.field")
@pytest.mark.parametrize(
    ("activation", "rule"),
    [
        *itertools.product(("erf", "relu", "linear"), RULES),
        ("erf", "frsf"),
        ("relu", "shallow"),
        ("relu", "node_perturbation"),
    ],
)
def test_simulation_agrees(activation, rule, residual):
    decay = 0.2 if rule == "kolen_pollack" else 0.0
    seeds = 200 if rule == "node_perturbation" else 60  # of longer tails
    z, _, ratio, _ = deviations(activation, rule, 100, seeds, [1.0], decay)
    assert np.abs(z).max() < 4
    residual(np.sqrt((z**2).mean()), 2.0)
    # Sixty seeds know a standard deviation to 9 %.
    assert abs(ratio.mean() - 1) < 0.15


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("activation", ["erf", "relu", "linear"])
def test_deviation_and_spread_fall_with_the_number_of_inputs(activation, rule):
    times = [0.5, 1.0, 2.0, 4.0]
    found = {}
    for N, seeds in ((250, 192), (1000, 96)):
        z, off, ratio, spread = deviations(activation, rule, N, seeds, times)
        assert np.abs(z).max() < 4
        assert abs(ratio.mean() - 1) < 0.1
        found[N] = np.abs(off).mean(), spread.mean()
    slope = np.log(found[1000][1] / found[250][1]) / np.log(4)
    assert abs(slope + 0.5) < 0.1
    assert found[1000][0] < found[250][0]


def test_adaptive_feedback_is_read_off_the_overlaps():
    Q, R, T, W, A, _ = drawn_overlaps(M=3, n_o=1)
    A = A * [[1.0, 1.0, 0.0]]
    overlaps = Q, R, T, W, A, np.zeros((3, 1))
    N, seeds = 100, 60
    theory = order_parameter_fluctuations(
        Q, R, T, W, A, activation="erf", rule="adaptive_feedback", learning_rate=0.5,
        readout_rate=0.25, noise=0.1, times=[3.0], inputs=N,
    )  # fmt: skip
    measured = simulate(
        overlaps, N, [3.0], seeds, activation="erf", rule="adaptive_feedback", **SETTINGS
    )
    for name, values in zip("QRW", measured, strict=True):
        mean, std = values.mean(axis=1), values.std(axis=1, ddof=1)
        z = (mean - theory[name] - theory[f"{name}_shift"]) / (std / np.sqrt(seeds))
        assert np.abs(z).max() < 4
    assert np.abs(theory["R"].values[0] - R).max() > 0.1  # it learned


def test_tanh_by_quadrature():
    overlaps = drawn_overlaps(seed=2, K=2, M=2, n_o=1)
    *start, B = overlaps
    theory = order_parameters(
        *start, activation="tanh", B=B, learning_rate=0.5, readout_rate=0.25, noise=0.1,
        times=[3.0],
    )  # fmt: skip
    assert 0 < theory.attrs["quadrature_error"] < 1e-5
    measured = simulate(
        overlaps, 100, [3.0], 60, activation="tanh", rule="feedback_alignment", **SETTINGS
    )
    for name, values in zip("QRW", measured, strict=True):
        mean, std = values.mean(axis=1), values.std(axis=1, ddof=1)
        assert np.abs((mean - theory[name].values) / (std / np.sqrt(60))).max() < 4


@pytest.mark.catalogue("order_parameters.finite_size")
def test_the_shift_of_the_mean_is_found(residual):
    """At 40 inputs the limit alone fails, limit and shift together do not."""
    seeds, N = 600, 40
    z, off, ratio, _ = deviations("linear", "feedback_alignment", N, seeds, [1.0])
    *start, B = drawn_overlaps()
    theory = order_parameter_fluctuations(
        *start, activation="linear", times=[1.0], inputs=N, **asked("feedback_alignment", B)
    )
    shift = np.concatenate([theory[f"{name}_shift"].values.ravel() for name in "QRW"])
    alone = z * off / (off - shift)
    assert np.abs(alone).max() > 4
    assert np.abs(z).max() < 4
    residual(abs(ratio.mean() - 1), 0.1)
    assert np.corrcoef(off, shift)[0, 1] > 0.9


def test_wrong_coefficients_are_seen(monkeypatch):
    """The comparison fails for the flow that leaves out the rates' own noise."""
    # `fatheory.theory.order_parameters` is the function as an attribute, the package by import.
    field = importlib.import_module("fatheory.theory.order_parameters.field")
    whole = field.signal_moments
    for factor, activation in ((0.0, "relu"), (0.5, "erf")):
        monkeypatch.setattr(field, "signal_moments", lambda means, f=factor: f * whole(means))
        z, *_ = deviations(activation, "feedback_alignment", 100, 60, [1.0])
        assert np.abs(z).max() > 5
