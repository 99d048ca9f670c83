"""What the data of a figure take over from run archives."""

import json

import pytest
import xarray as xr

from fatheory.archive import provenance
from fatheory.errors import ArchiveError
from fatheory.experiment import presets
from fatheory.reproduction import origin

ASKED = presets["lillicrap2016/fig2"]


def run(asked=ASKED, **changed):
    attrs = provenance("simulation", asked.to_json(), asked.content_hash, "float64", "cpu", 1.0)
    return xr.Dataset(attrs=attrs | changed)


def test_of_one_archive_its_own_attributes():
    archive = run()
    kept = ("experiment", "experiment_hash", "versions", "device", "precision", "created")
    found = origin(archive)
    assert found.pop("wall_time_s") == 1.0
    assert found == {name: archive.attrs[name] for name in kept}


def test_of_several_each_experiment_by_name():
    few = ASKED.with_settings({"seeds": 2})
    found = origin({"many": run(), "few": run(few)})
    stored = json.loads(found["experiments"])
    assert list(stored) == ["many", "few"]
    assert type(ASKED).from_json(json.dumps(stored["many"])) == ASKED
    assert type(ASKED).from_json(json.dumps(stored["few"])) == few
    assert json.loads(found["experiment_hashes"]) == {
        "many": ASKED.content_hash,
        "few": few.content_hash,
    }
    assert found["versions"] == run().attrs["versions"]
    assert (found["device"], found["precision"]) == ("cpu", "float64")
    assert found["wall_time_s"] == 2.0  # a continued run says how long it took in all
    assert "experiment" not in found


def test_of_several_that_differ_all_versions_devices_and_precisions():
    old = run(
        versions='{"jax": "0.10.0", "numpy": "2.4.6"}',
        precision="float32",
        device="cuda",
        created="2026-01-01T00:00:00+00:00",
    )
    new = run(versions='{"jax": "0.10.2", "numpy": "2.4.6"}', created="2026-01-02T00:00:00+00:00")
    found = origin({"new": new, "old": old})
    assert json.loads(found["versions"]) == {"jax": "0.10.2, 0.10.0", "numpy": "2.4.6"}
    assert found["device"] == "cpu, cuda"
    assert found["precision"] == "float64, float32"
    assert found["created"] == "2026-01-02T00:00:00+00:00"


def test_archives_without_origin_are_refused_by_name():
    bare = run()
    del bare.attrs["device"]
    with pytest.raises(ArchiveError, match="the dataset has no attribute 'device'"):
        origin(bare)
    with pytest.raises(ArchiveError, match="'bare' has no attribute 'device'"):
        origin({"whole": run(), "bare": bare})
    with pytest.raises(ArchiveError, match="pass one at least"):
        origin({})
