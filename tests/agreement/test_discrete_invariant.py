"""C = B W + (B W)^T - W0 W0^T in trained networks: exact bookkeeping of every online step."""

import numpy as np
import pytest

import fatheory as fa
from fatheory.theory import invariant

STEPS = 1000


@pytest.fixture(scope="module")
def run():
    asked = fa.Experiment(
        task=fa.LinearTask(inputs=5, outputs=3, spectrum_decay=0.5, noise=0.3),
        network=fa.DenseNetwork(hidden=(4,), start=fa.Uniform(bound=0.3)),
        rules={"feedback_alignment": 0.02, "rndf": {"learning_rate": 0.03, "std": 0.4}},
        schedule=fa.Schedule(phases=(fa.Phase(steps=STEPS),)),
        record=fa.Record(steps=tuple(range(STEPS + 1)), probe_samples=10),
        seeds=2,
        precision="float64",
    )
    return fa.simulate(asked)


def series(run, label, seed):
    one = run.sel(rule=label, seed=seed)
    W0, W, B = one.weight_1.values, one.weight_2.values, one.feedback_2.values
    C = np.array([invariant(W0[k], W[k], B) for k in range(STEPS + 1)])
    return W0, C


@pytest.mark.catalogue("invariant.discrete")
@pytest.mark.parametrize("label", ["feedback_alignment", "rndf"])
def test_every_step_takes_away_the_square_of_the_change(run, label, residual):
    for seed in (0, 1):
        W0, C = series(run, label, seed)
        change = np.diff(W0, axis=0)
        taken = change @ np.swapaxes(change, 1, 2)
        residual(np.abs(C[1:] - C[:-1] + taken).max() / np.abs(C).max(), 1e-12)
        total = C[0] - taken.sum(axis=0)
        residual(np.abs(C[-1] - total).max() / np.abs(C).max(), 1e-12)
        # It is no empty statement: the changes add up to a good part of C.
        assert np.abs(C[-1] - C[0]).max() > 0.02 * np.abs(C).max()


def test_its_trace_only_falls(run):
    _, C = series(run, "feedback_alignment", 0)
    assert (np.diff(np.trace(C, axis1=1, axis2=2)) < 1e-15).all()
