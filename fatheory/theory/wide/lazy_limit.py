r"""What lazy learning answers in the end, of thousands of points: a linear system, no time."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import xarray as xr
from jaxtyping import Float
from scipy.linalg import cho_factor, cho_solve, eigvalsh
from scipy.linalg.lapack import dpocon

from fatheory import labels
from fatheory.arrays import ArrayLike
from fatheory.checks import matching_shapes, one_number
from fatheory.errors import RegimeError, UnknownNameError
from fatheory.labelled_arrays import in_documented_order, require_same_labels
from fatheory.theory.wide.conjugate_gradients import (
    CURE,
    Solution,
    conjugate_gradients,
    nystrom_preconditioner,
)
from fatheory.theory.wide.layer_kernels import LayerKernels, layer_kernels, signal_kernels
from fatheory.theory.wide.lazy_dynamics import TEST_OUTPUT
from fatheory.theory.wide.lazy_kernel import weighted
from fatheory.theory.wide.points import (
    INPUT,
    POINT,
    input_points,
    not_negative_number,
    outputs_of,
    require_memory,
    whole_number,
)
from fatheory.theory.wide.rule_coefficients import rule_coefficients
from fatheory.theory.wide.unit_function import UnitFunction, unit_function

CHOLESKY, CONJUGATE_GRADIENTS = "cholesky", "conjugate_gradients"
SOLVERS = (CHOLESKY, CONJUGATE_GRADIENTS)
LESS = f"take fewer points, or solver={CONJUGATE_GRADIENTS!r}, whose memory grows with their number"
_BLOCK = 2**21
"""Entries of the kernel that are computed at a time, by whole rows."""


class _Kernel(NamedTuple):
    """A lazy kernel that is computed by rows, where they are asked for."""

    points: Float[np.ndarray, "point n_i"]
    function: UnitFunction
    coefficients: list[float]
    bias_scale: float

    def rows(self, those: Float[np.ndarray, "row n_i"]) -> Float[np.ndarray, "row point"]:
        """Return the kernel of other points with all of its own."""
        L = len(self.coefficients) - 1
        kernels = layer_kernels(those, self.points, self.function, L, self.bias_scale)
        return weighted(signal_kernels(kernels), self.coefficients)

    def product(
        self, those: Float[np.ndarray, "row n_i"], columns: Float[np.ndarray, "point unit"]
    ) -> Float[np.ndarray, "row unit"]:
        """Multiply the kernel of other points with all of its own by columns, block by block."""
        parts = [self.rows(those[block]) @ columns for block in _blocks(len(those), len(columns))]
        return np.concatenate(parts)

    def diagonal(self) -> Float[np.ndarray, " point"]:
        """Return the kernel of every point with itself."""
        average, shift = self.function, self.bias_scale**2
        # As columns: kernels are of pairs of points.
        squares = np.einsum("pi,pi->p", self.points, self.points)[:, None]
        v = squares / self.points.shape[1] + shift
        variances, slopes = [v], []
        for _ in self.coefficients[1:]:
            slopes.append(average.slope_average(v, v, v)[0])
            v = average.activity_average(v, v, v)[0] + shift
            variances.append(v)
        kernels = LayerKernels(tuple(variances), tuple(slopes), (), ())
        return weighted(signal_kernels(kernels), self.coefficients)[:, 0]


def lazy_limit(
    X: ArrayLike,
    Y: ArrayLike,
    test_points: ArrayLike,
    *,
    activation: str,
    hidden_layers: int,
    rule: str,
    correlation: float = 0.0,
    concordance: float | None = None,
    bias_scale: float = 0.0,
    start: ArrayLike | None = None,
    test_start: ArrayLike | None = None,
    solver: str = CHOLESKY,
    tolerance: float = 1e-6,
    landmarks: int = 200,
    iterations: int = 1000,
) -> xr.Dataset:
    r"""Compute what an infinitely wide network answers at test points when it has learned lazily.

    .. math:: f_*(\infty) = f_{*0} + K_* K^{-1} (y - f_0),

    the limit of `lazy_outputs` at late times, at the cost of one linear system and not of all
    eigenvectors. By Cholesky's factor the kernel is held once, 8 P^2 bytes. By conjugate gradients
    it never is: every product computes it anew, block by block, so that memory grows with P alone
    and P is bounded by patience.

    Parameters
    ----------
    X : array of shape (point, n_i)
        Training inputs, P of them.
    Y : array of shape (point, unit)
        Targets.
    test_points : array of shape (test_point, n_i)
        Inputs at which outputs are wanted.
    activation, hidden_layers, rule, correlation, concordance, bias_scale
        As of `lazy_kernel`.
    start, test_start : arrays of shape (point, unit) and (test_point, unit), optional
        Outputs at the start; zeros by default, the mean over draws of the start weights.
    solver : str
        ``"cholesky"`` or ``"conjugate_gradients"``.
    tolerance : float
        Of conjugate gradients: residual over the size of y - f_0, output by output.
    landmarks : int
        Of conjugate gradients: points of which the preconditioner is made.
    iterations : int
        Of conjugate gradients: products with the kernel, at most.

    Returns
    -------
    xarray.Dataset
        ``test_output (test_point, unit)``; the attributes ``solver``, ``iterations`` (products with
        the kernel; 0 by Cholesky), ``residual`` and ``memory`` (bytes that were asked for).

    Raises
    ------
    ArrayError
        If arrays are not finite or do not fit, or points are equal or zero.
    RegimeError
        If a parameter is out of range, the kernel is not positive definite (the message gives its
        smallest eigenvalue, or a bound from above by conjugate gradients), the tolerance is not
        reached, or the memory does not suffice.
    UnknownNameError
        If there is no such rule, activation or solver.

    References
    ----------
    Jacot et al. 2018, arXiv 1806.07572. Preconditioner: Williams & Seeger 2001.

    Examples
    --------
    >>> from fatheory import theory
    >>> end = theory.lazy_limit([[1.0, 0.0], [0.0, 1.0]], [[1.0], [-1.0]], [[1.0, 0.1]],
    ...                         activation="relu", hidden_layers=1, rule="usf")
    >>> end.test_output.shape
    (1, 1)
    """
    if solver not in SOLVERS:
        raise UnknownNameError("solver", solver, SOLVERS)
    L = whole_number("hidden_layers", hidden_layers)
    bias_scale = not_negative_number("bias_scale", bias_scale)
    kernel = _Kernel(
        input_points("X", X, bias_scale),
        unit_function(activation),
        rule_coefficients(rule, L, correlation, concordance),
        bias_scale,
    )
    Y = in_documented_order("Y", Y, (POINT, "unit"))
    require_same_labels("X", in_documented_order("X", X, (POINT, INPUT)), "Y", Y)
    Y, Z = outputs_of("Y", Y), input_points("test_points", test_points, bias_scale)
    f0, g0 = (
        np.zeros((n, Y.shape[1])) if value is None else outputs_of(name, value)
        for name, value, n in (("start", start, len(Y)), ("test_start", test_start, len(Z)))
    )
    matching_shapes(
        {
            "X": (kernel.points, ("point", "n_i")),
            "Y": (Y, ("point", "unit")),
            "start": (f0, ("point", "unit")),
            "test_points": (Z, ("test_point", "n_i")),
            "test_start": (g0, ("test_point", "unit")),
        }
    )
    landmarks, most = (
        whole_number(name, value)
        for name, value in (("landmarks", landmarks), ("iterations", iterations))
    )
    tolerance = one_number("tolerance", tolerance)
    if not 0 < tolerance < 1:
        raise RegimeError(f"tolerance must lie between 0 and 1; got {tolerance}")
    needed = lazy_limit_memory(len(Y), len(Z), L, Y.shape[1], solver, landmarks)
    require_memory(needed, f"the end of lazy learning of {len(Y):,} points by {solver}", LESS)
    if solver == CHOLESKY:
        solution = _by_cholesky(kernel, Y - f0)
    else:
        solution = _by_products(kernel, Y - f0, landmarks, tolerance, most)
    output = g0 + kernel.product(Z, solution.values)
    attrs = {"iterations": solution.iterations, "residual": solution.residual, "memory": needed}
    return xr.Dataset(
        {TEST_OUTPUT: (("test_point", "unit"), output, {"units": labels.DIMENSIONLESS})},
        attrs={"solver": solver} | attrs,
    )


def lazy_limit_memory(
    points: int,
    test_points: int,
    hidden_layers: int,
    outputs: int,
    solver: str,
    landmarks: int = 200,
) -> int:
    """Return the bytes that `lazy_limit` takes at most, but for the points themselves.

    Parameters
    ----------
    points, test_points, hidden_layers, outputs : int
        Numbers of training and test points, hidden layers and output units.
    solver : str
        As of `lazy_limit`.
    landmarks : int
        As of `lazy_limit`.

    Raises
    ------
    RegimeError
        If a number is not a whole one of at least 1.
    UnknownNameError
        If there is no such solver.
    """
    if solver not in SOLVERS:
        raise UnknownNameError("solver", solver, SOLVERS)
    points = whole_number("points", points)
    test_points = whole_number("test_points", test_points)
    hidden_layers = whole_number("hidden_layers", hidden_layers)
    outputs = whole_number("outputs", outputs)
    landmarks = whole_number("landmarks", landmarks)
    # Covariances and slopes of every layer, terms of the kernel, and what a layer is made of; and
    # the coefficients of expansions, of some 300 terms for every point.
    entries = points * min(max(_BLOCK // points, 1), max(points, test_points))
    block = entries * (3 * hidden_layers + 8) + 900 * points
    if solver == CHOLESKY:
        return 8 * (points**2 + block + 4 * (points + test_points) * outputs)
    landmarks = min(landmarks, points)
    of_landmarks = max(block, landmarks * points * (3 * hidden_layers + 8))
    return 8 * (of_landmarks + 3 * landmarks * points + 12 * (points + test_points) * outputs)


def _by_cholesky(kernel: _Kernel, right: Float[np.ndarray, "point unit"]) -> Solution:
    X, P = kernel.points, len(right)

    def whole() -> np.ndarray:
        K = np.empty((P, P))
        for block in _blocks(P, P):
            K[block] = kernel.rows(X[block])
        return K

    K = whole()
    # The norm of columns, which are rows: a copy of all absolute values would be a second kernel.
    norm = max((float(np.abs(K[block]).sum(axis=1).max()) for block in _blocks(P, P)), default=0.0)
    try:
        # The transpose is laid out as LAPACK wants it, so that the factor takes the kernel's place.
        factor = cho_factor(K.T, lower=True, overwrite_a=True, check_finite=False)
    except np.linalg.LinAlgError:
        smallest = eigvalsh(whole(), subset_by_index=[0, 0], overwrite_a=True)[0]
        raise RegimeError(
            f"the kernel is not positive definite: its smallest eigenvalue is {smallest:.6g}; "
            f"leave out points that depend on others, or {CURE}"
        ) from None
    # Rounding may leave a singular kernel with a factor, of which every digit is rounding.
    inverse_condition, _ = dpocon(factor[0], norm, uplo="L")
    if inverse_condition < P * np.finfo(np.float64).eps:
        raise RegimeError(
            f"the kernel is singular: the inverse of its condition number is about "
            f"{inverse_condition:.2g}, which is rounding; leave out points that depend on others "
            f"(of linear units these are all but n_i), or ask lazy_outputs for late times"
        )
    values = np.asarray(cho_solve(factor, right))
    left = right - kernel.product(X, values)
    size = float(np.linalg.norm(right))
    return Solution(values, 0, float(np.linalg.norm(left)) / size if size else 0.0)


def _by_products(
    kernel: _Kernel,
    right: Float[np.ndarray, "point unit"],
    landmarks: int,
    tolerance: float,
    most: int,
) -> Solution:
    P = len(right)
    # By chance, but always the same ones: lists of examples may be sorted by class.
    chosen = np.random.default_rng(0).choice(P, min(landmarks, P), replace=False)
    columns = kernel.rows(kernel.points[chosen]).T
    return conjugate_gradients(
        lambda x: kernel.product(kernel.points, x),
        right,
        precondition=nystrom_preconditioner(columns, chosen, kernel.diagonal()),
        tolerance=tolerance,
        most=most,
    )


def _blocks(rows: int, width: int) -> Iterator[slice]:
    """Yield rows by blocks of a bounded number of entries."""
    size = max(1, _BLOCK // width)
    return (slice(first, first + size) for first in range(0, rows, size))
