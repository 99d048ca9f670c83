"""`solve`, as asked by an experiment, against DOP853 on equations written out in `literal_flow`."""

import numpy as np
import pytest
import xarray as xr
from literal_flow import KNOWN, integrated, stand_in

import fatheory as fa
from fatheory.errors import RegimeError
from fatheory.rules import known_rules

PARAMETERS = {
    "feedback_alignment": {"scale": 0.8},
    "rndf": {"std": 0.5},
    "fixed_feedback": {"distribution": "normal", "scale": 0.4, "column_spread": 2.0},
}
DIRECT = "direct_feedback_alignment"
RATE, SEEDS = 0.01, (0, 3)
PLAN = {"one phase": [(60, [])], "frozen layers": [(20, [2]), (15, [1]), (25, [])]}
SIGNALS = ("teaching_signal", "backprop_signal")


def asked(coloured: bool, hidden: list[int], plan: str) -> fa.Experiment:
    return fa.Experiment(
        task=fa.LinearTask(inputs=4, outputs=2, spectrum_decay=1.0 if coloured else 0.0),
        network=fa.DenseNetwork(hidden=hidden, start=fa.Normal(std=0.5)),
        rules={rule: PARAMETERS.get(rule, {}) | {"learning_rate": RATE} for rule in KNOWN},
        schedule={"phases": [{"steps": n, "frozen": frozen} for n, frozen in PLAN[plan]]},
        record=fa.Record(quantities=("weights", "teaching_signals"), snapshots=5, probe_samples=3),
        seeds=SEEDS,
    )


def signal_maps(V: list[np.ndarray], E: np.ndarray) -> list[np.ndarray]:
    """Return what makes teaching signals of inputs, layer 1 first, V standing in for W."""
    maps = [E]
    for stand in reversed(V):
        maps.insert(0, stand.T @ maps[0])
    return maps


def assert_like_dop853(rule: str, run: xr.Dataset, plan: str) -> None:
    """Compare one run's weights, losses and signals; B and the start are the archive's."""
    depth = run.sizes["layer"]
    start = [run[f"weight_{n}"].values[0] for n in range(1, depth + 1)]
    Bs = [run[f"feedback_{n}"].values for n in range(2, depth + 1)]
    T, Sigma = run["target_map"].values, run["input_covariance"].values
    phases = [(RATE * steps, tuple(frozen)) for steps, frozen in PLAN[plan]]
    times = (RATE * run["step"].values).tolist()
    times[-1] = sum(duration for duration, _ in phases)  # both round, each in its own order
    expected = integrated(rule, start, Bs, T, Sigma, times, phases)
    tolerance = 1e-7 if "sf" in rule else 1e-9  # signs change on the way
    close = {"rtol": 0, "atol": tolerance, "err_msg": rule}
    for layer, W in enumerate(expected, start=1):
        np.testing.assert_allclose(run[f"weight_{layer}"].values, W, **close)
    x = run["probe_input"].values
    for at, weights in enumerate(zip(*expected, strict=True)):
        E = T - np.linalg.multi_dot(weights[::-1])
        loss = 0.5 * np.mean(np.sum((x @ E.T) ** 2, axis=1))
        np.testing.assert_allclose(run["loss"].values[at], loss, **close)
        stands = [stand_in(rule, W, B) for W, B in zip(weights[1:], Bs, strict=True)]
        for kind, V in zip(SIGNALS, (stands, weights[1:]), strict=True):
            for layer, mapped in enumerate(signal_maps(V, E), start=1):
                ours = run[f"{kind}_{layer}"].values[at]
                if kind == "teaching_signal" and rule in ("node_perturbation", "brsf"):
                    assert np.isnan(ours).all() == (layer < depth)  # their mean is no signal
                    continue
                np.testing.assert_allclose(ours, x @ mapped.T, rtol=0, atol=50 * tolerance)


def slow(*case: object) -> object:
    return pytest.param(*case, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    ("coloured", "hidden", "plan"),
    [
        (False, [5, 4], "one phase"),
        (True, [5], "frozen layers"),
        slow(False, [5], "one phase"),
        slow(True, [5], "one phase"),
        slow(False, [5], "frozen layers"),
        slow(True, [5, 4], "one phase"),
        slow(False, [5, 4], "frozen layers"),
        slow(True, [5, 4], "frozen layers"),
    ],
)
def test_every_rule_with_a_flow(coloured: bool, hidden: list[int], plan: str) -> None:
    archive = fa.solve(asked(coloured, hidden, plan))
    Sigma = archive["input_covariance"].values
    assert (Sigma == np.eye(4)).all() != coloured
    for number, rule in enumerate(KNOWN):
        seed = SEEDS[number % 2]
        assert_like_dop853(rule, archive.sel(rule=rule, seed=seed), plan)


def test_direct_feedback_has_a_flow() -> None:
    settings = {"rules": {DIRECT: {"learning_rate": RATE, "scale": 0.8}}}
    archive = fa.solve(asked(True, [5, 4], "frozen layers").with_settings(settings))
    for seed in SEEDS:
        run = archive.sel(rule=DIRECT, seed=seed)
        start = [run[f"weight_{layer}"].values[0] for layer in (1, 2, 3)]
        F = [run[f"direct_feedback_{layer}"].values for layer in (1, 2)]
        T, Sigma, x = (run[n].values for n in ("target_map", "input_covariance", "probe_input"))
        phases = [(RATE * steps, tuple(frozen)) for steps, frozen in PLAN["frozen layers"]]
        times = (RATE * run["step"].values).tolist()
        times[-1] = sum(duration for duration, _ in phases)
        expected = integrated(DIRECT, start, F, T, Sigma, times, phases)
        for layer, W in enumerate(expected, start=1):
            np.testing.assert_allclose(run[f"weight_{layer}"].values, W, rtol=0, atol=1e-9)
        error = (T - np.linalg.multi_dot([W[-1] for W in expected][::-1])) @ x.T
        for layer, B in enumerate([*F, np.eye(2)], start=1):
            ours = run[f"teaching_signal_{layer}"].values[-1]
            np.testing.assert_allclose(ours, (B @ error).T, rtol=0, atol=1e-8)


def test_rules_without_a_flow_are_refused() -> None:
    experiment = asked(False, [5], "one phase")
    for rule in set(known_rules()) - {*KNOWN, DIRECT}:
        with pytest.raises(RegimeError, match=f"rules.{rule}"):
            fa.solve(experiment.with_settings({"rules": {rule: 0.01}}))
