"""The linear task y* = T x: input covariance, samples, and probes with exact second moment."""

import numpy as np
from jaxtyping import Float

from fatheory.arrays import Covariance


def power_law_covariance(generator: np.random.Generator, inputs: int, decay: float) -> Covariance:
    """Draw Sigma with eigenvalues proportional to k^(-decay), of mean 1, in a random basis.

    Parameters
    ----------
    generator : numpy.random.Generator
        Source of the basis, uniform over rotations; not used when `decay` is 0.
    inputs : int
        Dimension n_i.
    decay : float
        Exponent; 0 gives the identity exactly.
    """
    # Exactly the identity, not Q Q^T, which is so up to rounding only.
    if decay == 0:
        return np.eye(inputs)
    eigenvalues = np.arange(1, inputs + 1) ** -decay
    eigenvalues *= inputs / eigenvalues.sum()
    Q, R = np.linalg.qr(generator.normal(size=(inputs, inputs)))
    # Signs from R make the basis uniform over rotations; LAPACK's own convention would not.
    Q = Q * np.sign(np.diag(R))
    return (Q * eigenvalues) @ Q.T


def symmetric_root(Sigma: Covariance) -> Covariance:
    """Return the symmetric square root of a covariance."""
    eigenvalues, Q = np.linalg.eigh(Sigma)
    # Rounding makes eigenvalues of zero slightly negative.
    return (Q * np.sqrt(np.clip(eigenvalues, 0, None))) @ Q.T


def gaussian_inputs(
    generator: np.random.Generator, samples: int, inputs: int, root: Covariance | None
) -> Float[np.ndarray, "samples n_i"]:
    """Draw x ~ N(0, Sigma), given the symmetric root of Sigma; None is the identity."""
    white = generator.standard_normal((samples, inputs))
    return white if root is None else white @ root


def matched_inputs(
    generator: np.random.Generator, samples: int, inputs: int, root: Covariance | None
) -> Float[np.ndarray, "samples n_i"]:
    """Draw Gaussian inputs and correct them so that their second moment is Sigma exactly.

    The batch-mean loss of a linear network on them is its population loss, not an estimate. Fewer
    samples than inputs cannot have a second moment of full rank and are left as drawn.
    """
    white = generator.standard_normal((samples, inputs))
    if samples >= inputs:
        # By the Cholesky factor: any root whitens, and this one needs no eigenvectors.
        factor = np.linalg.cholesky(white.T @ white / samples)
        white = np.linalg.solve(factor, white.T).T
    return white if root is None else white @ root
