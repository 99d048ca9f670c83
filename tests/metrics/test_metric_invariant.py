import numpy as np
import pytest
import xarray as xr
from metric_archives import experiment, runs, without

from fatheory.errors import ArchiveError
from fatheory.experiment import (
    DenseNetwork,
    LinearTask,
    QuadraticTask,
    Record,
    Sparsity,
    Uniform,
)
from fatheory.metrics import invariant_drift
from fatheory.theory import solve
from fatheory.train import simulate

FIXED = ("feedback_alignment", "shallow")


def test_literal_loop(archive):
    found = invariant_drift(archive).values
    for rule, place in runs(archive):
        assert np.isnan(found[place][2])
        for hidden in (1, 2):
            if rule not in (*FIXED, "backprop"):
                assert np.isnan(found[place][hidden - 1])
                continue
            C, scale = [], 0.0
            for k in (0, place[2]):
                W0 = archive[f"weight_{hidden}"].values[place[0], place[1], k]
                W = archive[f"weight_{hidden + 1}"].values[place[0], place[1], k]
                B = archive[f"feedback_{hidden + 1}"].values[place[:2]]
                scale = np.sqrt(((W0 @ W0.T) ** 2).sum())
                ahead = W.T @ W if rule == "backprop" else B @ W + W.T @ B.T
                C.append(ahead - W0 @ W0.T)
            drift = np.sqrt(((C[1] - C[0]) ** 2).sum())
            assert found[place][hidden - 1] == pytest.approx(drift / scale, abs=1e-13)


def test_the_flow_conserves_it(solved):
    drift = invariant_drift(solved).sel(rule=["backprop", *FIXED], layer=[1, 2])
    assert float(drift.max()) < 1e-9
    moved = np.abs(solved["weight_1"].isel(step=-1) - solved["weight_1"].isel(step=0))
    assert float(moved.sel(rule="feedback_alignment").max()) > 0.02


def test_training_makes_it_drift_in_proportion_to_the_learning_rate():
    """At the same time t = rate x step the drift shrinks with slope 1."""
    rates, drifts = 0.02 / 2 ** np.arange(4.0), []
    for rate in rates:
        run = simulate(
            experiment(
                ("backprop", "feedback_alignment"),
                steps=round(0.8 / rate),
                rate=float(rate),
                snapshots=2,
                task=LinearTask(inputs=4, outputs=2, samples=1),
                seeds=4,
            ),
            progress=False,
        )
        drifts.append(invariant_drift(run).isel(step=-1).sel(layer=[1, 2]).mean("seed"))
    for rule in ("backprop", "feedback_alignment"):
        for layer in (1, 2):
            drift = [float(d.sel(rule=rule, layer=layer)) for d in drifts]
            slope = np.polyfit(np.log(rates), np.log(drift), 1)[0]
            assert slope == pytest.approx(1, abs=0.1)


def test_shallow_learning_never_moves_it(simulated):
    drift = invariant_drift(simulated).sel(rule="shallow", layer=1)
    np.testing.assert_allclose(drift, 0, atol=1e-15)


def test_a_start_at_zero_has_not_moved():
    zero = experiment(FIXED, steps=1, network=DenseNetwork(hidden=(5, 3), start=Uniform(bound=0)))
    drift = invariant_drift(solve(zero)).isel(step=0).sel(layer=[1, 2])
    assert (drift == 0).all()


def test_lost_runs_stay_nan(solved):
    lost = solved.copy(deep=True)
    lost["weight_2"][:, 0, -1] = np.nan
    drift = invariant_drift(lost).sel(rule="backprop", layer=1).values
    np.testing.assert_array_equal(np.isnan(drift), [[False, False, True], [False] * 3])


def test_labels(archive):
    found = invariant_drift(archive)
    assert found.dims == ("rule", "seed", "step", "layer")
    assert found.attrs["units"] == "1"
    assert found.attrs["long_name"] == "relative drift of the conserved quantity"
    xr.testing.assert_identical(found["time"].variable, archive["time"].variable)


