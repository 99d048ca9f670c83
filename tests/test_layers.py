"""The rooms import downward only. The table of the design, as data, held against every import."""

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

import fatheory

PACKAGE = Path(fatheory.__file__).parent
ROOT = PACKAGE.parent

FOUNDATION = 0
LEVELS = {
    "labels": FOUNDATION,
    "machine": FOUNDATION,
    "registry": FOUNDATION,
    "renamed": FOUNDATION,
    "errors": FOUNDATION,
    "checks": FOUNDATION,
    "arrays": FOUNDATION,
    "inside": FOUNDATION,
    "known_parts": FOUNDATION,
    "labelled_arrays": FOUNDATION,
    "listing": FOUNDATION,
    "markup": FOUNDATION,
    "stable_rates": FOUNDATION,
    "geometry": 1,
    "archive": 1,
    "tasks": 2,
    "rules": 2,
    "interchange": 2,
    "quantities": 3,
    "experiment": 4,
    "initial": 5,
    "networks": 5,
    "updates": 5,
    "theory": 6,
    "train": 6,
    "metrics": 7,
    "comparison": 7,
    "sweep": 7,
    "figures": 8,
    "claims": 8,
    "reproduction": 9,
    "plot": 9,
    "cli": 10,
    "__main__": 11,
}
"""Level of each room; a room imports lower levels only. The foundation's files may share."""

FORBIDDEN = {
    "theory": {"jax", "optax", "matplotlib", "networks", "updates", "train"},
    "rules": {"jax", "optax", "matplotlib"},
    "quantities": {"jax", "optax", "matplotlib"},
    "experiment": {"jax", "optax", "matplotlib"},
    "initial": {"jax", "optax", "matplotlib"},
    "geometry": {"jax", "optax", "matplotlib"},
    "archive": {"jax", "optax", "matplotlib"},
    "interchange": {"jax", "optax", "matplotlib"},
    "tasks": {"jax", "optax", "matplotlib"},
    "networks": {"matplotlib"},
    "updates": {"matplotlib"},
    "train": {"matplotlib"},
    "metrics": {"jax", "optax", "matplotlib", "theory", "train"},
    "comparison": {"jax", "optax", "matplotlib", "theory", "train"},
    "figures": {"jax", "optax", "theory", "train"},
    "reproduction": {"jax", "optax", "theory", "train"},
    "plot": {"jax", "optax", "theory", "train"},
}
"""What a room keeps away from beside higher levels: other rooms, and other packages."""

OUTSIDE = {"analyses", "paper_figs", "tests", "conftest"}
"""Beside the package; nothing in it imports them."""


class Import(NamedTuple):
    """One import in the package: who, where, what."""

    room: str
    place: str
    target: str


def imports(package: Path) -> Iterator[Import]:
    """Find every import in the package, also those inside functions."""
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        if parts == ("__init__",):
            continue  # the front door, which names everything and loads it when touched
        for line, target in targets_in(path.read_text(encoding="utf-8")):
            yield Import(parts[0], f"{path.relative_to(package)}:{line}", target)


@cache
def targets_in(source: str) -> list[tuple[int, str]]:
    """List line and target of every import in a file; cached, since copies differ in one file."""
    return [
        (node.lineno, target)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for target in targets(node)
    ]


