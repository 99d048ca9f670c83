"""Damage in the archive of a sweep reaches no reader, no extension and no other archive."""

import itertools
import shutil
import sys
from pathlib import Path

import pytest
from interrupted import interrupted_after
from sweep_examples import RATES, sweep

import fatheory as fa
from fatheory.archive import check
from fatheory.cli import main
from fatheory.errors import ArchiveWriteError, DamagedArchiveError
from fatheory.sweep import sweep_status
from fatheory.sweep.status import load_sweep

FOUR = {RATES: [0.01, 0.02, 0.03, 0.04]}


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    """A finished sweep of four cells, and the same one stopped after two."""
    folder = tmp_path_factory.mktemp("pristine")
    sweep(FOUR).run(folder / "finished")
    with pytest.MonkeyPatch.context() as patch:
        interrupted_after(patch, 2)
        with pytest.raises(KeyboardInterrupt):
            sweep(FOUR).run(folder / "unfinished")
    return folder


@pytest.fixture(params=["finished", "unfinished"])
def swapped(request, pristine, tmp_path):
    """A sweep of which two cells have changed places on disk: every file has its size."""
    path = Path(shutil.copytree(pristine / request.param, tmp_path / "x.zarr"))
    chunks = {file: file.read_bytes() for file in sorted(path.glob("*/c.*"))}
    one, two = next(
        (one, two)
        for one, two in itertools.combinations(chunks, 2)
        if one.parent == two.parent
        and len(chunks[one]) == len(chunks[two])
        and chunks[one] != chunks[two]
    )
    one.write_bytes(chunks[two])
    two.write_bytes(chunks[one])
    return path


def content(path):
    return {file: file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()}


@pytest.mark.parametrize("read", [fa.load, load_sweep, sweep_status])
def test_no_reader_takes_damage_for_values(swapped, read):
    with pytest.raises(DamagedArchiveError, match=r"/c[.\d]+ has another content"):
        read(swapped)


@pytest.mark.parametrize("arguments", [["show"], ["show", "--csv"], ["status"]])
def test_no_command_prints_it(swapped, arguments, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["fatheory", "sweep", *arguments, str(swapped)])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 1
    told = capsys.readouterr()
    assert "is damaged" in told.err
    assert told.out == ""


@pytest.mark.parametrize(
    "axes",
    [
        FOUR,
        {RATES: [*FOUR[RATES], 0.05]},
        {RATES: [0.01]},
        FOUR | {"root_seed": [0, 1]},
    ],
    ids=["again", "extended", "narrowed", "another axis"],
)
def test_no_sweep_takes_it_over(swapped, axes):
    before = content(swapped)
    with pytest.raises(DamagedArchiveError, match="is damaged"):
        sweep(axes).run(swapped)
    assert content(swapped) == before
    assert [file.name for file in swapped.parent.iterdir()] == ["x.zarr"]
    assert not check(swapped).whole


def test_notes_of_a_journal_that_were_changed_are_not_believed(pristine, tmp_path):
    path = Path(shutil.copytree(pristine / "unfinished", tmp_path / "x.zarr"))
    assert sweep_status(path).counts["done"] == 2
    for file in path.glob("fatheory-growing/journal*.jsonl"):
        text = file.read_text()
        assert '"left"' in text
        file.write_text(text.replace('"left": 2', '"left": 9').replace('"left":2', '"left":9'))
        assert file.read_text() != text
    for read in (sweep_status, load_sweep, sweep(FOUR).run):
        with pytest.raises(DamagedArchiveError, match="journal"):
            read(path)


def test_damage_of_what_a_sweep_says_of_itself_is_told_too(pristine, tmp_path):
    path = Path(shutil.copytree(pristine / "finished", tmp_path / "x.zarr"))
    file = path / "zarr.json"
    file.write_text(file.read_text().replace("0.04]", "0.05]"))
    for axes in (FOUR, {RATES: [0.01, 0.02, 0.03, 0.05]}):
        with pytest.raises((DamagedArchiveError, ArchiveWriteError), match="damaged"):
            sweep(axes).run(path)
    with pytest.raises(DamagedArchiveError, match=r"zarr\.json has another content"):
        sweep_status(path)
