r"""Steps of gradient descent under a kernel that stands still.

.. math:: e(k + 1) = (1 - \eta K)\, e(k),\qquad f_*(k + 1) = f_*(k) + \eta K_* e(k)
"""

import numpy as np
from jaxtyping import Float, Int, Num
from scipy.linalg import LinAlgError, cholesky
from scipy.sparse.linalg import ArpackError, eigsh

from fatheory.errors import RegimeError

Errors = Float[np.ndarray, "time point unit"]


_DENSE = 300
"""Points up to which all eigenvalues are found; of more, Lanczos' method finds the largest."""
_ROUNDING = 1e-12
"""Eigenvalues this small, relative to the largest, are not told from 0."""


def largest_stable_rate(kernel: Float[np.ndarray, "point point"]) -> float:
    r"""Return the rate beyond which steps grow, :math:`\min_\lambda 2 \Re\lambda / |\lambda|^2`.

    Steps multiply an eigenvector by 1 - eta lambda. Of a symmetric kernel it is 2 over the largest
    eigenvalue, if none is negative. Eigenvectors of eigenvalue 0 stay as they are, at any rate.

    Parameters
    ----------
    kernel : array of shape (point, point)
        K, symmetric or not.

    Returns
    -------
    float
        0 if some error grows at every rate (an eigenvalue has a negative real part, or none beside
        an imaginary one); infinity if all eigenvalues are 0.

    Raises
    ------
    RegimeError
        If the kernel has entries that are not finite.
    """
    if not np.isfinite(kernel).all():
        raise RegimeError(
            "the lazy kernel is not finite: its weights or inputs are so large that products of "
            "them leave double precision; take a smaller start or smaller inputs"
        )
    size = float(np.abs(kernel).max())
    if size == 0:
        return np.inf
    # Of a size at which no square overflows.
    scaled = kernel / size
    if np.abs(scaled - scaled.T).max() > 1e-10:
        return _of_any(np.linalg.eigvals(scaled)) / size
    scaled = (scaled + scaled.T) / 2
    if len(scaled) <= _DENSE:
        return _of_any(np.linalg.eigvalsh(scaled)) / size
    largest = _largest_eigenvalue(scaled)
    if largest <= 0 or not _is_positive(scaled, largest):
        return 0.0
    return 2 / largest / size


def growth_after(kernel: Float[np.ndarray, "point point"], rate: float, steps: int) -> float:
    """Return by how much the error that grows most has grown: max |1 - rate lambda|^steps.

    Parameters
    ----------
    kernel : array of shape (point, point)
        K, symmetric and finite.
    rate : float
        eta.
    steps : int
        How many.
    """
    eigenvalues = np.linalg.eigvalsh((kernel + kernel.T) / 2)
    with np.errstate(over="ignore"):
        return float(np.abs(1 - rate * eigenvalues).max() ** np.float64(steps))


def _of_any(eigenvalues: Num[np.ndarray, " mode"]) -> float:
    squares = np.abs(eigenvalues) ** 2
    moving = squares > (_ROUNDING * np.sqrt(squares.max())) ** 2
    rates = 2 * eigenvalues.real[moving] / squares[moving]
    return max(0.0, float(rates.min()))


def _largest_eigenvalue(kernel: Float[np.ndarray, "point point"]) -> float:
    first = np.ones(len(kernel))  # kernels are mostly positive, and so is this eigenvector
    try:
        return float(eigsh(kernel, 1, which="LA", v0=first, return_eigenvectors=False)[0])
    except ArpackError:  # no gap below the largest, or a start that an eigenvector is orthogonal to
        return float(np.linalg.eigvalsh(kernel)[-1])


def _is_positive(kernel: Float[np.ndarray, "point point"], largest: float) -> bool:
    """Whether no eigenvalue is negative beyond rounding: by a factor, faster than the smallest."""
    try:
        cholesky(kernel + _ROUNDING * len(kernel) * largest * np.eye(len(kernel)), lower=True)
    except LinAlgError:
        return False
    return True


def lazy_steps(
    kernel: Float[np.ndarray, "point point"],
    error: Float[np.ndarray, "point unit"],
    rate: float,
    steps: Int[np.ndarray, " time"],
    test_kernel: Float[np.ndarray, "test_point point"] | None = None,
) -> tuple[Errors, Float[np.ndarray, "time test_point unit"] | None]:
    """Follow errors at training points, and the change of outputs at test points.

    Step by step where there are few steps, else by the eigenvectors of the kernel: these cost
    about ten products of matrices, a step that of a matrix and `unit` columns.

    Parameters
    ----------
    kernel : array of shape (point, point)
        K, symmetric.
    error : array of shape (point, unit)
        e(0).
    rate : float
        eta.
    steps : array of int
        Increasing, those at which errors are wanted.
    test_kernel : array of shape (test_point, point), optional
        K_*.

    Returns
    -------
    errors : array of shape (time, point, unit)
    changes : array of shape (time, test_point, unit) or None
        f_*(k) - f_*(0); None without a test kernel.
    """
    points, outputs = error.shape
    if int(steps[-1]) * outputs <= 10 * points:
        return _one_by_one(kernel, error, rate, steps, test_kernel)
    return _by_modes(kernel, error, rate, steps, test_kernel)


def _one_by_one(
    kernel: np.ndarray,
    error: np.ndarray,
    rate: float,
    steps: np.ndarray,
    test_kernel: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray | None]:
    errors = np.empty((len(steps), *error.shape))
    # What test points have learned is K_* times the errors summed up: one product for all steps.
    sums, learnt = np.empty_like(errors), np.zeros_like(error)
    place = 0
    for k in range(int(steps[-1]) + 1):
        if k == steps[place]:
            errors[place], sums[place] = error, learnt
            place += 1
        learnt = learnt + rate * error
        error = error - rate * (kernel @ error)
    return errors, None if test_kernel is None else test_kernel @ sums


def _by_modes(
    kernel: np.ndarray,
    error: np.ndarray,
    rate: float,
    steps: np.ndarray,
    test_kernel: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray | None]:
    # `eigh` reads one triangle alone; the mean is what both say.
    eigenvalues, modes = np.linalg.eigh((kernel + kernel.T) / 2)
    shift, k = modes.T @ error, steps[:, None].astype(np.float64)
    kept = 1 - rate * eigenvalues
    left = kept**k  # of whole k, whatever its sign
    errors = np.einsum("pm,tm,mu->tpu", modes, left, shift, optimize=True)
    if test_kernel is None:
        return errors, None
    moved = rate * eigenvalues
    small = np.abs(moved) < 0.5
    # 1 - (1 - x)^k loses the digits of a small x; expm1 keeps them.
    fine = -np.expm1(k * np.log1p(-np.where(small, moved, 0.0)))
    # There it is eta k, to rounding, also where an eigenvalue is 0.
    tiny = np.abs(moved) * k < 1e-14
    share = np.where(small, fine, 1 - left) / np.where(eigenvalues == 0, 1.0, eigenvalues)
    share = np.where(tiny, rate * k, share)
    return errors, np.einsum("qm,tm,mu->tqu", test_kernel @ modes, share, shift, optimize=True)
