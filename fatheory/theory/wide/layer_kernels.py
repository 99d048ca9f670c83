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

from fatheory.theory.wide.unit_function import UnitFunction

Kernel = Float[np.ndarray, "point other"]


class LayerKernels(NamedTuple):
    """Kernels between two sets of points, layer by layer.

    Attributes
    ----------
    preactivations : tuple of arrays of shape (point, other)
        C^1 ... C^{L+1}: covariances of preactivations, those of the output last.
    slopes : tuple of arrays of shape (point, other)
        Covariances of the slopes, of hidden layers 1 ... L.
    error : float
        Bound of the error of the averages, added up over layers.
    """

    preactivations: tuple[Kernel, ...]
    slopes: tuple[Kernel, ...]
    error: float


def layer_kernels(
    X: Float[np.ndarray, "point n_i"],
    other: Float[np.ndarray, "other n_i"] | None,
    function: UnitFunction,
    hidden_layers: int,
    bias_scale: float = 0.0,
) -> LayerKernels:
    """Return the kernels of every layer between points X and other ones, X itself if None."""
    D, shift = X.shape[1], bias_scale**2
    Z = X if other is None else other
    C = X @ Z.T / D + shift
    # Variances of single points are carried along: averages between different points need them.
    left = np.einsum("pi,pi->p", X, X) / D + shift
    right = np.einsum("pi,pi->p", Z, Z) / D + shift
    preactivations, slopes, error = [C], [], 0.0
    for _ in range(hidden_layers):
        slope, slope_error = function.slope_average(left[:, None], right[None], C)
        activity, activity_error = function.activity_average(left[:, None], right[None], C)
        left, right = (function.activity_average(v, v, v)[0] + shift for v in (left, right))
        C = activity + shift
        if other is None:
            # What a point has with itself is computed twice; both uses see the same digits.
            np.fill_diagonal(C, left)
        preactivations.append(C)
        slopes.append(slope)
        error += slope_error + activity_error
    return LayerKernels(tuple(preactivations), tuple(slopes), error)


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
