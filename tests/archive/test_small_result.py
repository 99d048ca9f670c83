"""Results in one file: unchanged to the bit, the same file each time, refused when damaged."""

import re
import zipfile

import numpy as np
import pytest
import xarray as xr
import zarr

from fatheory.archive import load_result, small_result, store_result
from fatheory.errors import ArchiveError, ArchiveWriteError


@pytest.fixture
def data():
    noise = np.random.default_rng(0).normal(size=(3, 50))
    noise[0, :4] = np.nan, np.inf, -np.inf, -0.0
    noise[1, 0] = np.frombuffer(np.uint64(0x7FF8_0000_0000_BEEF).tobytes())[0]  # a NaN of its own
    return xr.Dataset(
        {
            "loss": (("rule", "step"), noise, {"units": "1", "long_name": "loss ½ eᵀe"}),
            "single": ("step", noise[2].astype(np.float32)),
            "diverged": ("rule", [True, False, True]),
            "large": ((), np.int64(2**63 - 1)),
            "small": ("rule", np.array([-(2**63), 0, -1])),
            "byte": ("rule", np.array([0, 1, 255], np.uint8)),
            "wave": ("rule", np.array([1 + 2j, np.nan, 0])),
            "names": ("rule", ["", "°", "a longer name\n"]),
            "nothing": ("none", np.zeros(0)),
        },
        {
            "rule": ["backprop", "feedback_alignment", "usf"],
            "step": np.arange(50) * 2**40,
            "time": ("step", np.linspace(0, 1, 50), {"units": "seconds"}),
        },
        attrs={
            "text": "∠",
            "flag": True,
            "whole": 2**60,
            "third": 1 / 3,
            "none": None,
            "list": [1, 2.5, "x", False],
            "nested": {"a": [True, {"b": "c"}]},
        },
    )


@pytest.fixture
def path(tmp_path):
    return tmp_path / "results" / "figx.zarr.zip"


def test_everything_comes_back_to_the_bit(data, path):
    assert store_result(data, path) == path
    back = load_result(path)
    xr.testing.assert_identical(back, data)
    assert set(back.coords) == set(data.coords)
    for name, variable in data.variables.items():
        assert back[name].dtype == variable.dtype
        assert back[name].values.tobytes() == variable.values.tobytes()
    for name, value in data.attrs.items():
        assert repr(back.attrs[name]) == repr(value)


def test_equal_data_make_equal_files_without_dates(data, path):
    store_result(data, path)
    first = path.read_bytes()
    store_result(data.copy(deep=True), path.with_name("again.zarr.zip"))
    assert path.with_name("again.zarr.zip").read_bytes() == first
    store_result(load_result(path), path)
    assert path.read_bytes() == first
    with zipfile.ZipFile(path) as file:
        assert {entry.date_time for entry in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert file.namelist() == sorted(file.namelist())


def test_nothing_but_the_file_is_left(data, path):
    store_result(data, path)
    store_result(data.isel(step=[0]), path)
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    assert load_result(path).sizes["step"] == 1


def test_other_programs_read_it_as_a_zarr_zip_store(data, path):
    store_result(data, path)
    with zarr.storage.ZipStore(path, mode="r") as store:
        opened = xr.open_zarr(store, consolidated=False, decode_times=False)
        np.testing.assert_array_equal(opened["loss"], data["loss"])


@pytest.mark.parametrize(("spare", "fits"), [(0, True), (-1, False)])
def test_the_limit_is_exact_and_a_refusal_changes_nothing(data, path, monkeypatch, spare, fits):
    size = store_result(data, path).stat().st_size
    former = store_result(data.isel(step=[0]), path).read_bytes()
    monkeypatch.setattr(small_result, "LARGEST_BYTES", size + spare)
    if fits:
        assert store_result(data, path).stat().st_size == size
    else:
        with pytest.raises(ArchiveWriteError, match=rf"would take {size / 1e6:.2f} MB"):
            store_result(data, path)
        assert path.read_bytes() == former


def test_one_megabyte_is_the_limit(path):
    assert small_result.LARGEST_BYTES == 1_000_000
    noise = np.random.default_rng(0).normal(size=150_000)
    with pytest.raises(ArchiveWriteError, match=r"would take 1\.\d\d MB; .* may take 1 MB"):
        store_result(xr.Dataset({"loss": ("step", noise)}), path)
    assert not path.exists()


def test_values_without_a_place_are_refused(path):
    with pytest.raises(ArchiveWriteError, match="attribute 'where'"):
        store_result(xr.Dataset(attrs={"where": object()}), path)


def flip(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


DAMAGE = {
    "a bit": flip,
    "the end": lambda content: content[: len(content) // 2],
    "all": lambda content: b"",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damage_is_noticed(data, path, damage):
    path.write_bytes(damage(store_result(data, path).read_bytes()))
    with pytest.raises(ArchiveError, match=rf"{re.escape(str(path))} cannot be read.*again"):
        load_result(path)


def test_a_zip_that_lost_a_file_is_refused(data, path, tmp_path):
    cut = tmp_path / "cut.zarr.zip"
    with zipfile.ZipFile(store_result(data, path)) as whole, zipfile.ZipFile(cut, "w") as part:
        for name in whole.namelist():
            if not name.startswith("loss/c"):
                part.writestr(name, whole.read(name))
    with pytest.raises(ArchiveError, match=r"loss/c.* is missing"):
        load_result(cut)


@pytest.mark.parametrize("name", ["../victim/x", "/victim/x", "a/../../victim", "．．/victim"])
def test_names_that_lead_out_are_refused(data, path, name):
    with zipfile.ZipFile(store_result(data, path), "a") as file:
        file.writestr(name, b"")
    with pytest.raises(ArchiveError, match=r"its entry .*victim.* leads out of the folder"):
        load_result(path)


def test_more_bytes_than_the_file_has_are_refused(data, path):
    with zipfile.ZipFile(store_result(data, path), "a", zipfile.ZIP_DEFLATED) as file:
        file.writestr("loss/c/9", bytes(10**7))
    assert path.stat().st_size < 10**6
    with pytest.raises(ArchiveError, match=r"its entries are said to hold 10\d{6} bytes"):
        load_result(path)


def test_a_missing_file_is_named(path):
    with pytest.raises(ArchiveError, match=re.escape(f"there is no stored result {path}")):
        load_result(path)
