"""Compiled programs are kept from process to process, and do no harm where they cannot be."""

import os
import resource
import threading
import warnings

import jax
import pytest
import xarray as xr

import fatheory as fa
from fatheory.errors import CompilationCacheWarning
from fatheory.train import compilation_cache, kept_programs
from fatheory.train.compilation_cache import compilation_cache_folder, compiled_once
from fatheory.train.kept_programs import KeptPrograms, prune, version_name

PROGRAM = os.urandom(200_000)
ASKED = fa.presets["lillicrap2016/fig2"].with_settings(
    {
        "seeds": 2,
        "rules": {"feedback_alignment": 0.01},
        "schedule.phases.0.steps": 20,
        "record.snapshots": 3,
    }
)


@pytest.fixture(autouse=True)
def _nothing_chosen(monkeypatch):
    monkeypatch.setattr(compilation_cache, "_chosen", None)
    users = jax.config.jax_compilation_cache_dir
    if users is not None:
        jax.config.update("jax_compilation_cache_dir", None)
        jax._src.compilation_cache.reset_cache()
    yield
    if users is not None:
        jax.config.update("jax_compilation_cache_dir", users)


def entries(root):
    return sorted((root / version_name()).glob("*.program"))


def test_what_is_kept_is_read_by_others(tmp_path):
    KeptPrograms(tmp_path).put("jit_f-12ab", PROGRAM)
    assert KeptPrograms(tmp_path).get("jit_f-12ab") == PROGRAM
    assert KeptPrograms(tmp_path).get("jit_g-12ab") is None


@pytest.mark.parametrize("left", [0, 1, 18, 40, 51, 1000, 199_999])
def test_a_cut_entry_is_none_and_is_replaced(tmp_path, left):
    kept = KeptPrograms(tmp_path)
    kept.put("jit_f-1", PROGRAM)
    (entry,) = entries(tmp_path)
    os.truncate(entry, left)
    assert kept.get("jit_f-1") is None
    kept.put("jit_f-1", PROGRAM)
    assert kept.get("jit_f-1") == PROGRAM


@pytest.mark.parametrize("at", [0, 25, 60, 100_000])
def test_a_changed_entry_is_none(tmp_path, at):
    kept = KeptPrograms(tmp_path)
    kept.put("jit_f-1", PROGRAM)
    (entry,) = entries(tmp_path)
    content = bytearray(entry.read_bytes())
    content[at] ^= 1
    entry.write_bytes(content)
    assert kept.get("jit_f-1") is None


def test_readers_beside_writers_see_whole_programs_or_none(tmp_path):
    stop, wrong = threading.Event(), []

    def write(which):
        kept = KeptPrograms(tmp_path)
        while not stop.is_set():
            kept.put("jit_f-1", bytes([which]) * 100_000)

    writers = [threading.Thread(target=write, args=(i,)) for i in (1, 2)]
    for writer in writers:
        writer.start()
    reader = KeptPrograms(tmp_path)
    for _ in range(200):
        found = reader.get("jit_f-1")
        if found is not None and found not in (b"\1" * 100_000, b"\2" * 100_000):
            wrong.append(len(found))
    stop.set()
    for writer in writers:
        writer.join()
    assert not wrong
    assert len(list((tmp_path / version_name()).iterdir())) == 1


def test_keys_lead_nowhere_else(tmp_path):
    kept = KeptPrograms(tmp_path / "here")
    for key in ("../../out", "/etc/x", ".hidden", "long" * 100):
        kept.put(key, PROGRAM)
        assert kept.get(key) == PROGRAM
    assert len(entries(tmp_path / "here")) == 4
    assert [path.name for path in tmp_path.iterdir()] == ["here"]


def test_a_folder_that_cannot_be_written_is_one_warning(tmp_path):
    (tmp_path / "file").write_text("in the way")
    kept = KeptPrograms(tmp_path / "file" / "folder")
    match = "cannot be kept in .*: Not a directory; numbers are the same"
    with pytest.warns(CompilationCacheWarning, match=match):
        kept.put("a", PROGRAM)
    kept.put("b", PROGRAM)
    assert kept.get("a") is None


def test_a_full_disk_is_one_warning_and_leaves_nothing_half(tmp_path):
    kept = KeptPrograms(tmp_path)
    kept.put("small", b"small")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.warns(CompilationCacheWarning, match="File too large"):
            kept.put("large", PROGRAM)
        kept.put("larger", PROGRAM)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in (tmp_path / version_name()).iterdir()] == ["small.program"]


def test_programs_of_others_are_not_run(tmp_path):
    kept = KeptPrograms(tmp_path)
    kept.put("f", PROGRAM)
    (tmp_path / version_name()).chmod(0o777)
    with pytest.warns(CompilationCacheWarning, match="other users can write there"):
        assert kept.get("f") is None
    assert kept.get("f") is None


