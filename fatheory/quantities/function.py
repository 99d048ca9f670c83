"""Quantities of one's own, from functions."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from fatheory import labels
from fatheory.arrays import Array
from fatheory.errors import PluginError
from fatheory.quantities.need import Need
from fatheory.quantities.quantity import Quantity, code_digest
from fatheory.quantities.view import PROPERTIES, View


class FunctionQuantity(Quantity):
    """A quantity that a function computes; `of_function` makes them."""

    function: ClassVar[Callable[..., Array]]
    looks_at: ClassVar[tuple[str, ...]]
    """Properties of a view, which are the function's arguments."""

    def compute(self, view: View) -> Mapping[str, Array]:
        """Call the function with what its parameters name."""
        return {self.name: type(self).function(*(getattr(view, key) for key in self.looks_at))}

    def __call__(self, *args: Any, **kwargs: Any) -> Array:
        """Call the function itself."""
        return type(self).function(*args, **kwargs)

    @property
    def digest(self) -> str:
        """Digest of the function's source."""
        return code_digest(type(self).function)


def of_function(
    function: Callable[..., Array],
    *,
    dims: Sequence[str] = (),
    units: str = labels.DIMENSIONLESS,
    equation: str = "",
) -> FunctionQuantity:
    """Make a quantity of a function, which is called as the quantity is.

    Parameters
    ----------
    function : callable
        From what its parameters are named after, properties of a `View` such as ``weights``,
        ``backward_weights`` or ``signals``, to an array of shape (*runs, ...). It works on NumPy
        and JAX arrays alike, over any leading axes ``*runs``: `fatheory.arrays.namespace` returns
        the module that computes with given arrays. The first line of its docstring becomes the
        long name.
    dims : sequence of str
        Dimensions behind (rule, seed, step), such as ``("layer",)``; none for one number a
        network.
    units, equation : str
        Of the values.

    Raises
    ------
    PluginError
        If a parameter is none of the properties of a view.

    Examples
    --------
    >>> from fatheory.arrays import namespace
    >>> def largest_weight(weights):
    ...     "largest absolute weight"
    ...     xp = namespace(*weights)
    ...     return xp.max(xp.stack([xp.max(xp.abs(W), axis=(-2, -1)) for W in weights]), axis=0)
    >>> of_function(largest_weight).needs
    frozenset({<Need.WEIGHTS: 'weights'>})
    """
    name = getattr(function, "__name__", type(function).__name__)
    looks_at = tuple(inspect.signature(function).parameters)
    odd = [key for key in looks_at if key not in PROPERTIES]
    if odd or not looks_at:
        raise PluginError(
            f"the quantity {name!r} is a function of {', '.join(odd) or 'nothing'}; its parameters "
            f"name what it needs, of {', '.join(PROPERTIES)}"
        )
    summary = (inspect.getdoc(function) or name.replace("_", " ")).splitlines()[0].rstrip(".")
    attributes = {
        "name": name,
        "summary": summary,
        "needs": frozenset[Need](PROPERTIES[key] for key in looks_at),
        "variables": {name: labels.Variable((*labels.RUN, *dims), units, summary, equation)},
        # Static, or Python would hand the quantity itself to the function.
        "function": staticmethod(function),
        "looks_at": looks_at,
        "__doc__": function.__doc__,
        "__module__": function.__module__,
    }
    # A class for each, as all that a quantity declares is read off its class.
    made: FunctionQuantity = type(name, (FunctionQuantity,), attributes)()
    return made
