r"""One row of the error map under online learning at frozen weights: an LMS filter.

.. math:: f \leftarrow f - \eta\,(f \cdot x)\, G x,\qquad x \sim \mathcal N(0, I),

with G of real or complex eigenvalues g_a. The second moments :math:`D_a = \langle|f_a|^2\rangle` in
its eigenbasis are closed, by Isserlis' theorem:

.. math:: D_a \leftarrow D_a\,[1 - 2\eta\,\mathrm{Re}\,g_a + 2\eta^2|g_a|^2]
          + \eta^2 |g_a|^2 \sum_b D_b .
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Inexact
from scipy.optimize import brentq

from fatheory.theory.online.log_variance import log_variance_of_row


@dataclass(frozen=True)
class LmsRow:
    """Growth of a row, per step.

    Attributes
    ----------
    mean_growth : float
        A: the factor by which the mean of |f|^2 changes in a step, in the long run.
    log_variance : float
        v: what a step adds to the variance of ln |f|^2, to leading order.
    excess : float
        chi: below 1 exactly where the mean square decays.
    """

    mean_growth: float
    log_variance: float
    excess: float

    @property
    def typical_log_growth(self) -> float:
        """Return ln A - v / 2: what a step adds to ln |f|^2 of a typical run.

        |f|^2 weighed by the left eigenvector is a martingale after division by A^k: its increments
        are uncorrelated, so that ln |f|^2 is Gaussian to leading order, and the mean over runs
        is carried by rare ones.
        """
        return float(np.log(self.mean_growth) - self.log_variance / 2)


def lms_row(gains: Inexact[np.ndarray, " n"], learning_rate: float) -> LmsRow:
    r"""Solve the recursion of the second moments of one row.

    Their matrix is diagonal plus rank one, so its largest eigenvalue is the largest root of

    .. math:: \sum_a \frac{\kappa_a}{A - 1 + \gamma_a - 2\kappa_a} = 1,\qquad
              \gamma_a = 2\eta\,\mathrm{Re}\,g_a,\quad \kappa_a = \eta^2 |g_a|^2 .

    Parameters
    ----------
    gains : array of shape (n,)
        Eigenvalues g_a of G.
    learning_rate : float
        eta.
    """
    gamma = 2 * learning_rate * gains.real
    kappa = learning_rate**2 * np.abs(gains) ** 2
    poles = 1 - gamma + 2 * kappa
    driven = kappa > 0
    if not driven.any():
        return LmsRow(1.0, 0.0, 0.0)
    top = float(poles[driven].max())

    def missing(above: float) -> float:
        return float(np.sum(kappa[driven] / (above + top - poles[driven]))) - 1

    # The root lies within the sum of all kappa above the largest pole, and at least its own above.
    widest = float(kappa.sum())
    least = float(kappa[driven][np.argmax(poles[driven])])
    # In terms of the distance to the largest pole, which keeps its digits where A is near 1.
    above = brentq(missing, least * (1 - 1e-9), widest * (1 + 1e-9), xtol=1e-300, rtol=1e-14)
    right = kappa / (above + top - poles)
    left = 1 / (above + top - poles)
    variance = log_variance_of_row(learning_rate * gains.real, left, right)
    log_variance = float(variance / (above + top) ** 2)
    stays = gamma - 2 * kappa
    chi = float(np.sum(kappa[driven] / stays[driven])) if (stays[driven] > 0).all() else np.inf
    # A direction that no input moves keeps its second moment for ever.
    growth = max(above + top, 1.0) if not driven.all() else above + top
    return LmsRow(float(growth), log_variance, chi)
