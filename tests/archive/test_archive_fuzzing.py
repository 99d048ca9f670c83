"""Archives from strangers: whatever they say of themselves, only our own errors come out."""

import json
import shutil
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
import xarray as xr
from archive_examples import build_run, grow
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from numcodecs.zstd import Zstd

from fatheory.archive import check, journal, load, manifest, repair, save
from fatheory.errors import ArchiveError, DamagedArchiveError

ODD = st.one_of(
    st.sampled_from([None, True, -1, 0, 10**12, 2**63, 10**400, 1e308, "NaN", "", "/etc/passwd"]),
    st.sampled_from(["object", "float16", "string", "<U9", "numcodecs.pickle", "../..", "a\0b"]),
    st.sampled_from([[], {}, [10**9], [0], [[1]], {"name": "pickle"}, {"": {}}, [None]]),
    st.integers(),
    st.text(max_size=5),
)
QUICK = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    # A failing case is small as it is, and shrinking it would take minutes.
    phases=[Phase.explicit, Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
LONG = settings(QUICK, max_examples=1500)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("fuzzed")
    save(build_run(), folder / "run")
    grow(folder / "unfinished", stop=3)
    return {name: folder / name for name in ("run", "unfinished")}


def paths_into(node: object, path: tuple = ()) -> list[tuple]:
    """All places in nested lists and dictionaries."""
    inner = node.items() if isinstance(node, dict) else enumerate(node)
    found = [path] if path else []
    for key, value in inner if isinstance(node, dict | list) else ():
        found.append((*path, key))
        if isinstance(value, dict | list):
            found += paths_into(value, (*path, key))
    return found


def changed(node: object, path: tuple, value: object, remove: bool) -> None:
    for key in path[:-1]:
        node = node[key]
    if remove:
        del node[path[-1]]
    else:
        node[path[-1]] = value


def sealed_again(folder: Path, old: manifest.Manifest) -> None:
    """Make the list of files fit, as whoever forges an archive would."""
    for name in (manifest.FILE, manifest.COPY):
        shutil.rmtree((folder / name).parent)
    made = manifest.Manifest.of(folder, old.kind, old.along, old.entrywise)
    manifest.write_manifest(folder, made)


def survives(folder: Path) -> None:
    for look in (lambda: load(folder), lambda: check(folder), lambda: repair(folder)):
        try:
            found = look()
        except ArchiveError:
            continue
        if isinstance(found, xr.Dataset):
            assert found.nbytes < 2**40


def forge(data: st.DataObject, places: dict[str, Path], tmp_path: Path) -> None:
    """Change metadata of a whole archive, or the bytes of a chunk, and seal it again."""
    folder = tmp_path / "a"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(places["run"], folder)
    old = manifest.read_manifest(folder)
    file = folder / data.draw(st.sampled_from(sorted(old.files)))
    if file.name == "zarr.json":
        described = json.loads(file.read_bytes())
        for _ in range(data.draw(st.integers(1, 2))):
            path = data.draw(st.sampled_from(paths_into(described)))
            changed(described, path, data.draw(ODD), data.draw(st.booleans()))
            if not described:
                break
        file.write_text(json.dumps(described))
    else:
        file.write_bytes(data.draw(st.binary(max_size=200)))
    sealed_again(folder, old)
    survives(folder)


def scramble(data: st.DataObject, places: dict[str, Path], tmp_path: Path) -> None:
    """Overwrite, cut, remove or add files, also those by which damage is noticed."""
    folder = tmp_path / "a"
    for left in tmp_path.glob("a*"):
        shutil.rmtree(left)
    shutil.copytree(places[data.draw(st.sampled_from(["run", "unfinished"]))], folder)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lists = [f for f in files if f.name in (*journal.FILES, "zarr.json") and "fatheory" in str(f)]
    for _ in range(data.draw(st.integers(1, 3))):
        file = data.draw(st.sampled_from(files) | st.sampled_from(lists))
        if not file.is_file():
            continue
        content = file.read_bytes()
        kind = data.draw(st.sampled_from(["write", "cut", "remove", "add", "splice"]))
        at = data.draw(st.integers(0, len(content)))
        if kind == "write":
            file.write_bytes(data.draw(st.binary(max_size=50)))
        elif kind == "cut":
            file.write_bytes(content[:at])
        elif kind == "remove":
            file.unlink()
        elif kind == "add":
            file.with_name(f"{file.name}{data.draw(st.sampled_from('ab'))}").write_bytes(b"{}")
        else:
            file.write_bytes(content[:at] + data.draw(st.binary(max_size=9)) + content[at:])
    survives(folder)


def test_labels_of_absurd_number_are_not_made(places, tmp_path) -> None:
    folder = Path(shutil.copytree(places["run"], tmp_path / "a"))
    old = manifest.read_manifest(folder)
    described = json.loads((folder / "seed/zarr.json").read_bytes())
    described["shape"] = [2**40]
    (folder / "seed/zarr.json").write_text(json.dumps(described))
    sealed_again(folder, old)
    with pytest.raises(ArchiveError, match="seed is said to hold 1099511627776 values"):
        load(folder)


def peak_of(act: Callable[[], object]) -> int:
    """Bytes that Python and NumPy held at most while something was refused."""
    tracemalloc.start()
    try:
        with pytest.raises(ArchiveError):
            act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


SMALL = 30_000_000


@pytest.mark.parametrize("whole", [True, False])
def test_chunks_are_no_larger_than_their_files_can_hold(places, tmp_path, whole: bool) -> None:
    folder = Path(shutil.copytree(places["run"], tmp_path / "a"))
    old = manifest.read_manifest(folder)
    described = json.loads((folder / "weight_2/zarr.json").read_bytes())
    shape = described["chunk_grid"]["configuration"]["chunk_shape"]
    shape[-1] = 2**29
    if whole:
        described["shape"][-1] = 2**29
    (folder / "weight_2/zarr.json").write_text(json.dumps(described))
    sealed_again(folder, old)
    assert peak_of(lambda: load(folder)) < SMALL
    with pytest.raises(ArchiveError, match=r"weight_2 is said to have chunks of shape .*536870912"):
        load(folder)


def test_texts_are_no_more_than_a_chunk_has_room_for(places, tmp_path) -> None:
    folder = Path(shutil.copytree(places["run"], tmp_path / "a"))
    old = manifest.read_manifest(folder)
    chunk = folder / "rule/c/0"
    codecs = json.loads((folder / "rule/zarr.json").read_bytes())["codecs"]
    assert [codec["name"] for codec in codecs] == ["vlen-utf8", "zstd"]
    chunk.write_bytes(Zstd().encode((2**26).to_bytes(4, "little")))
    sealed_again(folder, old)
    assert peak_of(lambda: load(folder)) < SMALL
    with pytest.raises(ArchiveError, match=r"said to hold 67108864 texts; a chunk .* holds 2"):
        load(folder)


def test_entries_are_no_more_than_bytes(places, tmp_path) -> None:
    folder = Path(shutil.copytree(places["run"], tmp_path / "a"))
    old = manifest.read_manifest(folder)
    for name in old.entrywise:
        described = json.loads((folder / name / "zarr.json").read_bytes())
        shape, dims = described["shape"], described["dimension_names"]
        shape[dims.index("step")] = 2**24
        (folder / name / "zarr.json").write_text(json.dumps(described))
    sealed_again(folder, old)
    assert peak_of(lambda: check(folder)) < SMALL
    with pytest.raises(ArchiveError, match="more than its files have bytes"):
        check(folder)


def test_numbers_of_entries_are_no_more_than_bytes(places, tmp_path) -> None:
    folder = Path(shutil.copytree(places["unfinished"], tmp_path / "a"))
    for name in journal.FILES:
        with (folder / journal.FOLDER / name).open("ab") as file:
            file.write(journal._line(10**9, journal.Entry({})))
    assert not check(folder).whole
    assert peak_of(lambda: load(folder)) < SMALL
    repair(folder)
    assert load(folder).sizes["step"] == 3


@pytest.mark.parametrize("shape", [[2**40], [-1], [True], [2.0], [-5, -1], ["5"], [10**400]])
def test_states_are_no_larger_than_their_files(places, tmp_path, shape: list) -> None:
    folder = Path(shutil.copytree(places["unfinished"], tmp_path / "a"))
    listing = json.loads(json.dumps(journal.read(folder).notes[-1]["state"]))
    listing["arrays"][0][3] = shape
    assert peak_of(lambda: journal.read_state(folder, listing)) < SMALL


@pytest.mark.parametrize("name", ["versions", "experiment", "source"])
def test_deep_nesting_is_refused_in_words(places, tmp_path, name: str) -> None:
    folder = Path(shutil.copytree(places["run"], tmp_path / "a"))
    old = manifest.read_manifest(folder)
    described = json.loads((folder / "zarr.json").read_bytes())
    described["attributes"][name] = "[" * 100_000
    (folder / "zarr.json").write_text(json.dumps(described))
    sealed_again(folder, old)
    with pytest.raises(ArchiveError, match=f"attribute {name} must be"):
        load(folder)


@pytest.mark.parametrize("kind", ["run", "unfinished"])
def test_deep_nesting_in_lists_of_files_is_damage(places, tmp_path, kind: str) -> None:
    folder = Path(shutil.copytree(places[kind], tmp_path / "a"))
    lists = (manifest.FILE, manifest.COPY)
    if kind == "unfinished":
        lists = tuple(f"{journal.FOLDER}/{name}" for name in journal.FILES)
    for name in lists:
        (folder / name).write_bytes(b"[" * 100_000 + b"\n")
    for act in (load, check, repair):
        with pytest.raises(DamagedArchiveError):
            act(folder)


@QUICK
@given(data=st.data())
def test_forged_archives(data, places, tmp_path) -> None:
    forge(data, places, tmp_path)


@QUICK
@given(data=st.data())
def test_scrambled_archives(data, places, tmp_path) -> None:
    scramble(data, places, tmp_path)


@pytest.mark.slow
@LONG
@given(data=st.data())
def test_many_forged_archives(data, places, tmp_path) -> None:
    forge(data, places, tmp_path)


@pytest.mark.slow
@LONG
@given(data=st.data())
def test_many_scrambled_archives(data, places, tmp_path) -> None:
    scramble(data, places, tmp_path)
