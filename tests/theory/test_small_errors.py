"""Where the error is far below the rounding of the weights, its ratios are still right.

T - W W0 computed from double-precision weights is rounding once the loss is 1e-17 or so; angles
between teaching signals are then ratios of rounding.
"""

import mpmath
import numpy as np
import pytest

import fatheory as fa
from fatheory.geometry import angle
from fatheory.initial import draw_initial_state
from fatheory.theory import (
    FlowPhase,
    closed_form,
    deep_flow,
    deep_reduced_sgd,
    flow,
    phases_closed_form,
    reduced_sgd,
)

ASKED = fa.Experiment(
    task=fa.LinearTask(inputs=5, outputs=3),
    network=fa.DenseNetwork(hidden=(40,), start=fa.Uniform(bound=0.01)),
    rules={"feedback_alignment": {"learning_rate": 0.01, "scale": 1.0}},
    schedule=fa.Schedule(phases=(fa.Phase(steps=3000),)),
    record=fa.Record(snapshots=21, quantities=("weights", "delta_angle", "teaching_signals")),
    precision="float64",
)


def slowest(weights, Bs):
    """Return rate and direction of the error that decays last around fixed weights, white input."""
    n_o, n_i = len(weights[-1]), weights[0].shape[1]

    def decay(E):
        signals = [E]
        for B in reversed(Bs):
            signals.insert(0, B @ signals[0])
        below, moved = np.eye(n_i), []
        for W, P in zip(weights, signals, strict=True):
            moved.append(P @ below.T)
            below = W @ below
        change, below = np.zeros_like(weights[0]), np.eye(n_i)
        for W, dW in zip(weights, moved, strict=True):
            change = dW @ below + (W @ change if below.shape[0] != n_i or change.any() else 0)
            below = W @ below
        return change

    basis = np.eye(n_o * n_i).reshape(-1, n_o, n_i)
    operator = np.stack([decay(E).ravel() for E in basis], axis=1)
    values, vectors = np.linalg.eig(operator)
    last = np.argmin(values.real)
    assert abs(values[last].imag) < 1e-12
    return values[last].real, vectors[:, last].real.reshape(n_o, n_i)


@pytest.mark.parametrize(
    ("method", "hidden"),
    [("flow", (40,)), ("reduced", (40,)), ("flow", (20, 15))],
    ids=["flow", "reduced", "deep"],
)
def test_angles_end_where_the_linearised_flow_says(method, hidden):
    scale = 1.0 if len(hidden) == 1 else 0.6
    asked = ASKED.with_settings(
        {
            "network.hidden": list(hidden),
            "network.start.bound": 0.01 if len(hidden) == 1 else 0.2,
            "rules.feedback_alignment.scale": scale,
            "rules.feedback_alignment.learning_rate": 0.01 if len(hidden) == 1 else 0.03,
        }
    )
    answer = fa.solve(asked, method).isel(rule=0, seed=0)
    assert answer.loss[-1] < 1e-30
    last = answer.isel(step=-1)
    layers = len(hidden) + 1
    weights = [last[f"weight_{k}"].values for k in range(1, layers + 1)]
    Bs = [answer[f"feedback_{k}"].values for k in range(2, layers + 1)]
    rate, E = slowest(weights, Bs)
    e = answer.probe_input.values @ E.T
    expected = angle(e @ Bs[-1].T, e @ weights[-1]).mean()
    assert abs(last.delta_angle.sel(layer=layers - 1) - expected) < 0.02
    time = answer.time.values
    measured = -np.log(answer.loss[-1] / answer.loss[-3]) / (time[-1] - time[-3]) / 2
    assert measured == pytest.approx(rate, rel=1e-3)


def test_flow_keeps_up_with_the_closed_form():
    rng = np.random.default_rng(0)
    n_i, n_h, n_o = 4, 8, 3
    B = np.linalg.qr(rng.normal(size=(n_h, n_h)))[0][:, :n_o]
    T, W0, W = rng.normal(size=(n_o, n_i)), np.zeros((n_h, n_i)), np.zeros((n_o, n_h))
    # Later on inputs that T ignores hold most of the error: rounding, that decays more slowly.
    times = np.linspace(0, 12, 7)
    exact = closed_form(W0, W, B, T, times=times).loss.values
    assert exact[-1] < 1e-33
    for solved in (
        flow(W0, W, B, T, times=times),
        deep_flow([W0, W], [B], T, times=times),
    ):
        np.testing.assert_allclose(solved.loss, exact, rtol=1e-7)


def test_phases_keep_up_with_the_flow():
    rng = np.random.default_rng(1)
    W0, W = rng.normal(size=(6, 4)), rng.normal(size=(3, 6))
    T, X = rng.normal(size=(3, 4)), rng.normal(size=(4, 9))
    plan = [FlowPhase(80.0, frozenset({2})), FlowPhase(40.0, frozenset({1}))]
    times = np.linspace(0, 120, 4)
    arrays = (W0, W, W.T, T, X @ X.T / 9)
    exact = phases_closed_form(*arrays, times=times, phases=plan).loss.values
    assert exact[-1] < 1e-20
    np.testing.assert_allclose(flow(*arrays, times=times, phases=plan).loss, exact, rtol=1e-6)


