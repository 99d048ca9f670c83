"""Sweeps carried out in one go, and what was trained."""

import pytest
from sweep_examples import AXES, sweep, sweep_of_rows

from fatheory.archive import load
from fatheory.sweep import result


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """The sweep of `AXES`, carried out in one go."""
    return sweep(AXES).run(tmp_path_factory.mktemp("whole") / "sweep.zarr")


@pytest.fixture
def counted(monkeypatch):
    """Count the experiments that are trained."""
    trained = []
    original = result.train_many

    def counting(experiments, **options):
        trained.extend(experiment.content_hash for experiment in experiments)
        return original(experiments, **options)

    monkeypatch.setattr(result, "train_many", counting)
    return trained


@pytest.fixture(scope="session")
def rowed_path(tmp_path_factory):
    """Where the sweep of `ROWS` lies, carried out in one go."""
    path = tmp_path_factory.mktemp("rows") / "sweep.zarr"
    sweep_of_rows().run(path)
    return path


@pytest.fixture(scope="session")
def rowed(rowed_path):
    """The sweep of `ROWS`."""
    return load(rowed_path)
