"""Small archives, solved once, and figures that are closed again."""

import jaxtyping
import matplotlib.pyplot as plt
import numpy as np
import pytest
from drawn_figures import diverging

import fatheory as fa


@pytest.fixture(scope="session")
def experiment():
    """A small linear experiment; two labels are of one rule."""
    return fa.Experiment(
        task=fa.LinearTask(inputs=5, outputs=3),
        network=fa.DenseNetwork(hidden=(4,), start=fa.Uniform(bound=0.3)),
        rules={
            "backprop": 0.02,
            "feedback_alignment": 0.02,
            "slow": {"rule": "feedback_alignment", "learning_rate": 0.01},
        },
        schedule=fa.Schedule(phases=(fa.Phase(steps=400),)),
        record=fa.Record(quantities=["weights", "weight_angle", "delta_angle"], snapshots=9),
        seeds=4,
    )


@pytest.fixture(scope="session")
def solved(experiment):
    return fa.solve(experiment)


@pytest.fixture
def theory(solved):
    return solved.copy(deep=True)


@pytest.fixture
def simulation(solved):
    """The same with noise that no theory has; its source says simulation."""
    noisy = solved.copy(deep=True)
    noise = np.random.default_rng(1).uniform(0.9, 1.1, noisy.loss.shape)
    noisy["loss"] = noisy.loss * noise
    return noisy.assign_attrs(source="simulation")


@pytest.fixture
def two_lost(simulation):
    return diverging(simulation, "feedback_alignment", [1, 2], 5)


@pytest.fixture(autouse=True)
def _figures_are_closed():
    yield
    plt.close("all")


@pytest.fixture
def unchecked():
    """Types are not checked, as outside of the test run: what is no such thing gets to the code."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
