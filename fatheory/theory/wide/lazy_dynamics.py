r"""Lazy learning along time: outputs at training and test points, and what can go wrong."""

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.arrays import ArrayLike
from fatheory.checks import increasing_times, matching_shapes, one_number, real_array
from fatheory.errors import ArrayError, RegimeError
from fatheory.labelled_arrays import in_documented_order
from fatheory.theory.wide.points import POINT, outputs_of, require_memory

OUTPUT, TEST_OUTPUT = "output", "test_output"
_LARGEST_GROWTH = 300.0
"""Of an error's logarithm: losses square it, and e^600 is still a number."""


def lazy_outputs(
    kernel: ArrayLike,
    Y: ArrayLike,
    *,
    times: ArrayLike,
    start: ArrayLike | None = None,
    test_kernel: ArrayLike | None = None,
    test_start: ArrayLike | None = None,
    learning_rate: float | None = None,
    allow_growth: bool = False,
) -> xr.Dataset:
    r"""Follow the outputs of lazy learning.

    .. math:: f(t) = y + e^{-K t}(f_0 - y),\qquad
              f_*(t) = f_{*0} + K_* \frac{1 - e^{-K t}}{K} (y - f_0),

    t = eta * step, the loss being 1/2 sum |e|^2 over points. With a `learning_rate`, the steps of
    gradient descent are followed one by one, :math:`(1 - \eta K)^{t/\eta}` in the place of
    :math:`e^{-K t}`.

    Parameters
    ----------
    kernel : array of shape (point, point)
        From `lazy_kernel`; symmetric.
    Y : array of shape (point, unit)
        Targets.
    times : array
        Increasing, from 0 on; with a `learning_rate`, whole multiples of it.
    start : array of shape (point, unit), optional
        f_0; zeros by default, the mean over draws of the start weights.
    test_kernel : array of shape (test_point, point), optional
        K_*, from ``lazy_kernel(X_test, others=X, ...)``.
    test_start : array of shape (test_point, unit), optional
        Outputs at the test points at time 0; zeros by default.
    learning_rate : float, optional
        eta of discrete steps; None for the limit of small steps.
    allow_growth : bool
        Whether a kernel with a negative eigenvalue, under which errors grow, is followed.

    Returns
    -------
    xarray.Dataset
        ``output (time, point, unit)``, ``loss (time)``, and ``test_output (time, test_point,
        unit)`` where test points are given; the attributes ``smallest_eigenvalue`` and
        ``largest_stable_learning_rate`` = 2 over the largest eigenvalue.

    Raises
    ------
    ArrayError
        If arrays are not finite or do not fit, the kernel is not symmetric, or times do not
        increase.
    RegimeError
        If the kernel is not positive definite (the message gives its smallest eigenvalue) and
        growth is not allowed, the learning rate is not stable (the largest stable one is named),
        or errors grow beyond what numbers hold (the latest possible time is named).

    References
    ----------
    Jacot et al. 2018, arXiv 1806.07572; Lee et al. 2019, arXiv 1902.06720.
    """
    K = real_array("kernel", kernel, 2)
    Y, f0 = outputs_of("Y", Y), None if start is None else outputs_of("start", start)
    f0 = np.zeros_like(Y) if f0 is None else f0
    fits = {"kernel": (K, ("point", "point")), "Y": (Y, ("point", "unit"))}
    matching_shapes(fits | {"start": (f0, ("point", "unit"))})
    if test_start is not None and test_kernel is None:
        raise ArrayError("test_start is of test points, and there is no test_kernel: give both")
    moments = increasing_times(times)
    eta = None if learning_rate is None else one_number("learning_rate", learning_rate)
    asymmetry = float(np.abs(K - K.T).max(initial=0.0))
    if asymmetry > 1e-10 * float(np.abs(K).max()):
        raise ArrayError(f"kernel must be symmetric; its entries differ by up to {asymmetry:.3g}")
    needed = 8 * 4 * K.size + 8 * len(moments) * Y.size
    require_memory(needed, "following this kernel", "take fewer points or times")
    # `eigh` reads one triangle alone; the mean is what both say.
    eigenvalues, modes = np.linalg.eigh((K + K.T) / 2)
    _require_decay(eigenvalues, allow_growth)
    _require_range(eigenvalues, moments, eta)
    stable = 2 / float(eigenvalues[-1]) if eigenvalues[-1] > 0 else np.inf
    left = _remaining(eigenvalues, moments, eta, stable)
    shift = modes.T @ (Y - f0)
    output = Y - np.einsum("pm,tm,mu->tpu", modes, left, shift, optimize=True)
    error = Y - output
    data = {
        OUTPUT: ((labels.TIME, "point", "unit"), output),
        labels.LOSS: ((labels.TIME,), 0.5 * np.sum(error**2, axis=(1, 2))),
    }
    if test_kernel is not None:
        Ks = real_array(
            "test_kernel", in_documented_order("test_kernel", test_kernel, (POINT, "other")), 2
        )
        g0 = (
            np.zeros((len(Ks), Y.shape[1]))
            if test_start is None
            else outputs_of("test_start", test_start)
        )
        matching_shapes(
            fits
            | {"test_kernel": (Ks, ("test_point", "point"))}
            | {"test_start": (g0, ("test_point", "unit"))}
        )
        # Mode by mode: K may be singular, and has no inverse then.
        learnt = _learnt(eigenvalues, left, moments)
        change = np.einsum("qm,tm,mu->tqu", Ks @ modes, learnt, shift, optimize=True)
        data[TEST_OUTPUT] = ((labels.TIME, "test_point", "unit"), g0 + change)
    return xr.Dataset(
        data,
        coords={labels.TIME: ((labels.TIME,), moments, labels.variable(labels.TIME).attrs)},
        attrs={
            "smallest_eigenvalue": float(eigenvalues[0]),
            "largest_stable_learning_rate": stable,
        },
    )


