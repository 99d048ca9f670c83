"""The methods by name: the built-in ones, those of installed packages, those of a session."""

from typing import TypeVar
from warnings import warn

from fatheory.registry import Registry
from fatheory.theory.methods.closed_form import ClosedFormMethod
from fatheory.theory.methods.dmft import DMFTMethod
from fatheory.theory.methods.flow import FlowMethod
from fatheory.theory.methods.infinite_width import InfiniteWidthMethod
from fatheory.theory.methods.lazy import LazyMethod
from fatheory.theory.methods.method import Method
from fatheory.theory.methods.online import OnlineMethod
from fatheory.theory.methods.order_parameters import OrderParametersMethod
from fatheory.theory.methods.phases import PhasesMethod
from fatheory.theory.methods.reduced import ReducedMethod
from fatheory.theory.methods.reduced_sgd import ReducedSGDMethod

Registered = TypeVar("Registered")

_BUILT_IN: tuple[type[Method], ...] = (
    FlowMethod,
    ReducedMethod,
    ReducedSGDMethod,
    ClosedFormMethod,
    PhasesMethod,
    InfiniteWidthMethod,
    LazyMethod,
    DMFTMethod,
    OrderParametersMethod,
    OnlineMethod,
)


def _unfit(part: object) -> str:
    if isinstance(part, type) and issubclass(part, Method):
        return "is a class; name an instance of it"
    if not isinstance(part, Method):
        return "is no instance of a subclass of fatheory.theory.Method"
    return part.unfit()


METHODS: Registry[Method] = Registry(
    "method", "fatheory.methods", [kind() for kind in _BUILT_IN], unfit=_unfit
)
"""All methods. A package adds one by an entry point of the group ``fatheory.methods`` that names
an instance of a `Method`, a notebook by `register_method`."""

known_methods = METHODS.known


def register_method(part: Registered) -> Registered:
    """Add a method for as long as this process lives: an instance, or a class as a decorator.

    Parameters
    ----------
    part : Method or subclass of Method
        It is returned as it is.

    Raises
    ------
    PluginError
        If it is no method, or its name is fatheory's or an installed package's.
    """
    METHODS.register(part() if isinstance(part, type) and issubclass(part, Method) else part)
    return part


def find_method(name: str) -> Method:
    """Return the method called `name`, also where it is spelled with hyphens.

    Raises
    ------
    PluginError
        If the package that brings it fails to load, or brings something else.
    UnknownNameError
        If there is none; the message lists the known ones and the nearest.

    Warns
    -----
    DeprecationWarning
        If it is: names have underscores.
    """
    # Hyphens are how the field writes these words, and how earlier versions spelled the names.
    renamed = {kind.name.replace("_", "-"): kind.name for kind in _BUILT_IN if "_" in kind.name}
    if isinstance(name, str) and name in renamed:
        warn(f"the method {name!r} is called {renamed[name]!r}", DeprecationWarning, stacklevel=3)
        name = renamed[name]
    return METHODS.find(name)
