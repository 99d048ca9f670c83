"""What `import fatheory` gives, and how little it loads."""

import json
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

import fatheory

ROOT = Path(fatheory.__file__).parent.parent
HEAVY = ("jax", "matplotlib", "sympy", "xarray", "scipy", "pydantic", "optax", "zarr", "rich")


def fresh(code, *arguments):
    """Run code in a new interpreter and return what it prints, read as JSON."""
    # -P and the inserted root: the tested tree, whatever stands in the working directory.
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{code}"
    command = [sys.executable, "-P", "-c", program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


LOADED_BY = """
import json
{statement}
print(json.dumps(sorted({{name.split(".")[0] for name in sys.modules}})))
"""


def loaded_by(statement):
    return set(fresh(LOADED_BY.format(statement=statement)))


def test_importing_the_package_loads_nothing_heavy():
    assert loaded_by("import fatheory").isdisjoint((*HEAVY, "numpy"))


def test_theory_needs_neither_jax_nor_sympy_nor_matplotlib():
    loaded = loaded_by("import fatheory.theory; fatheory.solve")
    assert "scipy" in loaded
    assert loaded.isdisjoint(("jax", "sympy", "matplotlib"))


def test_metrics_and_comparison_need_no_jax():
    loaded = loaded_by("import fatheory; fatheory.metrics; fatheory.compare")
    assert "xarray" in loaded
    assert loaded.isdisjoint(("jax", "sympy", "matplotlib"))


def test_listing_the_names_loads_nothing():
    assert loaded_by("import fatheory; dir(fatheory); fatheory.__version__").isdisjoint(HEAVY)


def test_importing_the_package_is_quick():
    timed = """
import json, time
began = time.perf_counter()
import fatheory
print(json.dumps(time.perf_counter() - began))
"""
    # The best of a few: the first may compile byte code, and others share the processor.
    assert min(fresh(timed) for _ in range(4)) < 0.3


@pytest.mark.parametrize("name", fatheory.__all__)
def test_every_public_name_resolves_and_is_listed(name):
    assert getattr(fatheory, name) is not None
    assert name in dir(fatheory)


def test_public_names_are_listed_once():
    assert len(set(fatheory.__all__)) == len(fatheory.__all__)
    assert dir(fatheory) == sorted(fatheory.__all__)


def test_star_import_gives_the_public_names():
    scope = {}
    exec("from fatheory import *", scope)
    assert set(fatheory.__all__) <= set(scope)


@pytest.mark.parametrize("room", ["theory", "metrics", "geometry", "rules", "tasks"])
def test_rooms_are_attributes(room):
    code = f"import fatheory, json; print(json.dumps(fatheory.{room}.__name__))"
    assert fresh(code) == f"fatheory.{room}"


KINDS = """
import json
{first}
from fatheory import {names}
import fatheory
print(json.dumps([type(x).__name__ for x in ({names}, fatheory.compare)]))
"""


@pytest.mark.parametrize("first", ["import fatheory", "import fatheory.comparison"])
def test_compare_is_the_function_whatever_was_imported_first(first):
    """A module of the same name would shadow the function as soon as someone imported it."""
    assert fresh(KINDS.format(first=first, names="compare")) == ["function"] * 2


def test_functions_are_functions_after_their_modules_were_imported():
    first = (
        "import fatheory.theory.solve, fatheory.train.simulate, fatheory.experiment.presets, "
        "fatheory.archive.store, fatheory.comparison"
    )
    found = fresh(KINDS.format(first=first, names="simulate, solve, load, save, presets, compare"))
    assert found == ["function"] * 4 + ["Presets"] + ["function"] * 2


def test_no_public_name_is_also_a_module():
    modules = {path.stem for path in Path(fatheory.__file__).parent.iterdir()}
    rooms = {name for name in fatheory.__all__ if (ROOT / "fatheory" / name).is_dir()}
    assert modules & set(fatheory.__all__) == rooms


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'fatheory' has no attribute 'simulat'"):
        _ = fatheory.simulat
    with pytest.raises(ImportError, match="cannot import name 'simulat'"):
        from fatheory import simulat  # noqa: F401
    assert not hasattr(fatheory, "__wrapped__")


def test_the_least_typer_reads_choices():
    """Before 0.19 every command ended in a RuntimeError, for one has an option of two values."""
    described = ROOT / "pyproject.toml"
    required = tomllib.loads(described.read_text("utf-8"))["project"]["dependencies"]
    (least,) = (one.partition(">=")[2] for one in required if one.startswith("typer"))
    assert tuple(map(int, least.split("."))) >= (0, 19)


def test_version_is_that_of_the_installed_package():
    try:
        installed = metadata.version("fatheory")
    except metadata.PackageNotFoundError:
        pytest.skip("fatheory is not installed, only on the path")
    assert fatheory.__version__ == installed
