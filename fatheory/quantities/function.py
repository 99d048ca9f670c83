"""Quantities of one's own, from functions."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from fatheory import labels
from fatheory.arrays import Array
from fatheory.errors import PluginError
from fatheory.quantities.fingerprint import Fingerprint
from fatheory.quantities.need import Need
from fatheory.quantities.quantity import Quantity
from fatheory.quantities.registry import is_ours, unfit
from fatheory.quantities.view import PROPERTIES, View


class FunctionQuantity(Quantity):
    """A quantity that a function computes; `of_function` makes them."""

    function: ClassVar[Callable[..., Array]]
    looks_at: ClassVar[tuple[str, ...]]
    """Properties of a view, which are the function's arguments."""
    by_position: ClassVar[tuple[str, ...]]
    """Those that cannot be given by name."""

    def compute(self, view: View) -> Mapping[str, Array]:
        """Call the function with what its parameters name."""
        seen = {key: getattr(view, key) for key in self.looks_at}
        first = [seen.pop(key) for key in self.by_position]
        return {self.name: type(self).function(*first, **seen)}

    def __call__(self, *args: Any, **kwargs: Any) -> Array:
        """Call the function itself."""
        return type(self).function(*args, **kwargs)

    @property
    def _code(self) -> Any:
        return type(self).function

    def _state(self, prints: Fingerprint) -> list[str]:
        del prints  # what the function computes with is in the function
        return []


def of_function(
    function: Callable[..., Array],
    *,
    dims: Sequence[str] = (),
    units: str = labels.DIMENSIONLESS,
    equation: str = "",
    name: str | None = None,
) -> FunctionQuantity:
    """Make a quantity of a function, which is called as the quantity is.

    Parameters
    ----------
    function : callable
        From what its parameters are named after, properties of a `View` such as ``weights``,
        ``backward_weights`` or ``signals``, to an array of shape (*runs, ...). It works on NumPy
        and JAX arrays alike, over any leading axes ``*runs``: `fatheory.arrays.namespace` returns
        the module that computes with given arrays. ``weights``, ``signals`` and the other
        properties by layer are sequences of one array for each layer, ``weights[0]`` of shape
        (*runs, unit_1, unit_0) and ``signals[0]`` (*runs, sample, unit_1). Other parameters have
        defaults, at which they stay; `functools.partial` sets others. Real numbers or booleans
        are returned, NaN where there is no number. The first line of its docstring becomes the
        long name.
    dims : sequence of str
        Dimensions behind (rule, seed, step), in the order of the array's last axes: ``layer``,
        ``sample``, ``receptive_unit``, ``unit_1``, ..., and ``unit_L`` of the outputs; none for one
        number a network.
    units, equation : str
        Of the values.
    name : str, optional
        How descriptions and archives call it; without, what the function is called. Functions
        that one function makes, and lambdas, need one each.

    Returns
    -------
    FunctionQuantity
        For `fatheory.Record`, `register` and `fatheory.metrics.quantity`. Its `digest`, which
        experiments note and hash, covers the source of the function, the values that it captured
        from around it, of its defaults and of its global names, and likewise the functions of
        one's own that it calls, as `fatheory.quantities.fingerprint.Fingerprint` says.

    Raises
    ------
    PluginError
        If a parameter without a default is none of the properties of a view; if `dims` is no
        sequence of names, or units or equation no text; if it computes with
        something that cannot be told from others of its kind, such as a generator of random
        numbers; or if archives cannot hold what it declares: an unknown dimension, a name that
        they have already.

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
    own = getattr(function, "func", function)  # of a partial, whose name is its function's
    name = name or str(getattr(own, "__name__", type(own).__name__))
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError) as error:  # nothing that can be called, or built into Python
        raise PluginError(
            f"the quantity {name!r} is made of {function!r:.60}, which shows no parameters: give a "
            f"function, written with def"
        ) from error
    looks_at = tuple(p.name for p in parameters if p.name in PROPERTIES)
    odd = [p.name for p in parameters if p.name not in PROPERTIES and p.default is p.empty]
    if odd or not looks_at:
        raise PluginError(
            f"the quantity {name!r} is a function of {', '.join(odd) or 'nothing'}; its parameters "
            f"name what it needs, of {', '.join(PROPERTIES)}, or have defaults"
        )
    if isinstance(dims, str) or not isinstance(dims, Sequence):
        raise PluginError(
            f"the quantity {name!r} has dims={dims!r:.60}; they are a sequence of names, such as "
            f'dims=("layer",)'
        )
    summary = (inspect.getdoc(own) or name.replace("_", " ")).splitlines()[0].rstrip(".")
    attributes = {
        "name": name,
        "summary": summary,
        "needs": frozenset[Need](PROPERTIES[key] for key in looks_at),
        "variables": {name: labels.Variable((*labels.RUN, *dims), units, summary, equation)},
        # Static, or Python would hand the quantity itself to the function.
        "function": staticmethod(function),
        "looks_at": looks_at,
        "by_position": tuple(p.name for p in parameters if p.kind is p.POSITIONAL_ONLY),
        "__doc__": own.__doc__,
        "__module__": own.__module__,
    }
    # A class for each, as all that a quantity declares is read off its class.
    made: FunctionQuantity = type(name, (FunctionQuantity,), attributes)()
    wrong = "has a name that fatheory has already" if is_ours(name) else unfit(made)
    if wrong:
        raise PluginError(f"the quantity {name!r} ({own.__module__}) {wrong}")
    return made
