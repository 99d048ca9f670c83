"""The law of online learning against runs written plainly, limits, and other theory."""

import numpy as np
import pytest

from fatheory import Experiment, solve, theory
from fatheory.errors import ArrayError, LearningRateWarning, RegimeError
from fatheory.initial import draw_initial_state
from fatheory.theory.online import closure, dressed_step, mean_step
from fatheory.theory.online.first_phase import stride_of
from fatheory.theory.online.one_step_noise import noise_columns
from fatheory.theory.online.reduced_chain import Chain, ChainState, Layout

N_I, N_H, N_O = 20, 8, 3
STEPS = np.arange(0, 801, 40)
RATE = {"feedback_alignment": 0.012, "backprop": 0.008}


def problem(n_i=N_I, n_h=N_H, seed=0, size=0.01):
    """Return start weights, feedback and target; limits at large n_i are kept."""
    rng = np.random.default_rng(seed)
    T = rng.uniform(-1, 1, (N_O, n_i)) * np.sqrt(N_I / n_i)
    B = rng.uniform(-1, 1, (n_h, N_O)) * np.sqrt(N_H / n_h)
    W0, W = (size * rng.uniform(-1, 1, s) for s in ((n_h, n_i), (N_O, n_h)))
    return W0, W, B, T


def literal_runs(W0, W, B, T, rate, runs, steps, seed=1):
    """Learn online, literally; return the losses at the steps, and the mean angle of signals."""
    rng = np.random.default_rng(seed)
    W0, W = np.repeat(W0[None], runs, 0), np.repeat(W[None], runs, 0)
    E, losses, angles = T - W @ W0, [], []
    for step in range(int(steps[-1]) + 1):
        V = W.mT if B is None else B
        if step in steps:
            losses.append(0.5 * (E**2).sum((1, 2)))
            e = E @ rng.normal(size=(runs, T.shape[1], 20))
            a, b = np.broadcast_to(V @ e, (runs, W.shape[2], 20)), W.mT @ e
            cosine = (a * b).sum(1) / np.sqrt((a**2).sum(1) * (b**2).sum(1))
            angles.append(np.degrees(np.arccos(np.clip(cosine, -1, 1))).mean())
        x = rng.normal(size=(runs, T.shape[1], 1))
        e, h = E @ x, W0 @ x
        d0, d1 = rate * (V @ e) @ x.mT, rate * e @ h.mT
        # E is carried itself: T - W W0 ends at rounding.
        E = E - d1 @ W0 - W @ d0 - d1 @ d0
        W0, W = W0 + d0, W + d1
    return np.array(losses), np.array(angles)


def law_and_runs(rule, runs=200, **changed):
    W0, W, B, T = problem(**changed)
    B = B if rule == "feedback_alignment" else None
    rate = RATE[rule] * N_I / T.shape[1]
    steps = STEPS * T.shape[1] // N_I
    law = theory.online_learning(W0, W, B, T, learning_rate=rate, rule=rule, steps=steps)
    losses, angles = literal_runs(W0, W, B, T, rate, runs, steps)
    return law, np.log(losses), angles


@pytest.mark.filterwarnings("ignore:the closure of online learning:UserWarning")
@pytest.mark.catalogue("online.closure")
@pytest.mark.parametrize("rule", list(RATE))
def test_median_spread_and_angle_are_those_of_runs(rule, residual):
    law, logs, angles = law_and_runs(rule)
    # Under backprop the last of three modes escapes when the spread is beyond the closure.
    known = np.isfinite(law.loss_median.values)
    assert known.all() if rule == "feedback_alignment" else known[:12].all()
    off = (np.log(law.loss_median.values) - np.median(logs, axis=1))[known]
    residual(np.abs(off).max() / np.log(10), 0.2)  # decades, of up to ten
    spread = logs.std(axis=1)[known]
    assert (np.abs(off) < 1.645 * spread)[1:].mean() > 0.95
    ratio = law.log_loss_std.values[known][5:] / spread[5:]
    assert ratio.mean() == pytest.approx(1, abs=0.25)
    if rule == "feedback_alignment":
        assert np.log(law.loss_median[-1] / law.loss_median[0]) < -5 * np.log(10)
        assert np.abs(law.delta_angle.values - angles)[1:].mean() < 1.5
    else:
        assert (law.delta_angle.values[known] == 0).all()


