"""Archives that are read when they are used give the metrics of archives in memory."""

import numpy as np
import pytest
import xarray as xr

import fatheory as fa
from fatheory.archive import load, save, store
from fatheory.metrics import chunked

METRICS = (
    fa.metrics.angle,
    lambda run: fa.metrics.angle(run, "delta"),
    lambda run: fa.metrics.angle(run, "unit"),
    fa.metrics.normalized_squared_error,
    fa.metrics.positive_alignment,
    fa.metrics.pseudoinverse_alignment,
    fa.metrics.pseudobackprop_angles,
    fa.metrics.sign_concordance,
)


@pytest.fixture(scope="module")
def run():
    asked = fa.Experiment(
        task=fa.LinearTask(inputs=6, outputs=3),
        network=fa.DenseNetwork(hidden=(5,), start=fa.Uniform(bound=0.4)),
        rules={"backprop": 0.02, "feedback_alignment": 0.01},
        schedule=fa.Schedule(phases=(fa.Phase(steps=40),)),
        record=fa.Record(snapshots=9),
        seeds=2,
    )
    return fa.solve(asked)


@pytest.mark.parametrize("size", [1, 5000, 10**9])
def test_chunks_change_nothing(run, size, tmp_path, monkeypatch):
    path = save(run, tmp_path / "a")
    monkeypatch.setattr(store, "_IN_MEMORY_BYTES", 0)
    monkeypatch.setattr(chunked, "CHUNK_BYTES", size)
    for metric in METRICS:
        xr.testing.assert_identical(metric(load(path)), metric(run))


def test_no_chunk_is_larger_than_said(run, tmp_path, monkeypatch):
    path = save(run, tmp_path / "a")
    monkeypatch.setattr(store, "_IN_MEMORY_BYTES", 0)
    monkeypatch.setattr(chunked, "CHUNK_BYTES", run.nbytes // 3)
    seen = []

    def steps(archive: xr.Dataset) -> xr.DataArray:
        assert not archive["weight_1"].variable._in_memory
        seen.append(archive.sizes["step"])
        return archive["step"] * 2

    np.testing.assert_array_equal(chunked.in_chunks(load(path), steps), run["step"] * 2)
    assert seen == [3, 3, 3]
