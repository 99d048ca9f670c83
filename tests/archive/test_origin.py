import json
import re
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from fatheory import labels
from fatheory.archive import assembly, provenance


def test_provenance_has_every_required_attribute() -> None:
    attrs = provenance("theory/exact", "{}", "9f2c", "float64", "cpu", 2.0)
    assert set(attrs) == set(labels.REQUIRED_ATTRS)
    assert attrs["fatheory_schema"] == labels.SCHEMA_VERSION
    assert attrs["wall_time_s"] == 2.0
    assert isinstance(attrs["wall_time_s"], float)
    assert datetime.now(UTC) - datetime.fromisoformat(attrs["created"]) < timedelta(minutes=1)
    versions = json.loads(attrs["versions"])
    assert set(versions) == {"python", "fatheory", "numpy", "scipy", "jax", "xarray", "zarr"}
    assert versions["numpy"] == np.__version__
    assert all(re.match(r"\d|unknown$", version) for version in versions.values())


def test_provenance_of_a_package_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assembly, "_PACKAGES", ("no-such-package",))
    monkeypatch.setattr(assembly, "package_versions", assembly.package_versions.__wrapped__)
    attrs = provenance("simulation", "{}", "9f2c", "float32", "gpu", 0.0)
    assert json.loads(attrs["versions"])["no-such-package"] == "unknown"
