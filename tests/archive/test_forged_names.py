"""Names and links in archives from strangers lead nowhere: a tree outside is watched."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from fatheory.archive import (
    SWEEP,
    AppendableArchive,
    Template,
    WriterLock,
    check,
    journal,
    load,
    manifest,
    repair,
    save,
    to_netcdf,
)
from fatheory.archive.files import FileRecord
from fatheory.errors import ArchiveError, DamagedArchiveError

NAMES = [
    "../victim/x", "../victim/new", "a/../../victim/x", "{victim}/x", "{victim}/new", "x/c.0/../..",
    "..\\victim\\x", "．．/victim/x", "‥/victim/new", "x／..／..／victim／x", "./zarr.json",
    "x//c.0",
    "ZARR.json", "x/Zarr.json", "Fatheory-Manifest/zarr.json", "fatheory-growing/journal.jsonl",
    "fatheory-manifest/zarr.json", "x/c.0\0", "n" * 300, "x/" + "n" * 5000, "C:/x", "", ".", "..",
    "~/x", "x/notes.txt", "x/c.⁰", ".x.lock", "../.a.lock", "../a/zarr.json",
]  # fmt: skip


def begin(path: Path) -> None:
    """An unfinished archive of two committed entries of three, with a state."""
    template = Template(("entry", "i"), (3, 2), np.dtype("f8"))
    static = xr.Dataset(coords={"entry": np.arange(3)})
    with AppendableArchive.create(path, static, {"x": template}, ["entry"], kind=SWEEP) as archive:
        for entry in range(2):
            archive.write({"entry": entry}, {"x": np.full(2, entry + 1.0)})
            archive.commit({}, {"rule": {"w": np.arange(3.0)}})


def go_on(path: Path) -> None:
    with AppendableArchive.resume(path) as archive:
        archive.state()
        archive.write({"entry": 2}, {"x": np.ones(2)})
        archive.commit({}, {"rule": {"w": np.arange(3.0)}})
        archive.finish(xr.Dataset(attrs={"late": 1}))


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pristine")
    begin(folder / "unfinished")
    begin(folder / "whole")
    go_on(folder / "whole")
    return folder


class Scene:
    """A stranger's archive beside a tree that nothing may touch."""

    def __init__(self, pristine: Path, folder: Path) -> None:
        self.folder, self.victim, self._pristine = folder, folder / "victim", pristine
        self.victim.mkdir(parents=True)
        (self.victim / "x").write_bytes(b"precious")
        shutil.copytree(pristine / "whole", self.victim / "archive")
        self.before = self.seen()

    def seen(self) -> dict[str, tuple[object, ...]]:
        return {
            path.relative_to(self.folder).as_posix(): (
                path.lstat().st_mtime_ns,
                path.read_bytes() if path.is_file() else b"",
            )
            for path in [self.victim, *self.victim.rglob("*")]
        }

    def place(self, kind: str) -> Path:
        for left in self.folder.iterdir():
            if left == self.victim:
                continue
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left)
            else:
                left.unlink()
        return Path(shutil.copytree(self._pristine / kind, self.folder / "a"))

    def drive(self, path: Path, *, repairs: bool = True) -> list[str]:
        """Carry out all that one does with an archive; return what succeeded."""
        done: dict[str, Callable[[], object]] = {
            "load": lambda: load(path),
            "check": lambda: check(path),
            "export": lambda: to_netcdf(load(path), self.folder / "a.nc", overwrite=True),
            "resume": lambda: go_on(path),
            "repair": lambda: repair(path),
            "resume repaired": lambda: go_on(path),
            "replace": lambda: save(xr.Dataset({"y": 1.0}), path, overwrite=True),
        }
        succeeded = []
        for name, act in done.items():
            if name == "repair" and not repairs:
                continue
            try:
                act()
            except ArchiveError:
                pass
            else:
                succeeded.append(name)
            assert self.seen() == self.before, name
        return succeeded


@pytest.fixture
def scene(pristine: Path, tmp_path: Path) -> Scene:
    return Scene(pristine, tmp_path / "scene")


def forge_manifest(path: Path, name: str, where: str) -> None:
    old, record = manifest.read_manifest(path), FileRecord.of_bytes(b"precious")
    files, kept = dict(old.files), dict(old.kept)
    if where == "added":
        files[name] = record
    else:
        lost = "x/zarr.json" if where == "kept" else "x/c.1.0"
        files[name] = files.pop(lost)
        if where == "kept":
            kept[name] = kept.pop(lost)
        (path / lost).unlink()
    forged = manifest._render(manifest.Manifest(old.kind, files, old.along, old.entrywise, kept))
    for list_name in (manifest.FILE, manifest.COPY):
        (path / list_name).write_bytes(forged)


def forge_journal(path: Path, name: str, where: str) -> None:
    past = journal.read(path)
    first, *others = past.entries
    files, note = dict(first.files), dict(first.note)
    if where == "state":
        last = dict(others[-1].note)
        last["state"] = dict(last["state"], file=name)
        others[-1] = journal.Entry(others[-1].files, others[-1].places, last)
    elif where == "kept":
        note["kept"] = dict(note["kept"])
        note["kept"][name], files[name] = note["kept"].pop("x/zarr.json"), files.pop("x/zarr.json")
        (path / "x/zarr.json").unlink()
    else:
        files[name] = FileRecord.of_bytes(b"precious")
    entries = [journal.Entry(files, first.places, note), *others]
    content = b"".join(journal._line(number, entry) for number, entry in enumerate(entries))
    for list_name in journal.FILES:
        (path / journal.FOLDER / list_name).write_bytes(content)


