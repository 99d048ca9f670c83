"""Order parameters of networks with finitely many inputs, labelled: mean and spread over seeds."""

import operator

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.arrays import ArrayLike
from fatheory.checks import increasing_times
from fatheory.errors import RegimeError
from fatheory.rules import Rule
from fatheory.theory.order_parameters.arguments import checked_problem
from fatheory.theory.order_parameters.finite_size import error_expansion, expand
from fatheory.theory.order_parameters.labelled import TIME_ATTRS, attributes, dimensions


def order_parameter_fluctuations(
    Q: ArrayLike,
    R: ArrayLike,
    T: ArrayLike,
    W: ArrayLike,
    A: ArrayLike,
    *,
    activation: str,
    rule: str | Rule = "feedback_alignment",
    B: ArrayLike | None = None,
    learning_rate: float,
    readout_rate: float | None = None,
    noise: float = 0.0,
    times: ArrayLike,
    inputs: int,
    decay: float = 0.0,
    input_decay: float = 0.0,
) -> xr.Dataset:
    """Compute the spread of order parameters over seeds at finite n_i, and the shift of their mean.

    To leading order in 1 / n_i around the solution of `order_parameters`, of seeds that share the
    start of the overlaps and differ in their examples
    (`fatheory.theory.order_parameters.finite_size`). Deviations fall as n_i^(-1/2), shifts as
    1 / n_i. The noise of one step is averaged over 2^13 quasi-random examples, which leaves about
    1 % of a standard deviation. Costs some hundred times as much as `order_parameters`.

    Parameters
    ----------
    Q, R, T, W, A, activation, rule, B, learning_rate, readout_rate, noise, times
        As of `order_parameters`.
    inputs : int
        n_i.
    decay, input_decay : float
        As of `order_parameters`.

    Returns
    -------
    xarray.Dataset
        ``Q``, ``R``, ``W`` (``B``) and ``generalization_error`` in the limit, with ``_std``, the
        standard deviation over seeds, and ``_shift``, the mean over seeds minus the limit, of each.
        A shift that is not small against the limit says that n_i is too small for the expansion.

    Raises
    ------
    ArrayError, RegimeError, UnknownNameError
        As of `order_parameters`; RegimeError also if `inputs` is not a positive integer, or the
        order parameters diverge.

    References
    ----------
    van Kampen 1961, Can. J. Phys. 39:551, for the method; derived for this project.
    """
    times = increasing_times(times)
    N = _positive(inputs)
    problem, start = checked_problem(
        Q,
        R,
        T,
        W,
        A,
        activation=activation,
        rule=rule,
        B=B,
        learning_rate=learning_rate,
        readout_rate=readout_rate,
        noise=noise,
        decay=decay,
        input_decay=input_decay,
    )
    layout = problem.layout(start.Q.shape[0])
    expansion = expand(problem, start, times)
    # Rounding may carry a variance that has died out below 0.
    variances = np.clip(np.diagonal(expansion.S, axis1=1, axis2=2), 0, None)
    parts = {
        "": layout.unpack(expansion.x),
        "_std": layout.unpack(np.sqrt(variances / N)),
        "_shift": layout.unpack(expansion.m / N),
    }
    variance, shift = error_expansion(problem, expansion, layout)
    data = {}
    said = {
        "": "",
        "_std": ", standard deviation over seeds",
        "_shift": ", mean over seeds less limit",
    }
    for suffix, state in parts.items():
        for name, value in state._asdict().items():
            if value is not None:
                data[name + suffix] = (dimensions(name), value, _named(name, said[suffix]))
    name = "generalization_error"
    for suffix, value in (("_std", np.sqrt(np.clip(variance, 0, None) / N)), ("_shift", shift / N)):
        data[name + suffix] = (dimensions(name), value, _named(name, said[suffix]))
    return xr.Dataset(
        data,
        coords={labels.TIME: ((labels.TIME,), times, TIME_ATTRS)},
        attrs={
            labels.ATTR_SOURCE: "theory/order_parameter_fluctuations",
            labels.RULE: problem.feedback.name,
            "activation": problem.integrals.name,
            "inputs": N,
            "exact_for": "leading order in 1 / n_i",
        },
    )


def _positive(inputs: int) -> int:
    try:
        # NumPy's integers, too, and no 5.0.
        N = operator.index(inputs)
    except TypeError:
        N = 0
    if N <= 0:
        raise RegimeError(f"inputs must be a positive integer, n_i; got {inputs!r}")
    return N


def _named(name: str, what: str) -> dict[str, str]:
    attrs = attributes(name)
    return attrs | {"long_name": attrs["long_name"] + what} if what else attrs