def test_other_versions_are_neither_read_nor_harmed(tmp_path, monkeypatch):
    KeptPrograms(tmp_path).put("f", PROGRAM)
    monkeypatch.setattr(kept_programs, "version_name", lambda: "jax-9-jaxlib-9-x86_64-0")
    later = KeptPrograms(tmp_path)
    assert later.get("f") is None
    later.put("f", b"other")
    assert later.get("f") == b"other"
    monkeypatch.undo()
    assert KeptPrograms(tmp_path).get("f") == PROGRAM


def test_what_was_not_used_for_longest_makes_room(tmp_path):
    kept = KeptPrograms(tmp_path)
    for age, key in enumerate("abcd"):
        kept.put(key, PROGRAM)
        path = tmp_path / version_name() / f"{key}.program"
        os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 7200 * (4 - age)))
    assert kept.get("a") == PROGRAM  # used now
    (tmp_path / "notes.txt").write_text("not ours")
    left_by_a_kill = tmp_path / version_name() / "x.unfinished"
    left_by_a_kill.write_bytes(b"half")
    prune(tmp_path, 450_000)
    assert left_by_a_kill.exists()  # it may be under way
    os.utime(left_by_a_kill, (0, 0))
    prune(tmp_path, 450_000)
    assert [path.stem for path in entries(tmp_path)] == ["a", "d"]
    assert not left_by_a_kill.exists()
    assert (tmp_path / "notes.txt").exists()


def test_the_switch(monkeypatch, tmp_path):
    by_default = {"on": 1, "ON": 1, "": 1}
    for said in ("on", "ON", "", "off", "Off", "0", str(tmp_path)):
        monkeypatch.setenv("FATHEORY_COMPILATION_CACHE", said)
        found = compilation_cache_folder()
        if said in by_default:
            assert found.parts[-2:] == ("fatheory", "compiled")
        else:
            assert found == (tmp_path if said == str(tmp_path) else None)
    fa.set_compilation_cache("off")
    assert compilation_cache_folder() is None
    fa.set_compilation_cache(tmp_path / "other")
    assert compilation_cache_folder() == tmp_path / "other"
    fa.set_compilation_cache(None)
    assert compilation_cache_folder() == tmp_path


def numbers(archive):
    return archive.drop_attrs(deep=False)


def test_archives_are_the_same_without_with_and_from_it(tmp_path):
    fa.set_compilation_cache("off")
    jax.clear_caches()
    wanted = numbers(fa.simulate(ASKED))
    fa.set_compilation_cache(tmp_path)
    jax.clear_caches()
    xr.testing.assert_identical(numbers(fa.simulate(ASKED)), wanted)
    written = {path: path.read_bytes() for path in entries(tmp_path)}
    assert any("jit_advance" in path.name for path in written)
    # A third process after one that was killed while it wrote: one is cut, the others serve.
    cut = next(path for path in written if "jit_observe" in path.name)
    os.truncate(cut, 100)
    untouched = {path: path.stat().st_ino for path in written if path != cut}
    jax.clear_caches()
    xr.testing.assert_identical(numbers(fa.simulate(ASKED)), wanted)
    assert entries(tmp_path) == sorted(written)
    assert {path: path.stat().st_ino for path in untouched} == untouched
    assert KeptPrograms(tmp_path).get(cut.stem) is not None


def test_a_run_is_right_where_nothing_can_be_kept(tmp_path):
    (tmp_path / "file").write_text("in the way")
    fa.set_compilation_cache(tmp_path / "file")
    jax.clear_caches()
    with pytest.warns(CompilationCacheWarning) as told:
        run = fa.simulate(ASKED)
    assert len(told) == 1
    assert bool((run["loss"][..., -1] < run["loss"][..., 0]).all())


def test_programs_of_other_code_are_neither_kept_nor_read(tmp_path):
    fa.set_compilation_cache(tmp_path)

    def compile_one(value):
        with jax._src.config.persistent_cache_min_compile_time_secs(0.0):
            jax.jit(lambda x: x * value + 1)(1.0)

    with compiled_once():
        compile_one(3.25)
        thread = threading.Thread(target=compile_one, args=(4.25,))
        thread.start()
        thread.join()
    assert len(entries(tmp_path)) == 1


def test_a_cache_set_up_in_jax_is_used_instead(tmp_path):
    fa.set_compilation_cache(tmp_path / "ours")
    jax.config.update("jax_compilation_cache_dir", str(tmp_path / "users"))
    try:
        with compiled_once(), jax._src.config.persistent_cache_min_compile_time_secs(0.0):
            jax.jit(lambda x: x * 5.25 + 1)(1.0)
    finally:
        jax.config.update("jax_compilation_cache_dir", None)
        jax._src.compilation_cache.reset_cache()
    assert not (tmp_path / "ours").exists()
    assert len(list((tmp_path / "users").glob("*-cache"))) == 1
    with compiled_once(), warnings.catch_warnings():
        jax.jit(lambda x: x * 6.25 + 1)(1.0)
    assert len(entries(tmp_path / "ours")) == 1
