"""Every quantity is the same number while training, from theory, and from an archive."""

from functools import cache

import numpy as np
import pytest

import fatheory as fa
from fatheory import metrics
from fatheory.arrays import namespace
from fatheory.errors import ArchiveError
from fatheory.quantities import QUANTITIES, find_quantity, known_quantities, of_function

LINEAR = {
    "task": fa.LinearTask(inputs=4, outputs=2),
    "network": fa.DenseNetwork(hidden=(5,), start=fa.Uniform(bound=0.5)),
    "rules": {"feedback_alignment": 0.05, "orthogonal_feedback": 0.02},
    "schedule": fa.Schedule(phases=(fa.Phase(steps=40),)),
    "seeds": (3, 8),
    "precision": "float64",
}
SPIKES = {
    "task": fa.ImageTask(dataset="synthetic-digits", limit=30, evaluation_limit=20),
    "network": fa.SpikingNetwork(hidden=(6,), group=2, start=fa.Uniform(bound=0.4)),
    "rules": {"feedback_alignment": 0.1},
    "schedule": fa.Schedule(phases=(fa.Phase(steps=2),), batch_size=2),
}
OF_LINEAR = [
    name
    for name, quantity in known_quantities().items()
    if not quantity.undefined_for(fa.Experiment(**LINEAR))
]


def asked(parts, quantities):
    record = fa.Record(quantities=quantities, snapshots=5, probe_samples=7, receptive_units=3)
    return fa.Experiment(**parts, record=record)


@cache
def answers():
    """Return what training and theory recorded; theory carries out the very updates."""
    experiment = asked(LINEAR, OF_LINEAR)
    return fa.simulate(experiment, progress=False), fa.solve(experiment, method="reduced_sgd")


def offline(archive, name):
    """Compute a quantity from an archive that holds weights and nothing else that was recorded."""
    kept = set(find_quantity("weights").names(asked(LINEAR, ())))
    own = set(find_quantity(name).names(asked(LINEAR, ()))) - kept
    kept |= {"loss"}
    recorded = [v for v in archive.data_vars if "step" in archive[v].dims and v not in kept]
    assert own <= set(recorded) | kept
    return metrics.quantity(archive.drop_vars(recorded), name)


def distance(a, b):
    """Return the largest difference of two quantities, relative to their size; NaN is NaN."""
    assert set(a) == set(b)
    worst = 0.0
    for name in a.data_vars:
        assert a[name].dims == b[name].dims
        x, y = a[name].values, b[name].values
        np.testing.assert_array_equal(np.isnan(x), np.isnan(y), err_msg=name)
        scale = np.nanmax(np.abs(x), initial=1e-300)
        worst = max(worst, float(np.nanmax(np.abs(x - y), initial=0.0) / scale))
    return worst


@pytest.mark.parametrize("name", OF_LINEAR)
def test_training_theory_and_metrics_agree(name):
    trained, solved = answers()
    variables = list(find_quantity(name).names(asked(LINEAR, ())))
    assert np.isfinite(trained[variables].to_array()).any() if name != "weights" else True
    assert distance(trained[variables], solved[variables]) < 1e-8
    assert distance(trained[variables], offline(trained, name)) < 1e-8
    assert distance(solved[variables], offline(solved, name)) < 1e-8
    for variable in variables:
        attrs = trained[variable].attrs
        assert solved[variable].attrs == attrs == offline(trained, name)[variable].attrs


def test_what_was_recorded_is_read_off():
    trained, _ = answers()
    for name in OF_LINEAR:
        found = metrics.quantity(trained, name)
        assert set(found) == set(find_quantity(name).names(asked(LINEAR, ())))
        for variable in found:
            assert found[variable].identical(trained[variable])


def two_faced(weights):
    """Sum of the weights, and one more where JAX computes it."""
    xp = namespace(*weights)
    return sum(xp.sum(W, axis=(-2, -1)) for W in weights) + (0 if xp is np else 1)


def test_a_quantity_that_differs_between_readers_is_found():
    """The comparison above sees it, so it would see one of ours."""
    experiment = asked(LINEAR, ("weights", of_function(two_faced)))
    trained = fa.simulate(experiment, progress=False)
    again = metrics.quantity(trained.drop_vars("two_faced"), "two_faced")
    assert distance(trained[["two_faced"]], again) > 1e-3
    QUANTITIES.forget()


def test_gradients_are_those_of_the_probe_loss():
    """By differences of the loss that each layer's step makes, from solve's own weights."""
    _, solved = answers()
    x, T = solved.probe_input.values, solved.target_map.values
    for seed in range(2):
        W0, W = (solved[f"weight_{i}"].values[0, seed, 0] for i in (1, 2))

        def loss(W0, W, seed=seed):
            e = x[seed] @ (T[seed] - W @ W0).T
            return 0.5 * np.mean(np.sum(e * e, axis=-1))

        for layer, A in enumerate((W0, W)):
            gradient = np.zeros_like(A)
            for place in np.ndindex(A.shape):
                step = np.zeros_like(A)
                step[place] = 1e-6
                up = loss(W0 + step, W) if layer == 0 else loss(W0, W + step)
                down = loss(W0 - step, W) if layer == 0 else loss(W0, W - step)
                gradient[place] = (up - down) / 2e-6
            norm = np.linalg.norm(gradient)
            if layer == 1:  # the output layer learns by backprop under every rule
                found = float(solved.gradient_norm[0, seed, 0, layer])
                assert found == pytest.approx(norm, rel=1e-7)


@pytest.mark.parametrize("name", ["firing_rate", "traces"])
def test_what_does_not_follow_is_refused_in_words(name):
    experiment = asked(SPIKES, ("weights",))
    run = fa.simulate(experiment, progress=False)
    with pytest.raises(ArchiveError, match=f"an archive .*add '{name}' to"):
        metrics.quantity(run, name)
    trained, _ = answers()
    with pytest.raises(ArchiveError, match=f"has no '{name}': only for spiking networks"):
        metrics.quantity(trained, name)
