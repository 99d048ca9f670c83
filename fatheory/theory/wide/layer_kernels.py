r"""Kernels of infinitely wide layers at their start.

.. math:: C^1 = X X^\top / D + \beta^2,\quad \Phi^l = \mathbb E[\phi\phi^\top],\;
          \dot\Phi^l = \mathbb E[\phi'\phi'^\top] \text{ under } \mathcal N(0, C^l),\quad
          C^{l+1} = \Phi^l + \beta^2

for h^1 = W^1 x / sqrt(D) + beta b^1, h^{l+1} = W^{l+1} phi(h^l) / sqrt(n) + beta b^{l+1} with
entries of W and b drawn from N(0, 1) (Lee et al. 2018, arXiv 1711.00165).
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from fatheory.theory.wide.input_covariances import Kernel as Kernel
from fatheory.theory.wide.input_covariances import input_covariances
from fatheory.theory.wide.unit_function import UnitFunction

_ACTIVITY_LIPSCHITZ, _SLOPE_LIPSCHITZ = 2.0, 3.0
"""By how much averages move at most with the variances and covariance that they are of: the first
of tanh by E[phi'(u) phi'(v)] + E[phi''(u) phi(v)] < 1 + 0.77, the second by one derivative more,
0.6 + 2. Other units have averages in closed form, and no error to hand on."""


class LayerKernels(NamedTuple):
    """Kernels between two sets of points, layer by layer.

    Attributes
    ----------
    preactivations : tuple of arrays of shape (point, other)
        C^1 ... C^{L+1}: covariances of preactivations, those of the output last.
    slopes : tuple of arrays of shape (point, other)
        Covariances of the slopes, of hidden layers 1 ... L.
    errors : tuple of float
        Bounds of the errors of C^1 ... C^{L+1} by the quadrature of averages.
    slope_errors : tuple of float
        Those of the slopes' covariances.
    """

    preactivations: tuple[Kernel, ...]
    slopes: tuple[Kernel, ...]
    errors: tuple[float, ...]
    slope_errors: tuple[float, ...]


def layer_kernels(
    X: Float[np.ndarray, "point n_i"],
    other: Float[np.ndarray, "other n_i"] | None,
    function: UnitFunction,
    hidden_layers: int,
    bias_scale: float = 0.0,
) -> LayerKernels:
    """Return the kernels of every layer between points X and other ones, X itself if None."""
    shift = bias_scale**2
    C = input_covariances(X, other, 1 / X.shape[1], shift)
    preactivations, slopes, errors, slope_errors = [C.between], [], [0.0], []
    # Variances of single points are carried along, as averages between different points need them,
    # and so are their errors: they may be of larger inputs than any pair of the two sets.
    carried = 0.0
    for _ in range(hidden_layers):
        pairs = C.left[:, None], C.right[None], C.between
        slope, slope_error = function.slope_average(*pairs)
        activity, error = function.activity_average(*pairs)
        (left, left_error), (right, right_error) = (
            function.activity_average(v, v, v) for v in (C.left, C.right)
        )
        C = C.next(activity + shift, left + shift, right + shift)
        preactivations.append(C.between)
        slopes.append(slope)
        slope_errors.append(slope_error + _SLOPE_LIPSCHITZ * carried)
        # Entries of equal points are taken from the single ones.
        of_singles = max(left_error, right_error) if len(C.same[0]) else 0.0
        errors.append(max(error, of_singles) + _ACTIVITY_LIPSCHITZ * carried)
        carried = max(error, left_error, right_error) + _ACTIVITY_LIPSCHITZ * carried
    return LayerKernels(tuple(preactivations), tuple(slopes), tuple(errors), tuple(slope_errors))


def signal_kernels(kernels: LayerKernels) -> list[Kernel]:
    r"""Return :math:`M_k = C^{L-k+1} \circ \dot\Phi^{L-k+1} \circ \cdots \circ \dot\Phi^L`.

    M_k is what the weights k layers below the output add to backprop's kernel; k = 0 ... L.
    """
    path = np.ones_like(kernels.preactivations[-1])
    terms = [kernels.preactivations[-1]]
    for C, slope in zip(kernels.preactivations[-2::-1], kernels.slopes[::-1], strict=True):
        path = path * slope
        terms.append(C * path)
    return terms


def signal_errors(kernels: LayerKernels) -> list[float]:
    """Return bounds of the errors of `signal_kernels` by the quadrature of averages."""
    found, path, path_error = [kernels.errors[-1]], 1.0, 0.0
    slopes = zip(kernels.slopes[::-1], kernels.slope_errors[::-1], strict=True)
    below = zip(kernels.preactivations[-2::-1], kernels.errors[-2::-1], strict=True)
    for (slope, slope_error), (C, error) in zip(slopes, below, strict=True):
        largest, size = float(np.abs(slope).max()), float(np.abs(C).max())
        path_error = path_error * (largest + slope_error) + path * slope_error
        path *= largest
        found.append(path_error * (size + error) + path * error)
    return found