@pytest.mark.filterwarnings("ignore:the closure of online learning:UserWarning")
@pytest.mark.parametrize("rule", list(RATE))
def test_the_flow_is_far_from_the_runs(rule):
    """What the law adds is seen: the flow, or a law without noise, fails the same comparison."""
    _, logs, _ = law_and_runs(rule, runs=40)
    W0, W, B, T = problem()
    B = B if rule == "feedback_alignment" else None
    flown = theory.flow(W0, W, B, T, times=RATE[rule] * STEPS, rule=rule)
    off = np.log(flown["loss"].values) - np.median(logs, axis=1)
    assert np.abs(off).max() > np.log(10)


@pytest.mark.filterwarnings("ignore:the closure of online learning:UserWarning")
def test_wrong_coefficients_fail(monkeypatch):
    _, logs, _ = law_and_runs("feedback_alignment", runs=40)
    W0, W, B, T = problem()
    whole = closure.noise_columns
    monkeypatch.setattr(closure, "noise_columns", lambda *given: 1.6 * whole(*given))
    wrong = theory.online_learning(W0, W, B, T, learning_rate=0.012, steps=STEPS)
    off = np.log(wrong.loss_median.values) - np.median(logs, axis=1)
    assert not np.abs(off).max() < 0.2 * np.log(10)


