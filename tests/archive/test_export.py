import importlib.util
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from fatheory.archive import load, save, to_netcdf
from fatheory.errors import ArchiveWriteError


def test_a_run_survives_netcdf(run: xr.Dataset, tmp_path: Path) -> None:
    path = to_netcdf(run, tmp_path / "new" / "run.nc")
    with xr.open_dataset(path, engine="h5netcdf") as opened:
        back = opened.load()
    xr.testing.assert_equal(back, run)
    assert back["diverged"].dtype == bool
    assert dict(back.attrs) == run.attrs
    assert {name: dict(back[name].attrs) for name in back.variables} == {
        name: run[name].attrs for name in run.variables
    }
    assert [p.name for p in path.parent.iterdir()] == ["run.nc"]


def test_attributes_survive_in_value(tmp_path: Path) -> None:
    ds = xr.Dataset(
        {"mask": ("x", [True, False], {"flag": True})},
        attrs={
            "no": False,
            "yes": np.True_,
            "none": None,
            "numbers": [1.5, 2],
            "names": ["a", "ηb"],
            "mixed": [1, "a"],
            "empty": [],
            "nested": {"a": [True]},
            "text": "∠",
        },
    )
    with xr.open_dataset(to_netcdf(ds, tmp_path / "a.nc"), engine="h5netcdf") as back:
        assert back["mask"].values.tolist() == [True, False]
        assert back["mask"].dtype == bool
        assert back["mask"].attrs["flag"] == 1
        attrs = {k: v.tolist() if hasattr(v, "tolist") else v for k, v in back.attrs.items()}
    assert attrs == {
        "no": False,
        "yes": True,
        "none": "null",
        "numbers": [1.5, 2.0],
        "names": ["a", "ηb"],
        "mixed": '[1, "a"]',
        "empty": "[]",
        "nested": '{"a": [true]}',
        "text": "∠",
    }


def test_replacing_is_asked_for(run: xr.Dataset, tmp_path: Path) -> None:
    path = to_netcdf(run, tmp_path / "a.nc")
    before = path.read_bytes()
    with pytest.raises(ArchiveWriteError, match="overwrite=True"):
        to_netcdf(run, path)
    assert path.read_bytes() == before
    to_netcdf(run.isel(seed=[0]), path, overwrite=True)
    with xr.open_dataset(path, engine="h5netcdf") as back:
        assert back.sizes["seed"] == 1


def test_refused_places_and_values(run: xr.Dataset, tmp_path: Path) -> None:
    archive = save(run, tmp_path / "a")
    cases = {
        tmp_path: "a folder stands at",
        archive / "run.nc": "lies inside the archive",
        Path("/proc/none/run.nc"): "could not write /proc/none/run.nc",
    }
    for place, message in cases.items():
        with pytest.raises(ArchiveWriteError, match=message):
            to_netcdf(run, place, overwrite=True)
    with pytest.raises(ArchiveWriteError, match=r"could not write .*bad\.nc"):
        to_netcdf(xr.Dataset({"a/b": ((), 1.0)}), tmp_path / "bad.nc")
    xr.testing.assert_identical(load(archive), run)
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("missing", ["h5netcdf", "h5py"])
def test_missing_packages_are_named(
    missing: str, run: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda n: None if n == missing else real(n))
    with pytest.raises(ArchiveWriteError, match=rf'needs {missing}.*pip install "fatheory\[netcdf'):
        to_netcdf(run, tmp_path / "a.nc")