FORGERS = [("whole", forge_manifest, where) for where in ("added", "kept", "renamed")]
FORGERS += [("unfinished", forge_journal, where) for where in ("added", "kept", "state")]


def forged(scene: Scene, names: list[str], rng: np.random.Generator) -> None:
    for name in names:
        kind, forge, where = FORGERS[rng.integers(len(FORGERS))]
        path = scene.place(kind)
        forge(path, name.format(victim=scene.victim), where)
        assert "load" not in scene.drive(path) or where == "state"
        # Of a state that is elsewhere, what was recorded can be had.
        assert (scene.victim / "x").read_bytes() == b"precious"


def test_every_name_in_lists_of_files_is_refused(scene: Scene) -> None:
    forged(scene, NAMES, np.random.default_rng(1))


@pytest.mark.slow
def test_names_made_of_pieces_in_lists_of_files_are_refused(scene: Scene) -> None:
    rng = np.random.default_rng(2)
    pieces = [
        "..",
        "/",
        "victim",
        "x",
        "．．",
        "／",
        "\\",
        "{victim}",
        "a",
        ".",
        "new",
        "zarr.json",
    ]
    names = ["../" + "".join(rng.choice(pieces, rng.integers(1, 6))) for _ in range(2000)]
    forged(scene, names, rng)


def test_a_refused_name_is_named(scene: Scene) -> None:
    for kind, forge, reader in (
        ("whole", forge_manifest, load),
        ("unfinished", forge_journal, check),
        ("whole", forge_manifest, repair),
    ):
        path = scene.place(kind)
        forge(path, "../victim/x", "added")
        with pytest.raises(DamagedArchiveError, match=r"names '\.\./victim/x', which leads out"):
            reader(path)


def test_states_that_lie_elsewhere_are_not_read(scene: Scene) -> None:
    for name in ("../../victim/x", "state-2.bin/../../../victim/x", "state-².bin", "x"):
        path = scene.place("unfinished")
        forge_journal(path, name, "state")
        with (
            AppendableArchive.resume(path) as archive,
            pytest.raises(DamagedArchiveError, match="so the run cannot go on"),
        ):
            archive.state()


def replace(path: Path, make: Callable[[Path], None]) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    path.parent.mkdir(exist_ok=True)
    make(path)


SPOTS = [
    "zarr.json", "x", "x/zarr.json", "x/c.0.0", "x/c.2.0", "entry", "entry/c/0", "entry/zarr.json",
]  # fmt: skip
OF_KIND = {
    "whole": [
        "fatheory-manifest", "fatheory-manifest/zarr.json", "fatheory-manifest-copy",
        "fatheory-manifest-copy/zarr.json", "fatheory-growing", "../.a.lock", "../.a.replaced",
    ],
    "unfinished": [
        "fatheory-growing", "fatheory-growing/journal.jsonl", "fatheory-growing/zarr.json",
        "fatheory-growing/journal-copy.jsonl", "fatheory-growing/journal.jsonl.new",
        "fatheory-growing/journal-copy.jsonl.new", "fatheory-growing/state-2.bin",
        "fatheory-growing/state-3.bin", "fatheory-growing/state-4.bin", "../.a.lock",
        "../.a.replaced",
    ],
}  # fmt: skip
CASES = [(kind, spot) for kind in OF_KIND for spot in (*SPOTS, *OF_KIND[kind])]


@pytest.mark.parametrize(
    "what",
    [
        "file",
        "folder",
        "pipe",
        *(pytest.param(what, marks=pytest.mark.slow) for what in ("archive", "nothing")),
    ],
)
def test_links_and_devices_are_not_followed(scene: Scene, what: str) -> None:
    targets = {"file": "x", "folder": ".", "archive": "archive", "nothing": "new"}
    for kind, spot in CASES:
        path = scene.place(kind)
        if what == "pipe":
            replace(path / spot, os.mkfifo)
        else:
            target = scene.victim / targets[what]
            replace(path / spot, lambda place, to=target: place.symlink_to(to))
        succeeded = scene.drive(path)
        if spot in (*SPOTS, "fatheory-manifest") and spot != "x/c.2.0":
            assert "load" not in succeeded, (kind, spot)


def test_a_lock_is_not_written_through_a_link(scene: Scene) -> None:
    path = scene.place("whole")
    (scene.folder / ".a.lock").symlink_to(scene.victim / "x")
    with pytest.raises(ArchiveError, match="could not write"):
        WriterLock(path)
    (scene.folder / ".a.lock").unlink()
    os.link(scene.victim / "x", scene.folder / ".a.lock")
    with pytest.raises(ArchiveError, match=r"\.a\.lock is a link or a device"):
        WriterLock(path)
    assert scene.seen() == scene.before


def test_what_file_systems_take_for_one_is_not_restored(scene: Scene) -> None:
    path = scene.place("whole")
    old = manifest.read_manifest(path)
    shutil.copytree(path / "x", path / "X")
    files = old.files | {"X" + name[1:]: r for name, r in old.files.items() if name[:2] == "x/"}
    text = old.kept["x/zarr.json"]
    made = manifest.Manifest(
        old.kind, files, old.along, ("X", "x"), {**old.kept, "X/zarr.json": text}
    )
    for list_name in (manifest.FILE, manifest.COPY):
        (path / list_name).write_bytes(manifest._render(made))
    load(path)
    (path / "X/zarr.json").unlink()
    with pytest.raises(ArchiveError, match=r"on some file systems its files .* are one"):
        repair(path)
