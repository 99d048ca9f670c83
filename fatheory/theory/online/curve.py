"""The whole curve of online learning of a linear network at its own learning rate."""

import xarray as xr

from fatheory import labels
from fatheory.arrays import ArrayLike
from fatheory.checks import positive_number, step_numbers, two_layer_arrays
from fatheory.rules import Rule, make_rule
from fatheory.theory.online.law import Run, learning_law


def online_learning(
    W0: ArrayLike,
    W: ArrayLike,
    B: ArrayLike | None,
    T: ArrayLike,
    *,
    learning_rate: float,
    rule: str | Rule = "feedback_alignment",
    steps: ArrayLike,
) -> xr.Dataset:
    r"""Compute the law of the loss of online learning over sequences of examples.

    The network y = W W0 x learns y* = T x from one fresh x ~ N(0, I) a step at a finite learning
    rate, from weights near zero. Single examples make fluctuations of order n_o / n_i, which the
    flow does not know. Here mean and covariance of the order parameters E E^T, E X^T, X X^T and W
    are followed, closed as if Gaussian (`fatheory.theory.online.closure`), and, once the error is
    small, its rows at nearly frozen weights (`fatheory.theory.online.late_phase`). The log loss is
    Gaussian to leading order. Shallow learning has its mean exactly.

    Parameters
    ----------
    W0 : array of shape (n_h, n_i)
        Start of the input weights. Feedback alignment takes it for zero, backprop for the part
        that grows.
    W : array of shape (n_o, n_h)
        Start of the output weights, likewise.
    B : array of shape (n_h, n_o) or None
        Fixed feedback; None for backprop and shallow learning.
    T : array of shape (n_o, n_i)
        Target map.
    learning_rate : float
        eta, per step.
    rule : str or Rule
        A rule with fixed feedback, ``"backprop"`` or ``"shallow"``.
    steps : array of int
        At which it is given; increasing, from 0 on.

    Returns
    -------
    xarray.Dataset
        Over ``step``: ``loss_median`` and ``loss_mean`` of 1/2 |T - W W0|^2, ``log_loss_std``, the
        standard deviation of the natural logarithm of the loss, ``delta_angle`` in degrees, the
        mean angle between the hidden teaching signal and backprop's over examples, and ``excess``,
        chi of the weights reached: the mean square of the error would decay at them where it is
        below 1 (`late_learning`). Errors are
        propagated themselves, so nothing is lost to rounding however small they are. NaN from the
        first step on at which the closure no longer holds. Of shallow learning the mean alone is
        known: the median and the standard deviation are NaN.

    Raises
    ------
    ArrayError
        If arrays are not finite or do not fit, or steps do not increase from 0 or later.
    RegimeError
        If the learning rate is not positive, the rule is another, the start is not near zero, or a
        layer is narrower than the output.

    Warns
    -----
    LearningRateWarning
        If the closure ends before the last step, with the step and the reason.

    References
    ----------
    Derived for this project.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> T, B = rng.uniform(-1, 1, (3, 8)), rng.uniform(-1, 1, (6, 3))
    >>> W0, W = 0.01 * rng.normal(size=(6, 8)), 0.01 * rng.normal(size=(3, 6))
    >>> law = online_learning(W0, W, B, T, learning_rate=0.02, steps=[0, 400])
    >>> bool(law.loss_median[1] < law.loss_mean[1] < 0.01 * law.loss_mean[0])
    True
    """
    W0, W, T, *fixed = two_layer_arrays(W0=W0, W=W, T=T, **({} if B is None else {"B": B}))
    rate = positive_number("learning_rate", learning_rate)
    wanted = step_numbers(steps)
    chosen = make_rule(rule) if isinstance(rule, str) else rule
    law = learning_law(Run(W0, W, fixed[0] if fixed else None, T, rate, chosen), wanted)
    law.warn()
    one, degrees = {"units": "1"}, {"units": "degree"}
    return xr.Dataset(
        {
            "loss_median": (labels.STEP, law.median, one | {"long_name": "median of the loss"}),
            "loss_mean": (labels.STEP, law.mean, one | {"long_name": "mean of the loss"}),
            "log_loss_std": (
                labels.STEP,
                law.log_std,
                one | {"long_name": "standard deviation of the log loss"},
            ),
            "delta_angle": (
                labels.STEP,
                law.angle,
                degrees | {"long_name": "angle of teaching signals"},
            ),
            "excess": (
                labels.STEP,
                law.excess,
                one | {"long_name": "chi of the weights, 1 at the limit of mean-square stability"},
            ),
        },
        coords={labels.STEP: wanted},
        attrs={labels.ATTR_SOURCE: "theory/online", labels.RULE: chosen.name},
    )