def test_weights_that_were_not_recorded_are_asked_for(simulated):
    with pytest.raises(ArchiveError, match="no 'weight_1'; add 'weights' to"):
        invariant_drift(without(simulated, "weight"))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"network.activation": "tanh"}, "the hidden units are tanh"),
        ({"network.output": "sigmoid"}, "the output units are sigmoid"),
        ({"network.biases": {"distribution": "uniform", "bound": 1}}, "units have biases"),
        ({"network.sparsity.forward": 0.25}, "a fraction 0.25 of forward weights is missing"),
    ],
)
def test_networks_that_conserve_nothing_are_refused(solved, changes, named):
    other = solved.assign_attrs(experiment=experiment().with_settings(changes).to_json())
    with pytest.raises(ArchiveError, match=rf"linear networks .*; in this one, {named}"):
        invariant_drift(other)


def test_feedback_may_lack_connections_and_targets_may_be_any_function():
    """B with zeros is a B; and nothing was assumed of the error."""
    run = simulate(
        experiment(
            ("feedback_alignment",),
            steps=300,
            rate=1e-5,
            task=QuadraticTask(inputs=4, outputs=2),
            network=DenseNetwork(
                hidden=(5,), start=Uniform(bound=0.5), sparsity=Sparsity(feedback=0.4)
            ),
            record=Record(snapshots=2, probe_samples=6),
        )
    )
    assert (run.feedback_2 == 0).sum() == 2 * 4
    drift = invariant_drift(run).isel(step=-1).sel(layer=1)
    moved = np.abs(run.weight_1.isel(step=-1) - run.weight_1.isel(step=0)).max()
    assert float(drift.max()) < 1e-3 * float(moved)
    assert float(moved) > 5e-4


def direct(rate, hidden, steps=None):
    return simulate(
        experiment(
            ("direct_feedback_alignment",),
            steps=steps or round(0.8 / rate),
            rate=rate,
            snapshots=2,
            task=LinearTask(inputs=4, outputs=2, samples=1),
            network=DenseNetwork(hidden=hidden, start=Uniform(bound=0.5)),
            seeds=4,
        ),
        progress=False,
    )


def test_direct_feedback_conserves_what_its_layered_equivalent_does():
    """B_{l+1} = F_l F_{l+1}^+; with another B of its size nothing of the kind is conserved."""
    rates, drifts = np.array([0.02, 0.0025]), []
    for rate in rates:
        run = direct(float(rate), (5, 3))
        drift = invariant_drift(run)
        assert "comment" not in drift.attrs
        drifts.append(drift.isel(step=-1).sel(layer=[1, 2]).mean(("rule", "seed")).values)
    slopes = np.log(drifts[0] / drifts[1]) / np.log(rates[0] / rates[1])
    np.testing.assert_allclose(slopes, 1, atol=0.1)
    W0, W = run["weight_1"].values[0], run["weight_2"].values[0]
    B = np.random.default_rng(0).uniform(-0.5, 0.5, (5, 3))
    C = B @ W + np.swapaxes(B @ W, -1, -2) - W0 @ np.swapaxes(W0, -1, -2)
    moved = np.linalg.norm((C - C[:, :1])[:, -1], axis=(-2, -1))
    scale = np.linalg.norm(W0 @ np.swapaxes(W0, -1, -2), axis=(-2, -1))[:, -1]
    assert np.mean(moved / scale) > 5 * drifts[1][0]


def test_direct_feedback_below_a_narrow_layer_has_no_law_and_says_so():
    drift = invariant_drift(direct(0.01, (5, 1), steps=3))
    assert np.isnan(drift.sel(layer=[1, 3])).all()
    assert np.isfinite(drift.sel(layer=2)).all()
    assert "at layer 1, where the direct feedback F_1 is no B F_2" in drift.comment
