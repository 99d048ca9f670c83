"""The reference: one page for every room, one section for every module that it gives names of."""

import importlib
import inspect
import types
from collections import defaultdict
from pathlib import Path
from typing import Any

from sphinx.pycode import ModuleAnalyzer

import fatheory
from pages.links import ROOMS, homes, public_names

TITLES = {
    "experiment": "what is asked",
    "train": "simulation",
    "theory": "equations",
    "archive": "run archives",
    "interchange": "runs of other programs",
    "metrics": "numbers from archives",
    "plot": "pictures of archives",
    "comparison": "theory against simulation",
    "sweep": "many experiments",
    "rules": "learning rules",
    "quantities": "what can be recorded",
    "tasks": "inputs and targets",
    "figures": "drawing",
    "claims": "what the papers claim",
    "reproduction": "figures of the papers",
    "geometry": "numbers from arrays",
    "initial": "starts",
    "networks": "forward passes",
    "updates": "weight changes",
}


def api_pages(folder: Path) -> dict[str, str]:
    """Return the pages of the reference."""
    del folder
    pages = {f"api-{room}.rst": _room(room) for room in ROOMS}
    return pages | {"api.rst": _overview(), "api-errors.rst": _errors()}


def _heading(text: str, mark: str) -> str:
    return f"{text}\n{mark * len(text)}\n"


def _overview() -> str:
    rooms = "\n".join(f"   api-{room}" for room in ROOMS)
    given = {name: getattr(fatheory, name) for name in fatheory.__all__ if name in homes()}
    rows = "\n".join(
        f"   * - :py:obj:`fa.{name} <{homes()[name]}>`\n     - {_first_line(value)}"
        for name, value in given.items()
    )
    return f"""{_heading("Reference", "=")}
By room of the package, from what is used first to what is used least. Imports go downward only, and
``theory`` and ``train`` never see each other.

.. toctree::
   :maxdepth: 1

{rooms}
   api-errors

{_heading("What ``import fatheory as fa`` gives", "-")}
Beside the rooms themselves, such as ``fa.metrics``:

.. list-table::
   :widths: 30 70

{rows}
"""


def _room(room: str) -> str:
    module = f"fatheory.{room}"
    sections = defaultdict(list)
    for name, value in public_names(room).items():
        sections[_home(room, name, value)].append((name, value))
    parts = [
        _heading(f"{module}: {TITLES[room]}", "="),
        f".. automodule:: {module}\n   :no-members:\n",
    ]
    for home, members in sections.items():
        if len(sections) > 1:
            parts.append(_heading(home.removeprefix(f"{module}."), "-"))
            parts.append(f"{_first_line(importlib.import_module(home))}\n")
        parts += [_member(module, name, value) for name, value in members]
    return "\n".join(parts)


def _home(room: str, name: str, value: Any) -> str:
    """Return the module that defines a name: values have none, but the room's imports tell."""
    told = inspect.getsource(importlib.import_module(f"fatheory.{room}"))
    for line in told.replace("(\n    ", "").splitlines():
        if line.startswith("from fatheory.") and f"import {name} as" in line:
            home = line.split()[1]
            if importlib.import_module(home).__doc__:
                return home
    return getattr(value, "__module__", None) or f"fatheory.{room}"


def _member(module: str, name: str, value: Any) -> str:
    if inspect.isclass(value):
        return f".. autoclass:: {module}::{name}\n   :members:\n"
    if isinstance(value, types.GenericAlias) or hasattr(value, "__origin__"):
        # A name for a type: autodoc would take it for the class that it is made of.
        return (
            f".. py:data:: {module}.{name}\n\n   {_note(module.rpartition('.')[2], name, value)}\n"
        )
    if inspect.isroutine(value) or hasattr(value, "__wrapped__"):
        return f".. autofunction:: {module}::{name}\n"
    return f".. autodata:: {module}::{name}\n   :no-value:\n"


def _note(room: str, name: str, value: Any) -> str:
    """Return the text that stands below a value where it is defined."""
    found = ModuleAnalyzer.for_module(_home(room, name, value)).find_attr_docs()
    return " ".join(found.get(("", name), ()))


def _errors() -> str:
    from fatheory import errors

    classes = [
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and value.__module__ == errors.__name__
    ]
    parts = [
        _heading("fatheory.errors: errors and warnings", "="),
        ".. automodule:: fatheory.errors\n   :no-members:\n",
    ]
    parts += [
        f".. autoclass:: fatheory.errors::{name}\n   :no-members:\n   :show-inheritance:\n"
        for name in sorted(classes)
    ]
    return "\n".join(parts)


def _first_line(value: Any) -> str:
    return (inspect.getdoc(value) or "").partition("\n")[0]
