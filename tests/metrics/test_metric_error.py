import pytest
import xarray as xr
from metric_archives import experiment, runs, without

import fatheory as fa
from fatheory.errors import ArchiveError
from fatheory.experiment import Record
from fatheory.metrics import normalized_squared_error
from fatheory.theory import solve


def test_literal_ratio(archive):
    found = normalized_squared_error(archive).values
    for _, place in runs(archive):
        W = [archive[f"weight_{layer}"].values[place] for layer in (1, 2, 3)]
        above = below = 0.0
        target = archive["probe_target"].values[place[1]]
        mean = sum(target) / len(target)
        for x, y in zip(archive["probe_input"].values[place[1]], target, strict=True):
            e = y - W[2] @ (W[1] @ (W[0] @ x))
            above += e @ e
            below += (y - mean) @ (y - mean)
        assert found[place] == pytest.approx(above / below, rel=1e-11)


def test_weights_are_not_needed(simulated):
    xr.testing.assert_identical(
        normalized_squared_error(without(simulated, "weight", "teaching_signal")),
        normalized_squared_error(simulated),
    )


def test_labels(archive):
    found = normalized_squared_error(archive)
    assert found.dims == ("rule", "seed", "step")
    assert found.name == "normalized_squared_error"
    assert found.attrs["units"] == "1"
    assert found.attrs["long_name"] == "normalised squared error"
    assert "mean y*" in found.attrs["equation"]
    xr.testing.assert_identical(found["time"].variable, archive["time"].variable)


def test_a_selection_of_the_probe_samples_is_not_what_the_loss_is_of():
    whole = solve(experiment(("backprop",), steps=1, record=Record(snapshots=2, probe_samples=6)))
    with pytest.raises(ArchiveError, match="probe_target"):
        normalized_squared_error(whole.isel(sample=[0]))


def test_cross_entropy_is_no_squared_error():
    asked = fa.Experiment(
        task=fa.ImageTask(dataset="synthetic-digits", limit=20, evaluation_limit=20),
        network=fa.DenseNetwork(hidden=(3,), output="softmax"),
        rules={"backprop": 0.1},
        schedule=fa.Schedule(phases=(fa.Phase(steps=1),), batch_size=10),
        record=fa.Record(quantities=(), snapshots=2),
    )
    with pytest.raises(ArchiveError, match="cross-entropy"):
        fa.metrics.normalized_squared_error(fa.simulate(asked))
