"""Former names of public things, which lead to them for one version and say so."""

from collections.abc import Callable, Mapping
from importlib import import_module
from warnings import warn


def renamed(module: str, names: Mapping[str, str]) -> Callable[[str], object]:
    """Return the ``__getattr__`` of a module in which things have new names.

    Parameters
    ----------
    module : str
        Its ``__name__``.
    names : mapping of str to str
        From a former name to where the thing is now, ``"package.module:name"``.

    Examples
    --------
    >>> __getattr__ = renamed(__name__, {"Start": "fatheory.initial:InitialState"})
    """

    def find(name: str) -> object:
        if name not in names:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        home, _, new = names[name].partition(":")
        what = f"{module}.{name} is called {home}.{new}; the former name will go with version 0.2"
        # Two frames up is whoever imports or reads the name: `find` itself is the first.
        warn(what, DeprecationWarning, stacklevel=2)
        return getattr(import_module(home), new)

    return find
