"""Squared errors: the loss with its half, and the normalised squared error."""

from jaxtyping import Float, Real

from fatheory.arrays import Array, floating, namespace


def squared_loss(error: Real[Array, "*runs sample unit"]) -> Float[Array, "*runs"]:
    """Compute the batch mean of L = 1/2 e^T e (Lillicrap et al. 2016, Methods).

    Parameters
    ----------
    error : array of shape (..., sample, unit)
        e = y* - y.
    """
    (error,) = floating(error)
    xp = namespace(error)
    return 0.5 * xp.mean(xp.sum(error * error, axis=-1), axis=-1)


def linear_loss(
    W0: Real[Array, "*#runs n_h n_i"],
    W: Real[Array, "*#runs n_o n_h"],
    T: Real[Array, "*#runs n_o n_i"],
    Sigma: Real[Array, "*#runs n_i n_i"],
) -> Float[Array, "*#runs"]:
    """Compute the population loss of a two-layer linear network, without the noise floor.

    L = 1/2 tr(E Sigma E^T) with E = T - W W0 and Sigma = E[x x^T].
    """
    W0, W, T, Sigma = floating(W0, W, T, Sigma)
    xp = namespace(W0, W, T, Sigma)
    E = T - W @ W0
    # Of a second product by E^T the trace would take no more than the diagonal.
    return 0.5 * xp.sum((E @ Sigma) * E, axis=(-2, -1))


def normalized_squared_error(
    loss: Real[Array, "..."], target: Real[Array, "*runs sample unit"]
) -> Float[Array, "..."]:
    r"""Compute the normalised squared error from a batch-mean loss.

    .. math:: \frac{\sum_t\sum_i (y^*_i(t) - y_i(t))^2}{\sum_t\sum_i (y^*_i(t) - \bar y^*_i)^2}

    1 is the error of the best constant answer (Lillicrap et al. 2016, Methods). NaN where the
    target is constant over the samples.

    Parameters
    ----------
    loss : array
        Mean of 1/2 e^T e over the samples of `target`.
    target : array of shape (..., sample, unit)
        y*. Leading axes broadcast against `loss`.
    """
    loss, target = floating(loss, target)
    xp = namespace(loss, target)
    centred = target - xp.mean(target, axis=-2, keepdims=True)
    variance = xp.mean(xp.sum(centred * centred, axis=-1), axis=-1)
    # Not variance > 0: rounding of the mean leaves a constant target a variance.
    varies = xp.any(xp.max(target, axis=-2) > xp.min(target, axis=-2), axis=-1)
    return 2 * loss / xp.where(varies, variance, xp.nan)
