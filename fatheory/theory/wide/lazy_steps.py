r"""Steps of gradient descent under a kernel that stands still.

.. math:: e(k + 1) = (1 - \eta K)\, e(k),\qquad f_*(k + 1) = f_*(k) + \eta K_* e(k)
"""

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse.linalg import eigsh

Errors = Float[np.ndarray, "time point unit"]


_DENSE = 300
"""Points up to which all eigenvalues are found; of more, Lanczos' method finds the largest."""


def largest_stable_rate(kernel: Float[np.ndarray, "point point"]) -> float:
    """Return 2 over the largest eigenvalue: beyond, steps grow; infinity if there is none above 0.

    Parameters
    ----------
    kernel : array of shape (point, point)
        K, symmetric.
    """
    if len(kernel) <= _DENSE:
        largest = float(np.linalg.eigvalsh((kernel + kernel.T) / 2)[-1])
    else:
        first = np.ones(len(kernel))  # kernels are mostly positive, and so is this eigenvector
        largest = float(eigsh(kernel, 1, which="LA", v0=first, return_eigenvectors=False)[0])
    return 2 / largest if largest > 0 else np.inf


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
