"""What methods are asked for; what goes wrong in one from outside is told with its name."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from fatheory.errors import FatheoryError, PluginError
from fatheory.experiment import Experiment
from fatheory.registry import of_fatheory
from fatheory.theory.methods.method import Method


def whose(method: Method) -> str:
    """Name a method and where it was written, for messages."""
    return f"the method {method.name!r} of {type(method).__module__}"


def asked(method: Method, function: str, *given: Any) -> Any:
    """Call a method's function.

    Raises
    ------
    PluginError
        If a method that is not ours fails by an error that is none of fatheory's.
    """
    try:
        return getattr(method, function)(*given)
    except (FatheoryError, MemoryError):
        raise  # said in words already
    except Exception as error:
        raise_as_its_own(method, function, error)
        raise


def raise_as_its_own(method: Method, function: str, error: Exception) -> None:
    """Raise an error as that of a method, if it is not ours."""
    if of_fatheory(type(method)):
        return
    raise PluginError(
        f"{whose(method)} fails in {function}: {type(error).__name__}: {error}"
    ) from error


def problems_of(method: Method, experiment: Experiment) -> list[str]:
    """Return what of an experiment a method does not cover, a line for each problem.

    Raises
    ------
    PluginError
        If it fails, or returns something else than lines.
    """
    found = asked(method, "covers", experiment)
    if isinstance(found, Iterable) and not isinstance(found, str | bytes | Mapping):
        try:
            lines = list(found)
        except Exception as error:  # a generator may fail here only
            raise_as_its_own(method, "covers", error)
            raise
        if all(isinstance(line, str) for line in lines):
            return lines
    raise PluginError(
        f"{whose(method)} returns {found!r:.60} from covers; it must return a sequence of lines, "
        f"one text for each problem, and an empty one for an experiment that it covers"
    )


def memory_of(method: Method, experiment: Experiment) -> dict[str, int]:
    """Return the bytes by part that a method says that it takes.

    Raises
    ------
    PluginError
        If it fails, or returns something else than numbers of bytes by the names of parts.
    """
    found = asked(method, "memory", experiment)
    if isinstance(found, Mapping) and all(map(_is_part, found.items())):
        return {part: int(size) for part, size in found.items()}
    raise PluginError(
        f"{whose(method)} returns {found!r:.60} from memory; it must return a mapping from parts, "
        f"such as 'kernels', to numbers of bytes, zero or more"
    )


def _is_part(item: tuple[Any, Any]) -> bool:
    name, size = item
    number = isinstance(size, int | float | np.integer | np.floating) and not isinstance(size, bool)
    return isinstance(name, str) and number and bool(np.isfinite(size)) and size >= 0


def mapping_of(method: Method, function: str, *given: Any) -> Mapping[str, Any]:
    """Return what a method gives by name: its answer, or why quantities are not in it.

    Raises
    ------
    PluginError
        If it fails, or returns no mapping from names.
    """
    found = asked(method, function, *given)
    if isinstance(found, Mapping) and all(isinstance(name, str) for name in found):
        return found
    raise PluginError(
        f"{whose(method)} returns {found!r:.60} from {function}; it must return a mapping "
        f"from names"
    )
