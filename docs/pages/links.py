"""Where a name is documented: at the room that gives it, by whatever name it is written."""

import importlib
import inspect
from functools import cache
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

import fatheory

ROOMS = (
    *("experiment", "train", "theory", "archive", "metrics", "plot", "comparison", "sweep"),
    *("rules", "quantities", "tasks", "interchange", "figures", "claims", "reproduction"),
    *("geometry", "initial", "networks", "updates"),
)
"""Rooms in the order in which a reader needs them."""


def public_names(room: str) -> dict[str, Any]:
    """Return what a room gives: what it imports from its own modules, in its order."""
    module = importlib.import_module(f"fatheory.{room}")
    return {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }


@cache
def homes() -> dict[str, str]:
    """Return the documented name of every other way to write it."""
    found: dict[str, str] = {}
    for room in ROOMS:
        for name, value in public_names(room).items():
            documented = f"fatheory.{room}.{name}"
            module = getattr(value, "__module__", None)
            if isinstance(module, str) and module.startswith("fatheory."):
                found.setdefault(f"{module}.{getattr(value, '__qualname__', name)}", documented)
    for name in fatheory.__all__:
        value = getattr(fatheory, name)
        for room in ROOMS:
            if public_names(room).get(name) is value:
                found[name] = found[f"fatheory.{name}"] = f"fatheory.{room}.{name}"
                break
    return found


def resolve(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, contnode: nodes.TextElement
) -> nodes.reference | None:
    """Link what Python's domain has not found: `simulate`, `fatheory.theory.flow.flow`."""
    if node.get("refdomain") != "py":
        return None
    target = node["reftarget"].removesuffix("()").lstrip(".~")
    home = homes().get(target)
    if home is None and "." not in target and node.get("py:module"):
        home = f"{'.'.join(node['py:module'].split('.')[:2])}.{target}"
    if home is None:
        return None
    domain = env.domains.python_domain
    if home not in domain.objects:
        return None
    return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", home, node, contnode)  # type: ignore[return-value]
