import ast
import math
from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest

from fatheory.errors import UnknownNameError
from fatheory.theory.statements import (
    Entry,
    catalogue,
    catalogue_markdown,
    catalogue_table,
    collect,
    find_entry,
    residuals,
)

ENTRIES = catalogue()
every_entry = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)


@pytest.fixture(scope="module")
def tested():
    """The entries that tests in this folder name, read from their source.

    An id is a string constant of a file in which a ``catalogue`` marker occurs.
    """
    named = set()
    for path in Path(__file__).parent.rglob("test_*.py"):
        if path == Path(__file__):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        marked = any(isinstance(n, ast.Attribute) and n.attr == "catalogue" for n in ast.walk(tree))
        if marked:
            named |= {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    return named


def test_ids_are_unique():
    repeated = [name for name, times in Counter(entry.id for entry in ENTRIES).items() if times > 1]
    assert not repeated


def test_every_part_is_collected():
    folder = Path(collect.__file__).parent
    collected = {id(part) for part in collect.PARTS.values()}
    for path in folder.glob("*.py"):
        module = (
            import_module(f"fatheory.theory.statements.{path.stem}")
            if path.stem[0] != "_"
            else None
        )
        if hasattr(module, "ENTRIES"):
            assert id(module.ENTRIES) in collected, path.name


@every_entry
def test_function_exists(entry):
    module, name = entry.function.rsplit(".", 1)
    try:
        found = getattr(import_module(module), name)
    except ModuleNotFoundError:  # a method: module.Class.method
        module, owner = module.rsplit(".", 1)
        found = getattr(getattr(import_module(module), owner), name)
    assert callable(found)
    assert found.__doc__


@every_entry
def test_entry_is_verified_by_a_marked_test(entry, tested):
    assert entry.id in tested


@every_entry
def test_residual_was_measured(entry):
    assert math.isfinite(residuals()[entry.id])


def test_no_residual_without_entry():
    assert set(residuals()) <= {entry.id for entry in ENTRIES}


@every_entry
def test_statement_is_latex(entry):
    assert "$" not in entry.statement
    depth = 0
    for k, letter in enumerate(entry.statement):
        escaped = k > 0 and entry.statement[k - 1] == "\\"
        depth += {"{": 1, "}": -1}.get(letter, 0) * (not escaped)
        assert depth >= 0
    assert depth == 0
    assert entry.statement.count(r"\left") - entry.statement.count(r"\leftarrow") == (
        entry.statement.count(r"\right") - entry.statement.count(r"\rightarrow")
    )
    assert all(letter.isprintable() for letter in entry.statement), "an unescaped backslash"
    assert entry.statement.isascii()


@every_entry
def test_every_field_says_something(entry):
    for value in (entry.id, entry.assumptions, entry.source, entry.function, entry.verified):
        assert value == value.strip()
        assert value
        assert not value.endswith(".")


def test_table_has_a_line_per_entry():
    lines = catalogue_table().splitlines()
    assert len(lines) == len(ENTRIES) + 2
    assert [line.split()[0] for line in lines[2:]] == [entry.id for entry in ENTRIES]


def test_page_shows_every_statement():
    page = catalogue_markdown()
    for entry in ENTRIES:
        assert f"### {entry.id}\n\n$$\n{entry.statement}\n$$\n" in page


def test_unmeasured_entries_say_so(monkeypatch):
    entry = Entry("new.result", "a = b", "x* of W_l", "here", "there", "both")
    monkeypatch.setitem(collect.PARTS, "New", (entry,))
    assert "new.result  " in catalogue_table()
    assert "Worst residual: not measured" in catalogue_markdown()
    assert r"- Holds for: x\* of W\_l." in catalogue_markdown()


def test_entries_are_found_by_id():
    assert find_entry("invariant.flow").function == "fatheory.theory.flow.invariant"
    with pytest.raises(UnknownNameError, match=r"did you mean 'invariant\.flow'"):
        find_entry("invariant.flwo")


def test_the_catalogue_shows_itself_as_a_table():
    shown, page = repr(catalogue()), catalogue()._repr_html_()
    for entry in ENTRIES:
        assert entry.id in shown
        assert entry.function in page
