r"""The kernel with which an infinitely wide network learns lazily, under every rule."""

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.arrays import ArrayLike
from fatheory.errors import ArrayError
from fatheory.theory.wide.layer_kernels import (
    Kernel,
    LayerKernels,
    layer_kernels,
    signal_errors,
    signal_kernels,
)
from fatheory.theory.wide.points import (
    POINT,
    input_points,
    not_negative_number,
    require_memory,
    whole_number,
)
from fatheory.theory.wide.rule_coefficients import rule_coefficients
from fatheory.theory.wide.unit_function import unit_function

FEWER = "take fewer points (lazy_limit holds a kernel once, or never)"


def lazy_kernel(
    X: ArrayLike,
    *,
    activation: str,
    hidden_layers: int,
    rule: str,
    correlation: float = 0.0,
    concordance: float | None = None,
    bias_scale: float = 0.0,
    others: ArrayLike | None = None,
) -> xr.DataArray:
    r"""Compute the kernel K of lazy learning: outputs move by :math:`\dot f = K (y - f)`.

    .. math:: K = \sum_{k=0}^{L} r^k M_k,\qquad
              M_k = \Phi^{L-k} \circ \dot\Phi^{L-k+1} \circ \cdots \circ \dot\Phi^{L}

    of a network h^1 = W^1 x / sqrt(D), h^{l+1} = W^{l+1} phi(h^l) / sqrt(n), f = W^{L+1} phi(h^L)
    / sqrt(n) whose entries start from N(0, 1), in the limit of infinite width n, when all weights
    take steps :math:`\eta \sum_\mu e_\mu\,\cdot` (summed over points, time t = eta * step). Phi^0 =
    X X^T / D, and Phi^l, dotted Phi^l are the covariances of activities and slopes of layer l.

    r is the correlation of feedback and forward weights at the start, the cosine of the angle
    between them: 1 for backprop (the neural tangent kernel), `correlation` for feedback
    alignment, (2 p - 1) sqrt(2 / pi) for usf at concordance p and (2 p - 1) sqrt(3 / 2 pi) for
    frsf and brsf, with feedback scaled to the size of the forward weights. Direct feedback
    alignment keeps M_0 + `correlation` M_1, shallow learning M_0.

    Parameters
    ----------
    X : array of shape (point, n_i)
        Inputs; n_i = D.
    activation : str
        ``"linear"``, ``"relu"``, ``"erf"``, ``"tanh"`` or ``"sigmoid"``.
    hidden_layers : int
        L, at least 1.
    rule : str
        ``"backprop"``, ``"feedback_alignment"``, ``"direct_feedback_alignment"``, ``"usf"``,
        ``"frsf"``, ``"brsf"`` or ``"shallow"``.
    correlation : float
        rho in [-1, 1], of feedback alignment; of direct feedback alignment between the last
        feedback and the readout.
    concordance : float, optional
        p in [0, 1], of usf, frsf and brsf; 1 by default.
    bias_scale : float
        beta: preactivations are W phi / sqrt(n) + beta b, with entries of b from N(0, 1) that
        learn.
    others : array of shape (other, n_i), optional
        Points against which the kernel is taken, test points for instance; X by default.

    Returns
    -------
    xarray.DataArray
        ``(point, point_twin)``, or ``(point, other)``. The attribute ``error`` bounds the error of
        every entry by the quadrature of Gaussian averages (0 where they are in closed form);
        rounding comes on top.

    Raises
    ------
    ArrayError
        If inputs are not finite, points are equal or zero, or the numbers of inputs differ.
    RegimeError
        If the depth is not positive, a parameter is out of range or given to a rule that has none,
        or the kernel does not fit into memory.
    UnknownNameError
        If there is no such rule or activation.

    References
    ----------
    Backprop: Jacot et al. 2018, arXiv 1806.07572. Feedback alignment and direct feedback
    alignment: Bordelon & Pehlevan 2022, arXiv 2210.02157. Sign-concordant rules: derived for this
    project.

    Examples
    --------
    >>> from fatheory import theory
    >>> K = theory.lazy_kernel([[1.0, 0.0], [0.0, 1.0]], activation="relu", hidden_layers=1,
    ...                        rule="feedback_alignment", correlation=0.5)
    >>> K.shape
    (2, 2)
    """
    terms, kernels = kernel_terms(X, others, activation, hidden_layers, bias_scale)
    weights = rule_coefficients(rule, hidden_layers, correlation, concordance)
    attrs = {
        "units": labels.DIMENSIONLESS,
        "long_name": "lazy kernel",
        "equation": "df/dt = K (y - f)",
        labels.RULE: rule,
        "activation": activation,
        "error": sum(abs(c) * e for c, e in zip(weights, signal_errors(kernels), strict=True)),
    }
    twin = labels.twin(POINT) if others is None else "other"
    return xr.DataArray(weighted(terms, weights), dims=(POINT, twin), name="kernel", attrs=attrs)


def weighted(terms: list[Kernel], coefficients: list[float]) -> Kernel:
    """Return the sum of M_k with these coefficients."""
    pairs = zip(terms, coefficients, strict=True)
    # Terms of coefficient 0, all but one for shallow learning, would cost a product each.
    return np.sum([c * M for M, c in pairs if c], axis=0)


def kernel_terms(
    X: ArrayLike,
    others: ArrayLike | None,
    activation: str,
    hidden_layers: int,
    bias_scale: float = 0.0,
) -> tuple[list[Kernel], LayerKernels]:
    """Check the points and return M_0 ... M_L with the kernels that they are made of.

    Raises
    ------
    ArrayError, RegimeError, UnknownNameError
        As `lazy_kernel`.
    """
    L = whole_number("hidden_layers", hidden_layers)
    function = unit_function(activation)
    bias_scale = not_negative_number("bias_scale", bias_scale)
    points = input_points("X", X, bias_scale)
    against = None if others is None else input_points("others", others, bias_scale)
    if against is not None and against.shape[1] != points.shape[1]:
        raise ArrayError(
            f"others of shape {against.shape} does not fit X of shape {points.shape}: both need "
            f"the same number of inputs"
        )
    entries = len(points) * len(points if against is None else against)
    require_memory(8 * entries * (3 * L + 6), f"a kernel of {entries:,} pairs of points", FEWER)
    kernels = layer_kernels(points, against, function, L, bias_scale)
    return signal_kernels(kernels), kernels
