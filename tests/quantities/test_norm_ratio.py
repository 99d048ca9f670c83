"""How large feedback is beside forward weights, by hand and along a run."""

import numpy as np
import pytest

import fatheory as fa
from fatheory.quantities import View, find_quantity


class OfPairs(View):
    """What the quantity looks at."""

    weights = (np.ones((2, 3)), np.array([[3.0, 4.0]]), np.zeros((1, 1)))
    backward_weights = (None, np.array([[0.0, 10.0]]), np.ones((1, 1)))


def test_ratios_of_norms():
    found = find_quantity("norm_ratio").compute(OfPairs())["norm_ratio"]
    assert np.isnan(found[0])  # layer 1 sends nothing back
    assert found[1] == pytest.approx(2.0)
    assert np.isnan(found[2])  # no weights to be beside


def test_feedback_of_twice_the_scale_is_twice_as_large():
    def at(scale):
        return {"rule": "feedback_alignment", "scale": scale, "learning_rate": 0.01}

    run = fa.simulate(
        fa.Experiment(
            task=fa.LinearTask(inputs=3, outputs=2),
            network=fa.DenseNetwork(hidden=(4,), start=fa.Uniform(bound=0.5)),
            rules={"small": at(0.5), "large": at(1.0), "backprop": 0.01},
            schedule=fa.Schedule(phases=(fa.Phase(steps=2),)),
            record=fa.Record(quantities=("norm_ratio", "weights"), snapshots=2),
            precision="float64",
        ),
        progress=False,
    )
    ratio = run.norm_ratio.sel(layer=2)
    first = ratio.isel(step=0)
    np.testing.assert_allclose(first.sel(rule="large"), 2 * first.sel(rule="small"), rtol=1e-14)
    np.testing.assert_allclose(ratio.sel(rule="backprop"), 1, rtol=1e-14)
    B, W = run.feedback_2.sel(rule="small", seed=0), run.weight_2.sel(rule="small", seed=0)
    expected = np.sqrt((B**2).sum() / (W.isel(step=1) ** 2).sum())
    assert float(ratio.sel(rule="small", seed=0)[1]) == pytest.approx(float(expected), rel=1e-13)
