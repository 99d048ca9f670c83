"""The table of all benchmarks: what it runs, holds, writes, and shows in the docs."""

import ast
import importlib
import json
import runpy
import shutil
import sys

import pytest
from notebook_runs import ROOT

FOLDER = ROOT / "analyses" / "benchmarks"
HELPERS = {"all", "machine", "online_rivals", "rows", "accelerator"}


@pytest.fixture(scope="module")
def table_of_all():
    """Return `all.py` as a module; scripts find those beside them."""
    before = list(sys.path)
    sys.path.insert(0, str(FOLDER))
    try:
        yield importlib.import_module("all")
    finally:
        sys.path[:] = before


def test_every_benchmark_is_run_and_reports(table_of_all):
    scripts = {path.stem for path in FOLDER.glob("*.py")}
    assert scripts - HELPERS == set(table_of_all.BENCHMARKS)
    for name in table_of_all.BENCHMARKS:
        tree = ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8"))
        called = {getattr(node.func, "id", "") for node in ast.walk(tree) if _is_call(node)}
        assert "add_row" in called, name


def _is_call(node):
    return isinstance(node, ast.Call)


def test_arguments_are_those_that_benchmarks_take(table_of_all):
    for name, arguments in table_of_all.BENCHMARKS.items():
        text = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
        for word in f"{arguments.quick} {arguments.full}".split():
            assert not word.startswith("--") or f'"{word}"' in text, (name, word)


def test_a_benchmark_reports_into_a_table_that_others_keep(table_of_all, tmp_path, monkeypatch):
    """The smallest ensemble there is, in this process."""
    place = tmp_path / "rows.jsonl"
    monkeypatch.setenv(table_of_all.FILE, str(place))
    monkeypatch.setattr(sys, "argv", ["linear_ensemble.py", "--seeds", "1", "--steps", "20"])
    runpy.run_path(str(FOLDER / "linear_ensemble.py"), run_name="__main__")
    rows = table_of_all.rows_of(place)
    assert len(rows) == 4
    assert all(row["value"] > 0 and row["unit"] == "times" for row in rows)
    found = {"arguments": "", "seconds": 1.0, "product_rate": 2e11, "copy_bandwidth": 2.5e10}
    table = table_of_all.stored(tmp_path, "quick")
    table["benchmarks"]["wide"] = found | {"rows": rows[:1]}
    table_of_all.store(table, tmp_path)
    again = table_of_all.stored(tmp_path, "quick")
    again["benchmarks"]["linear_ensemble"] = found | {"rows": rows}
    written = table_of_all.store(again, tmp_path)
    read = json.loads(written.read_text(encoding="utf-8"))
    assert list(read["benchmarks"]) == ["linear_ensemble", "wide"]
    assert read["benchmarks"]["linear_ensemble"]["rows"] == rows
    page = written.with_suffix(".md").read_text(encoding="utf-8")
    assert f"| {rows[0]['what']} | {rows[0]['value']:.3g} | times |" in page
    assert "product 200 GFLOP/s, copy 25.0 GB/s" in page


def test_the_run_for_accelerators_measures_all_its_parts(table_of_all, tmp_path, monkeypatch):
    place = tmp_path / "rows.jsonl"
    monkeypatch.setenv(table_of_all.FILE, str(place))
    accelerator = importlib.import_module("accelerator")
    monkeypatch.setattr(sys, "argv", ["accelerator.py", "--tiny"])
    with pytest.raises(SystemExit) as left:
        accelerator.main()
    assert left.value.code == 0
    rows = {row["what"]: row["value"] for row in table_of_all.rows_of(place)}
    for part in ("Fig. 3a,", "mini-batches,", "Fig. 2,", "spiking,", "convolutions,", "memory"):
        assert all(value > 0 for what, value in rows.items() if what.startswith(part))
        assert any(what.startswith(part) for what in rows), part
    apart = [value for what, value in rows.items() if what.endswith("difference to the CPU")]
    assert len(apart) == 2
    assert max(apart) == 0 or accelerator.jax.default_backend() != "cpu"


def test_what_fails_is_told_with_its_last_words(table_of_all, tmp_path, monkeypatch):
    script = tmp_path / "broken.py"
    script.write_text("raise SystemExit('no such machine')", encoding="utf-8")
    monkeypatch.setattr(table_of_all, "beside_script", lambda *_: script)
    monkeypatch.setitem(table_of_all.BENCHMARKS, "broken", table_of_all.Arguments())
    for measured in ("product_rate", "copy_bandwidth"):
        monkeypatch.setattr(table_of_all, measured, lambda: 1.0)
    with pytest.raises(RuntimeError, match=r"broken ended with 1:\nno such machine"):
        table_of_all.run("broken", "quick")


def test_the_docs_show_the_newest_table_a_full_one_first(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "pages"))
    speed = importlib.import_module("speed")
    assert "| what | value | unit |" in speed.speed_pages(tmp_path)["speed.md"]
    monkeypatch.setattr(speed, "STORED", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"all\.py writes one"):
        speed.speed_pages(tmp_path)
    for name in ("0.9.0-full", "0.10.0-full", "0.10.0-quick"):
        (tmp_path / f"{name}.md").write_text(name, encoding="utf-8")
    assert speed.speed_pages(tmp_path)["speed.md"] == "0.10.0-full"
    shutil.rmtree(tmp_path)
