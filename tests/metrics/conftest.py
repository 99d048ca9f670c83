"""Archives of one small experiment: trained, and solved."""

import pytest
from metric_archives import DETERMINISTIC, experiment, image_experiment

from fatheory.theory import solve
from fatheory.train import simulate


@pytest.fixture(scope="session")
def simulated():
    return simulate(experiment(), progress=False)


@pytest.fixture(scope="session")
def images():
    return simulate(image_experiment(), progress=False)


@pytest.fixture(scope="session")
def solved():
    return solve(experiment((*DETERMINISTIC, "pseudobackprop", "brsf", "node_perturbation")))


@pytest.fixture(scope="session", params=["simulation", "theory"])
def archive(request):
    """The same metric reads the archives of both sources."""
    return request.getfixturevalue({"simulation": "simulated", "theory": "solved"}[request.param])