def _require_decay(eigenvalues: np.ndarray, allow_growth: bool) -> None:
    # Small eigenvalues are known to the rounding of the largest, and no better.
    rounding = 1e-12 * float(np.abs(eigenvalues).max())
    if eigenvalues[0] < -rounding and not allow_growth:
        raise RegimeError(
            f"the kernel is not positive definite: its smallest eigenvalue is "
            f"{eigenvalues[0]:.6g}, so errors grow at the rate {-eigenvalues[0]:.3g}; take a "
            f"kernel of a larger concordance (usf, frsf, brsf) or correlation (feedback "
            f"alignment), or follow this one with allow_growth=True"
        )


def _require_range(eigenvalues: np.ndarray, times: np.ndarray, eta: float | None) -> None:
    """Refuse times by which an error that grows has left the range of numbers."""
    rate = max(-float(eigenvalues[0]), 0.0)
    if eta is not None and eta > 0:
        rate = float(np.log1p(eta * rate)) / eta
    if rate * float(times[-1]) > _LARGEST_GROWTH:
        raise RegimeError(
            f"errors grow at the rate {rate:.3g}, as the kernel's smallest eigenvalue is "
            f"{eigenvalues[0]:.6g}, and leave the range of numbers before the last of times, "
            f"{times[-1]:.6g}; let times end by {_LARGEST_GROWTH / rate:.4g}"
        )


def _remaining(
    eigenvalues: np.ndarray, times: np.ndarray, eta: float | None, stable: float
) -> np.ndarray:
    """Return what is left of every mode's error at every time, (time, mode)."""
    if eta is None:
        return np.exp(-np.outer(times, eigenvalues))
    if not 0 < eta < stable:
        raise RegimeError(
            f"learning_rate must be positive and below the largest stable one, "
            f"2 / {2 / stable:.6g} = {stable:.6g}; got {eta}"
        )
    # Times are products of eta and steps, so quotients are whole up to rounding.
    steps = times / eta
    if np.abs(steps - np.round(steps)).max() > 1e-6:
        raise ArrayError(
            f"times must be whole multiples of learning_rate = {eta}; got {times!r:.80}"
        )
    # A step beyond 1 / eigenvalue makes the base negative, which has whole powers only.
    return (1 - eta * eigenvalues) ** np.round(steps)[:, None]


def _learnt(eigenvalues: np.ndarray, left: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return (1 - left) / eigenvalue, which tends to t where an eigenvalue is 0."""
    # There (1 - e^{-x t}) / x is t, to 1e-12.
    tiny = np.abs(eigenvalues) * times[-1] < 1e-12
    safe = np.where(tiny, 1.0, eigenvalues)
    with np.errstate(divide="ignore", invalid="ignore"):
        # 1 - exp(-x) loses the digits of a small x; expm1 of the logarithm keeps them.
        fine = -np.expm1(np.log(left))
    change = np.where(left > 0, fine, 1 - left)  # a step beyond 1 / eigenvalue makes it negative
    return np.where(tiny, times[:, None], change / safe)