def targets(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if node.level:
        return ["." * node.level + (node.module or "")]
    if node.module == "fatheory":
        return [f"fatheory.{alias.name}" for alias in node.names]
    return [node.module or ""]


def violations(package: Path) -> list[str]:
    """List every import that breaks the table."""
    return [f"{i.place} imports {i.target}: {why}" for i in imports(package) if (why := broken(i))]


def broken(found: Import) -> str:
    """Say which rule an import breaks, or nothing."""
    if found.room not in LEVELS:
        return f"the room {found.room!r} has no level in the table"
    first, _, rest = found.target.partition(".")
    if found.target.startswith("."):
        return "imports are absolute"
    if first in OUTSIDE:
        return "nothing in the package imports what stands beside it"
    if first in FORBIDDEN.get(found.room, ()):
        return f"{found.room} keeps away from {first}"
    return between_rooms(found.room, rest.split(".")[0]) if first == "fatheory" else ""


def between_rooms(room: str, other: str) -> str:
    if other not in LEVELS:
        # The command line stands above all rooms and may use the front door.
        return "" if room == "cli" else "import from the room itself, not from the front door"
    if other in FORBIDDEN.get(room, ()):
        return f"{room} keeps away from {other}"
    within = room == other or LEVELS[room] == LEVELS[other] == FOUNDATION
    if within or LEVELS[other] < LEVELS[room]:
        return ""
    return f"level {LEVELS[room]} imports level {LEVELS[other]}"


def test_every_import_goes_down():
    assert violations(PACKAGE) == []


def test_every_room_is_looked_at():
    rooms = {i.room for i in imports(PACKAGE)}
    present = {
        path.stem
        for path in PACKAGE.iterdir()
        if path.stem in LEVELS and (path.is_file() or any(path.glob("*.py")))
    }
    assert present - rooms <= {"labels", "errors"}  # these import nothing but the standard library
    assert {"theory", "train", "metrics", "comparison", "experiment"} <= rooms


@pytest.fixture
def copy(tmp_path):
    """A copy of the package's sources, to be broken."""
    ignored = shutil.ignore_patterns("__pycache__")
    return Path(shutil.copytree(PACKAGE, tmp_path / "fatheory", ignore=ignored))


PLANTED = [
    ("theory/modes.py", "import fatheory.train", "theory keeps away from train"),
    ("theory/modes.py", "from fatheory.train import simulate", "theory keeps away from train"),
    ("theory/modes.py", "from fatheory import networks", "theory keeps away from networks"),
    ("theory/flow.py", "def f():\n    import jax.numpy", "theory keeps away from jax"),
    ("train/simulate.py", "from fatheory.theory import flow", "level 6 imports level 6"),
    ("metrics/angle.py", "from fatheory.train import simulate", "metrics keeps away from train"),
    ("comparison.py", "import fatheory.theory.flow", "comparison keeps away from theory"),
    ("metrics/angle.py", "from fatheory.comparison import compare", "level 7 imports level 7"),
    ("geometry/angle.py", "from fatheory.archive import load", "level 1 imports level 1"),
    ("errors.py", "from fatheory.geometry import angle", "level 0 imports level 1"),
    ("figures/style.py", "import fatheory.reproduction", "level 8 imports level 9"),
    ("train/simulate.py", "import matplotlib.pyplot as plt", "train keeps away from matplotlib"),
    ("rules/rule.py", "from tests import conftest", "nothing in the package imports"),
    ("rules/rule.py", "from analyses.tune_fig2 import main", "nothing in the package imports"),
    ("rules/rule.py", "import paper_figs", "nothing in the package imports"),
    ("rules/rule.py", "from fatheory import Experiment", "not from the front door"),
    ("rules/rule.py", "from . import fixed", "imports are absolute"),
    ("novel.py", "import numpy", "'novel' has no level in the table"),
]


@pytest.mark.parametrize(("path", "line", "why"), PLANTED, ids=[p[1] for p in PLANTED])
def test_a_planted_violation_is_reported(copy, path, line, why):
    with (copy / path).open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
    found = sorted(set(violations(copy)) - set(violations(PACKAGE)))
    assert len(found) == 1
    assert found[0].startswith(f"{path}:")
    assert why in found[0]


def lint_imports(root):
    pytest.importorskip("importlinter", reason="import-linter is not installed: fatheory[dev]")
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"]
    # Contracts come from the repository, modules from the working directory.
    config = ["--config", str(ROOT / "pyproject.toml"), "--no-cache"]
    return subprocess.run(
        [*command, *config], cwd=root, capture_output=True, text=True, timeout=300
    )


def test_contracts_of_import_linter_are_kept():
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_import_linter_reports_a_planted_violation(copy):
    with (copy / "theory" / "modes.py").open("a", encoding="utf-8") as file:
        file.write("\nimport fatheory.train\n")
    done = lint_imports(copy.parent)
    assert done.returncode != 0
    assert "fatheory.theory.modes -> fatheory.train" in done.stdout


def module_graph(package: Path) -> dict[str, set[str]]:
    """Return what each module imports of the package, by dotted name below it."""
    paths = [path.relative_to(package).with_suffix("") for path in package.rglob("*.py")]
    modules = {".".join(path.parts).removesuffix(".__init__"): path for path in paths}
    graph = {}
    for name, path in modules.items():
        source = (package / path).with_suffix(".py").read_text(encoding="utf-8")
        found = set()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fatheory."):
                home = node.module.partition(".")[2]
                inner = {f"{home}.{alias.name}" for alias in node.names}
                found |= (inner & modules.keys()) or {home}
        graph[name] = found & modules.keys() - {name}
    return graph


def test_no_module_imports_itself_by_a_detour(tmp_path):
    tuple(TopologicalSorter(module_graph(PACKAGE)).static_order())
    for one, other in (("a", "b"), ("b", "a")):
        (tmp_path / f"{one}.py").write_text(f"from fatheory.{other} import x\n")
    with pytest.raises(CycleError):
        tuple(TopologicalSorter(module_graph(tmp_path)).static_order())