@pytest.mark.catalogue("online.mean_step")
@pytest.mark.parametrize("rule", list(RATE))
def test_mean_and_noise_of_one_step(rule, residual):
    """One literal step from weights as they are midway, many times."""
    rng, draws, eta = np.random.default_rng(3), 100_000, 0.004
    B, X = 0.4 * rng.normal(size=(N_H, N_O)), 0.4 * rng.normal(size=(N_O, N_I))
    W, E = 0.4 * rng.normal(size=(N_O, N_O)), rng.normal(size=(N_O, N_I))
    back = rule == "backprop"
    K = np.eye(N_O) if back else B.T @ B
    chain = Chain(K[None, None], K[None, None], back, N_I, eta)
    state = ChainState(*(A[None, None] for A in (E @ E.T, E @ X.T, X @ X.T, W)))
    x = rng.normal(size=(draws, N_I, 1))
    e, xi = E @ x, X @ x
    V = W.T if back else np.eye(N_O)
    dX, dW = eta * V @ e @ x.mT, eta * e @ xi.mT
    dE = -dW @ K @ X - W @ K @ dX - dW @ K @ dX
    new_E, new_X = E + dE, X + dX
    found = {
        "P": new_E @ new_E.mT - E @ E.T,
        "S": new_E @ new_X.mT - E @ X.T,
        "Q": new_X @ new_X.mT - X @ X.T,
        "W": dW,
    }
    theory_mean = mean_step.mean_step(chain, state)
    wrong = mean_step.mean_step(Chain(chain.K, chain.target, back, N_I // 2, eta), state)
    zs, wrong_zs = [], []
    for name, values in found.items():
        error = values.std(axis=0) / np.sqrt(draws)
        zs.append((values.mean(axis=0) - getattr(theory_mean, name)[0, 0]) / error)
        wrong_zs.append((values.mean(axis=0) - getattr(wrong, name)[0, 0]) / error)
    residual(np.sqrt(np.mean(np.square(zs))), 1.5)
    assert np.abs(zs).max() < 4.5
    assert np.abs(wrong_zs).max() > 4.5
    none = np.zeros((1, 1, N_O, N_O))
    layout = Layout(N_O)
    noise = noise_columns(chain, layout, state, none, none)[0]
    predicted, _ = layout.unpack(np.sqrt((noise**2).sum(axis=0))[None, None])
    for name, values in found.items():
        measured = values.std(axis=0)
        # Fourth and higher chaos are left out, of relative order eta n_i.
        np.testing.assert_allclose(getattr(predicted, name)[0, 0], measured, rtol=0.12)


def test_the_dressed_mean_is_that_of_the_chain():
    """Dressing changes coordinates: P~ + D H D^T moves on average as P does."""
    rng = np.random.default_rng(5)
    chain = Chain(np.eye(N_O)[None, None], np.eye(N_O)[None, None], True, N_I, 1e-8)
    E, X, W = (rng.normal(size=(N_O, n)) for n in (N_I, N_I, N_O))
    H = rng.normal(size=(N_O, N_O))
    frame = dressed_step.DressedFrame(
        *(A[None, None] for A in (H @ H.T, E @ X.T - 0.3, np.zeros((N_O, N_O))))
    )
    D, HH = np.full((N_O, N_O), 0.3), H @ H.T
    dressed = ChainState(*(A[None, None] for A in (E @ E.T - D @ HH @ D.T, E @ X.T, X @ X.T, W)))
    moved = dressed_step.dressed_step(chain, dressed, frame)
    plain = mean_step.mean_step(
        chain, ChainState(*(A[None, None] for A in (E @ E.T, E @ X.T, X @ X.T, W)))
    )
    dS = plain.S[0, 0]
    grown = (D + dS) @ HH @ (D + dS).T - D @ HH @ D.T
    np.testing.assert_allclose(moved.P[0, 0] + grown, plain.P[0, 0], rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("rule", list(RATE))
def test_small_rates_are_the_flow(rule):
    W0, W, B, T = problem(size=0.02)
    B = B if rule == "feedback_alignment" else None
    end = 0.7 if rule == "feedback_alignment" else 1.5
    errors, rates = [], np.array([0.008, 0.004, 0.002])
    flown = np.log(theory.flow(W0, W, B, T, times=[end], rule=rule)["loss"].values[0])
    for rate in rates:
        law = theory.online_learning(
            W0, W, B, T, learning_rate=rate, rule=rule, steps=[round(end / rate)]
        )
        errors.append(np.log(law.loss_median.values[0]) - flown)
    # Starts are neglected in part, so the flow is met up to a constant: differences fall as eta.
    assert abs(np.log2((errors[0] - errors[1]) / (errors[1] - errors[2])) - 1) < 0.35
    assert abs(2 * errors[2] - errors[1]) < 0.1


def test_late_rate_and_tiny_errors():
    """Far below rounding of T the typical rate is that of the late theory, and angles stay."""
    W0, W, B, T = problem()
    steps = [0, 2000, 4000]
    law = theory.online_learning(W0, W, B, T, learning_rate=0.012, steps=steps)
    logs = np.log(law.loss_median.values)
    assert logs[-1] < np.log(1e-25)
    path = theory.flow(W0, W, B, T, times=[400.0])
    late = theory.late_learning(
        path["weight_1"].values[-1], path["weight_2"].values[-1], B, learning_rate=0.012
    )
    # At the weights that online learning reaches, which are not quite those of the flow.
    assert (logs[2] - logs[1]) / 2000 == pytest.approx(late.typical_rate, rel=0.15)
    assert law.excess.values[2] == pytest.approx(late.excess, rel=0.15)
    assert law.delta_angle.values[2] == pytest.approx(law.delta_angle.values[1], abs=0.1)
    assert (law.loss_mean > law.loss_median)[1:].all()


@pytest.mark.slow
def test_the_error_falls_with_the_number_of_inputs():
    off = []
    for n_i, n_h in ((10, 6), (40, 24)):
        law, logs, _ = law_and_runs("feedback_alignment", runs=400, n_i=n_i, n_h=n_h)
        off.append(np.abs(np.log(law.loss_median.values) - np.median(logs, axis=1)).max())
    assert off[1] < 0.5 * off[0]


def described(**changed):
    asked = {
        "task": {
            "kind": "linear",
            "inputs": N_I,
            "outputs": N_O,
            "target": {"distribution": "uniform", "bound": 1.0},
        },
        "network": {"hidden": [N_H], "start": {"distribution": "uniform", "bound": 0.01}},
        "rules": {"feedback_alignment": 0.01, "backprop": 0.01, "shallow": 0.01},
        "schedule": {"phases": [{"steps": 100}]},
        "record": {"quantities": ["weights", "delta_angle"], "snapshots": 11},
        "seeds": [0, 4],
    }
    return Experiment(**{**asked, **changed})


def test_the_method_is_the_function():
    experiment = described()
    answer = solve(experiment, "online")
    assert answer.attrs["source"] == "theory/online"
    assert "single weights" in answer.attrs["absent_quantities"]
    start = draw_initial_state(experiment, 4)
    for label in ("feedback_alignment", "backprop", "shallow"):
        B = start.states[label][1].T if label == "feedback_alignment" else None
        law = theory.online_learning(
            *start.weights, B, start.T, learning_rate=0.01, rule=label,
            steps=np.asarray(experiment.snapshot_steps),
        )  # fmt: skip
        one = answer.sel(rule=label, seed=4)
        # Of shallow learning nothing but the mean is known.
        expected = law.loss_mean if label == "shallow" else law.loss_median
        assert np.isnan(law.loss_median).all() == (label == "shallow")
        np.testing.assert_allclose(one["loss"], expected, rtol=1e-12)
        np.testing.assert_allclose(one["delta_angle"].isel(layer=0), law.delta_angle, rtol=1e-12)
    assert (answer["delta_angle"].isel(layer=1) == 0).all()


def test_where_the_closure_ends_it_says_so():
    W0, W, _, T = problem()
    with pytest.warns(LearningRateWarning, match=r"closure .* ends at step .* learning rate 0\.2"):
        law = theory.online_learning(
            W0, W, None, T, learning_rate=0.2, rule="backprop", steps=STEPS
        )
    known = np.isfinite(law.loss_median.values)
    assert known[0]
    assert not known[-1]
    assert (np.diff(known.astype(int)) <= 0).all()
    assert (np.isfinite(law.loss_mean.values) == known).all()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"rules.backprop.rule": "usf"}, "under 'usf' is not known"),
        ({"rules.backprop.rule": "node_perturbation"}, "under 'node_perturbation' is not known"),
        ({"network.hidden": [6, 6]}, "of two-layer networks; this one has 3"),
        ({"network.activation": "tanh"}, "activation"),
        ({"task.noise": 0.1}, "task.noise is 0.1"),
        ({"task.samples": 100}, "task.samples is 100"),
        ({"task.spectrum_decay": 1.0}, "task.spectrum_decay is 1.0"),
        ({"schedule.batch_size": 5}, "schedule.batch_size is 5"),
        ({"schedule.phases": [{"steps": 9, "frozen": [1]}]}, "frozen"),
        ({"network.start": {"distribution": "uniform", "bound": 0.5}}, "near zero.*start smaller"),
        ({"network.hidden": [2]}, "at least as many as outputs"),
    ],
)
def test_what_is_outside_is_said(settings, said):
    with pytest.raises(RegimeError, match=said):
        solve(described().with_settings(settings), "online")


