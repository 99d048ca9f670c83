"""What the hidden layer contributes to linear feedback alignment: a few inner products."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from fatheory.arrays import ArrayLike
from fatheory.checks import matching_shapes, real_array
from fatheory.errors import ArrayError


@dataclass(frozen=True, eq=False)
class HiddenGram:
    """Inner products over the hidden units of the start (A0, Wi) and the feedback B.

    Together with X and Y (see `fatheory.theory.reduction`) they determine everything that a
    linear network computes under feedback alignment; m = n_i + n_o. Leading axes are runs.

    Attributes
    ----------
    M : array of shape (..., n_o, m)
        Wi [A0, B].
    S : array of shape (..., m, m)
        [A0, B]^T [A0, B].
    WW : array of shape (...)
        |Wi|^2, the squared Frobenius norm; only the norm of W, and so its angle, needs it.
    """

    M: Float[np.ndarray, "*runs n_o m"]
    S: Float[np.ndarray, "*runs m m"]
    WW: Float[np.ndarray, "*runs"]

    @property
    def n_i(self) -> int:
        """Number of inputs."""
        return self.M.shape[-1] - self.M.shape[-2]

    @property
    def BB(self) -> Float[np.ndarray, "*runs n_o n_o"]:
        """B^T B."""
        return self.S[..., self.n_i :, self.n_i :]

    def projections(
        self, K: Float[np.ndarray, "*times_runs n_o m"]
    ) -> Float[np.ndarray, "*times_runs n_o m"]:
        """Compute W [A0, B] at the state K = [X, Y]."""
        return self.M + K @ self.S

    def product(
        self, K: Float[np.ndarray, "*times_runs n_o m"]
    ) -> Float[np.ndarray, "*times_runs n_o n_i"]:
        """Compute the network's map W W0 = W A0 + (W B) X at the state K = [X, Y]."""
        M, n_i = self.projections(K), self.n_i
        return M[..., :n_i] + M[..., n_i:] @ K[..., :n_i]

    @staticmethod
    def stack(grams: Sequence["HiddenGram"]) -> "HiddenGram":
        """Join runs of equal n_i and n_o, whatever their hidden widths, along a new first axis."""
        return HiddenGram(
            np.stack([gram.M for gram in grams]),
            np.stack([gram.S for gram in grams]),
            np.stack([gram.WW for gram in grams]),
        )


def hidden_gram(W0: ArrayLike, W: ArrayLike, B: ArrayLike) -> HiddenGram:
    """Compute the inner products over hidden units that the reduction needs.

    The only part of the reduction whose cost grows with n_h: once, by
    O(n_h (n_i + n_o)^2).

    Parameters
    ----------
    W0 : array of shape (..., n_h, n_i)
        Start of the input weights.
    W : array of shape (..., n_o, n_h)
        Start of the output weights.
    B : array of shape (..., n_h, n_o)
        Fixed feedback.

    Raises
    ------
    ArrayError
        If arrays are not finite or do not fit.
    """
    arrays = {"W0": real_array("W0", W0), "W": real_array("W", W), "B": real_array("B", B)}
    depths = {name: array.ndim for name, array in arrays.items()}
    if min(depths.values()) < 2 or len(set(depths.values())) > 1:
        raise ArrayError(
            f"W0, W and B must be matrices, or stacks of matrices with the same leading axes; "
            f"their numbers of dimensions are {', '.join(map(str, depths.values()))}"
        )
    runs = tuple(f"run_{k}" for k in range(depths["W0"] - 2))
    letters = {"W0": ("n_h", "n_i"), "W": ("n_o", "n_h"), "B": ("n_h", "n_o")}
    matching_shapes({name: (array, runs + letters[name]) for name, array in arrays.items()})
    # Side by side, so that two products hold all inner products.
    F = np.concatenate([arrays["W0"], arrays["B"]], axis=-1)
    return HiddenGram(arrays["W"] @ F, F.mT @ F, np.asarray((arrays["W"] ** 2).sum(axis=(-2, -1))))
