r"""Angles between what a rule does and what backprop would do, from the order parameters.

Averages over the law of the inputs, in closed form: the angle of teaching signals is that of
:math:`\delta_V` and :math:`\delta_{BP}` as random vectors, cos = E d.d' / sqrt(E d.d E d'.d'); the
angle of gradients is that of the mean updates of W0, whose inner products are
:math:`\sum_i \kappa_i(V)\, C\, \kappa_i(V')^\top`.
"""

import numpy as np
from jaxtyping import Float

from fatheory.geometry import angle
from fatheory.theory.order_parameters.averages import Averages
from fatheory.theory.order_parameters.state import Values

RESOLUTION = 1e-12
"""Squared lengths below this fraction of the terms that cancel in them are rounding errors."""

Form = Float[np.ndarray, "*#batch #K n n"]
Rows = Float[np.ndarray, "*#batch K n"]


def weight_angle(means: Averages) -> Values:
    """Compute the angle between W and V^T, as matrices, in degrees; NaN where one is 0.

    Parameters
    ----------
    means : Averages
        Of the states.
    """
    return angle(means.state.W, means.V.mT, axis=(-2, -1))


def delta_angle(means: Averages, *, gated: bool = True) -> Values:
    """Compute the angle between the rule's teaching signals and backprop's, in degrees.

    Of the mean signal, where the rule perturbs nodes. NaN where a signal vanishes or lies below
    the resolution of the averages.

    Parameters
    ----------
    means : Averages
        Of the states.
    gated : bool
        Whether signals are gated by the unit's own slope, as the updates of W0 are. Without, they
        are V e, what archives hold of simulations, whose probe shows targets without noise.
    """
    if not gated:
        errors = means.G @ means.I2 @ means.G.mT
        return _angle(means.V, means.state.W.mT, errors[..., None, :, :])
    # Signals of one unit against themselves: angles need no averages over two different units.
    own = np.arange(means.K)
    I4 = means.I4[..., own, own, :, :]
    J2 = means.J2[..., own, own]
    noise = means.problem.noise
    V, W = means.V, means.state.W.mT
    rows = [np.concatenate([X @ means.G, noise * X], axis=-1) for X in (V, W)]
    n, n_o = means.G.shape[-1], V.shape[-1]
    form = np.zeros((*I4.shape[:-2], n + n_o, n + n_o))
    form[..., :n, :n] = I4
    diagonal = n + np.arange(n_o)
    form[..., diagonal, diagonal] = J2[..., None]
    return _angle(rows[0], rows[1], form)


def gradient_angle(means: Averages) -> Values:
    """Compute the angle between the rule's mean update of W0 and backprop's, in degrees.

    NaN where an update vanishes or lies below the resolution of the averages.

    Parameters
    ----------
    means : Averages
        Of the states.
    """
    backprop = means.mean_gradient(means.state.W.mT @ means.G)
    return _angle(means.kappa, backprop, means.C[..., None, :, :])


def _angle(x: Rows, y: Rows, form: Form) -> Values:
    """Return the angle in the metric sum_i x_i form_i x_i^T.

    From the lengths of the sum and the difference of unit vectors, which keeps the digits of
    small angles and of angles near 180 degrees.
    """
    lengths = []
    for rows in (x, y):
        square, size = _square(rows, form), _square(np.abs(rows), np.abs(form))
        known = square > RESOLUTION * size
        lengths.append(np.where(known, np.sqrt(np.where(known, square, 1.0)), np.nan))
    x, y = (rows / length[..., None, None] for rows, length in zip((x, y), lengths, strict=True))
    chord, opposite = (np.sqrt(np.maximum(_square(z, form), 0)) for z in (x - y, x + y))
    return np.degrees(2 * np.arctan2(chord, opposite))


def _square(rows: Rows, form: Form) -> Values:
    return ((rows[..., None, :] @ form)[..., 0, :] * rows).sum(axis=(-2, -1))