def test_bad_arguments_are_named():
    W0, W, B, T = problem()
    good = {"learning_rate": 0.02, "steps": [0, 1]}
    for change, error, said in (
        ({"learning_rate": 0.0}, RegimeError, "learning_rate must be positive"),
        ({"learning_rate": np.nan}, RegimeError, "learning_rate must be positive"),
        ({"steps": [1, 0]}, ArrayError, "steps must be whole numbers"),
        ({"steps": [0.5]}, ArrayError, "steps must be whole numbers"),
        ({"rule": "backprop"}, RegimeError, "takes no feedback B"),
        ({"rule": "usf"}, RegimeError, "not known"),
    ):
        with pytest.raises(error, match=said):
            theory.online_learning(W0, W, B, T, **(good | change))
    with pytest.raises(RegimeError, match="needs B"):
        theory.online_learning(W0, W, None, T, **good)
    with pytest.raises(RegimeError, match="rank 2"):
        theory.online_learning(W0, W, B, T * [[1], [1], [0]], **good)


@pytest.mark.parametrize("rule", ["feedback_alignment", "backprop"])
@pytest.mark.parametrize("rate", [5.0, 10.0, 1000.0])
def test_rates_far_too_large_end_in_nan_and_a_warning(rule, rate):
    start = draw_initial_state(described(), 4)
    B = start.states[rule][1].T if rule == "feedback_alignment" else None
    with pytest.warns(LearningRateWarning, match=f"at learning rate {rate:g} fluctuations grow"):
        law = theory.online_learning(
            *start.weights, B, start.T, learning_rate=rate, rule=rule, steps=[0, 400]
        )
    for name in ("loss_median", "loss_mean", "log_loss_std", "delta_angle", "excess"):
        assert np.isnan(law[name][-1])


@pytest.mark.parametrize("rule", list(RATE))
def test_strides_follow_the_pace_of_learning(rule):
    """Five times fewer steps at ten times the rate, and fewer for a target that learns faster."""
    *_, B, T = problem()
    K = np.eye(N_O) if rule == "backprop" else B.T @ B
    strides = [
        stride_of(Chain(K[None, None], (size * T @ T.T)[None, None], rule == "backprop", N_I, rate))
        for rate, size in ((0.0001, 1.0), (0.001, 1.0), (0.0001, 64.0))
    ]
    assert strides[0] == pytest.approx(10**0.7 * strides[1], rel=0.05)
    faster = 8 if rule == "backprop" else 4  # roots of 64: the second, and the third
    assert strides[0] == pytest.approx(faster**0.7 * strides[2], rel=0.05)
    assert stride_of(Chain(K[None, None], K[None, None], False, N_I, 100.0)) == 4


@pytest.mark.parametrize("steps", [[], [[0, 1]], [0, 0], [-1, 2], [0.5], [1e300], ["0"]])
def test_steps_that_are_none_are_refused(steps):
    start = draw_initial_state(described(), 4)
    arrays = (*start.weights, start.T)
    with pytest.raises(ArrayError, match="steps"):
        theory.shallow_mean_loss(*arrays, learning_rate=0.01, steps=steps)
    with pytest.raises(ArrayError, match="steps"):
        theory.online_learning(
            *start.weights, None, start.T, learning_rate=0.01, rule="shallow", steps=steps
        )