def test_online_steps_keep_up_with_sixty_digits():
    rng = np.random.default_rng(3)
    W0, W, B = rng.normal(size=(3, 2)) / 2, rng.normal(size=(2, 3)) / 2, rng.normal(size=(3, 2))
    T, inputs = rng.normal(size=(2, 2)), rng.normal(size=(450, 1, 2))
    B = W.T + 0.2 * B
    steps = [100, 300, 450]
    ours = reduced_sgd(W0, W, B, T, inputs, learning_rate=0.1, snapshot_steps=steps)
    with mpmath.workdps(60):
        A, C, F, target = (mpmath.matrix(M.tolist()) for M in (W0, W, B, T))
        for step, x in enumerate(inputs[:, 0], start=1):
            x = mpmath.matrix(x.tolist())
            h = A * x
            e = 0.1 * (target * x - C * h)
            A, C = A + F * e * x.T, C + e * h.T
            if step in steps:
                E = np.array((target - C * A).tolist(), dtype=float)
                found = ours.error_map[steps.index(step)]
                np.testing.assert_allclose(found, E, rtol=0, atol=1e-6 * np.abs(E).max())
    assert np.abs(E).max() < 1e-20


@pytest.mark.parametrize("decay", [0.0, 1e-9])
def test_deep_online_steps_keep_up_with_sixty_digits(decay):
    rng = np.random.default_rng(0)
    shapes, eta = ((3, 2), (3, 3), (2, 3)), 0.05
    A = [0.7 * rng.normal(size=shape) for shape in shapes]
    B = [W.T + 0.1 * rng.normal(size=W.T.shape) for W in A[1:]]
    T, inputs = rng.normal(size=(2, 2)), rng.normal(size=(900, 1, 2))[:600]
    steps = [50, 300, 600]
    ours = deep_reduced_sgd(
        A, B, T, inputs, learning_rate=eta, snapshot_steps=steps, weight_decay=decay
    )
    with mpmath.workdps(60):
        W = [mpmath.matrix(M.tolist()) for M in A]
        Bs, target = [mpmath.matrix(M.tolist()) for M in B], mpmath.matrix(T.tolist())
        keep = 1 - mpmath.mpf(eta) * mpmath.mpf(decay)
        for step, x in enumerate(inputs[:, 0], start=1):
            h = [mpmath.matrix(x.tolist())]
            for M in W:
                h.append(M * h[-1])
            e = mpmath.mpf(eta) * (target * h[0] - h[-1])
            signals = [Bs[0] * (Bs[1] * e), Bs[1] * e, e]
            W = [keep * M + s * below.T for M, s, below in zip(W, signals, h[:-1], strict=True)]
            if step in steps:
                E = np.array((target - W[2] * W[1] * W[0]).tolist(), dtype=float)
                found = ours.E[steps.index(step)]
                np.testing.assert_allclose(found, E, rtol=0, atol=1e-6 * np.abs(E).max())
    assert np.abs(E).max() < (1e-8 if decay else 1e-16)


def test_signals_are_those_of_the_error_and_not_of_rounding():
    answer = fa.solve(ASKED, "flow").isel(rule=0, seed=0)
    e = answer.teaching_signal_2
    assert (np.abs(e).max(["sample", "unit_2"])[-1] < 1e-14).item()
    carried = e.values @ answer.feedback_2.values.T
    np.testing.assert_allclose(answer.teaching_signal_1, carried, rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(0.5 * (e**2).sum("unit_2").mean("sample"), answer.loss, rtol=1e-12)
    start = draw_initial_state(ASKED, 0)
    assert angle(e.values[-1], (start.probe.inputs @ start.T.T), axis=(-2, -1)) > 1


@pytest.mark.parametrize("hidden", [(6,), pytest.param((6, 4), marks=pytest.mark.slow)])
def test_large_errors_are_those_of_the_recorded_weights(hidden):
    """E is followed beside the weights; by the tolerance of the integrator it was another one."""
    rules = ("backprop", "feedback_alignment", "usf", "frsf", "pseudobackprop")
    asked = ASKED.with_settings({"rules": dict.fromkeys(rules, 0.02), "network.start.bound": 0.5})
    answer = fa.solve(asked.with_settings({"network.hidden": list(hidden), "seeds": 2}), "flow")
    early = answer.sel(step=slice(0, 300))
    for (_, run), _ in zip(early.groupby("rule"), rules, strict=True):
        for seed in run.seed:
            for step in run.step:
                at = run.sel(seed=seed, step=step).squeeze("rule")
                E, below = at.probe_target.values.T, at.probe_input.values.T
                for layer in range(1, len(hidden) + 2):
                    below = at[f"weight_{layer}"].values @ below
                loss = 0.5 * np.mean(np.sum((E - below) ** 2, axis=0))
                if loss > 0.5:
                    assert float(at.loss) == pytest.approx(loss, rel=1e-12)
