"""Test error of lazily learning classifiers along time."""

import numpy as np
import xarray as xr
from jaxtyping import Float

from fatheory import labels
from fatheory.arrays import ArrayLike
from fatheory.checks import real_array
from fatheory.errors import ArrayError
from fatheory.labelled_arrays import in_documented_order, require_same_labels, units_in_order

CLASSIFICATION_ERROR = "classification_error"


def lazy_classification_error(output: ArrayLike, classes: ArrayLike) -> xr.DataArray:
    r"""Compute the share of points whose largest output is not that of their class.

    .. math:: \epsilon(t) = \frac{1}{P} \sum_p [\arg\max_u f_u(t, x_p) \ne c_p]

    Parameters
    ----------
    output : array of shape (time, point, unit)
        From `lazy_outputs`: ``output``, or ``test_output`` with its ``test_point``.
    classes : array of shape (point,)
        Numbers of the classes, from 0 to units - 1.

    Returns
    -------
    xarray.DataArray
        ``classification_error (time)``, in percent. Of equal outputs the first counts.

    Raises
    ------
    ArrayError
        If outputs are not finite or have a single unit, or classes are no whole numbers from 0 to
        units - 1, one for each point.

    References
    ----------
    Lee et al. 2019, arXiv 1902.06720.

    Examples
    --------
    >>> float(lazy_classification_error([[[0.1, 0.9], [0.8, 0.2]]], [1, 1])[0])
    50.0
    """
    points = "test_point" if "test_point" in getattr(output, "dims", ()) else "point"
    output = in_documented_order("output", output, (labels.TIME, points, "unit"))
    if isinstance(output, xr.DataArray) and output.dims[1:] == (points, "unit"):
        # The k-th unit is that of class k, whatever order an array has its units in.
        pairs = output.transpose(points, ...)
        require_same_labels("output", pairs, "classes", classes)
        output = units_in_order("output", output, "unit")
    f = real_array("output", output, 3)
    if 0 in f.shape or f.shape[2] < 2:
        raise ArrayError(
            f"output must hold times and points with two units or more, one for each class; its "
            f"shape is {f.shape}"
        )
    chosen = _class_numbers(classes, *f.shape[1:])
    wrong = np.argmax(f, axis=-1) != chosen
    times = output.coords if isinstance(output, xr.DataArray) else {}
    return xr.DataArray(
        100 * wrong.mean(axis=1),
        dims=(labels.TIME,),
        coords={labels.TIME: times[labels.TIME]} if labels.TIME in times else None,
        name=CLASSIFICATION_ERROR,
        attrs={"units": labels.PERCENT},
    )


def _class_numbers(classes: ArrayLike, points: int, units: int) -> Float[np.ndarray, " point"]:
    numbers = real_array("classes", classes, 1)
    if len(numbers) != points:
        raise ArrayError(f"classes must be one for each of {points} points; got {len(numbers)}")
    outside = np.flatnonzero((numbers < 0) | (numbers >= units) | (numbers != np.round(numbers)))
    if len(outside):
        first = outside[0]
        raise ArrayError(
            f"classes must be whole numbers from 0 to {units - 1}, one for each of {units} units; "
            f"classes[{first}] is {numbers[first]:g}"
        )
    return numbers
