"""Deep linear feedback alignment, mode by mode, from spectral starts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from fatheory.arrays import ArrayLike
from fatheory.checks import covariance_matrix, matching_shapes, real_array
from fatheory.errors import RegimeError, UnknownNameError
from fatheory.theory.deep import DIRECT
from fatheory.theory.deep_mode import DeepMode
from fatheory.theory.layers import (
    direct_feedback,
    direct_from_layered,
    layered_feedback,
    network_weights,
    weight_axes,
)

SPECTRAL_TOLERANCE = 1e-9
"""Largest part of a matrix, relative to its norm, that may lie outside the modes."""

_RULES = ("feedback_alignment", DIRECT)


@dataclass(frozen=True)
class DeepModes:
    r"""A deep linear network whose modes do not meet.

    .. math:: W_l(t) = K_l + R_l\, \mathrm{diag}(a_l(t))\, R_{l-1}^\top

    Attributes
    ----------
    modes : tuple of DeepMode
        In the order of the target's singular values.
    frames : tuple of arrays of shape (n_l, modes)
        R_0 ... R_L with orthonormal columns: right singular vectors of T, normalised F_l U, left
        singular vectors.
    rest : tuple of arrays of shape (n_l, n_{l-1})
        K_l, the part of the start that no mode sees and that never changes.
    """

    modes: tuple[DeepMode, ...]
    frames: tuple[Float[np.ndarray, "_ modes"], ...]
    rest: tuple[Float[np.ndarray, "_ _"], ...]

    def strengths(self, times: ArrayLike) -> Float[np.ndarray, "time L modes"]:
        """Compute a_l of every mode at these times."""
        columns = []
        for mode in self.modes:
            tau = mode.clock(times)
            columns.append(np.stack([strength(tau) for strength in mode.strengths], axis=-1))
        return np.stack(columns, axis=-1)

    def weights(self, times: ArrayLike) -> tuple[Float[np.ndarray, "time _ _"], ...]:
        """Compute W_1 ... W_L at these times."""
        a = self.strengths(times)
        return tuple(
            K + (above * a[:, layer, None, :]) @ below.T
            for layer, (K, below, above) in enumerate(
                zip(self.rest, self.frames, self.frames[1:], strict=False)
            )
        )

    def loss(self, times: ArrayLike) -> Float[np.ndarray, " time"]:
        """Compute L = 1/2 sum of sigma epsilon^2 over modes, at these times."""
        errors = np.stack([mode.error(mode.clock(times)) for mode in self.modes], axis=-1)
        return 0.5 * errors**2 @ np.array([mode.variance for mode in self.modes])


def deep_modes(
    weights: Sequence[ArrayLike],
    feedback: Sequence[ArrayLike],
    T: ArrayLike,
    Sigma: ArrayLike | None = None,
    *,
    rule: str = "feedback_alignment",
) -> DeepModes:
    r"""Reduce deep linear feedback alignment to one scalar equation per mode.

    With T = U S V^T (thin) and F_l the direct feedback, :math:`B_{l+1} \cdots B_L` if it is
    layered, the flow of all L matrices separates when

    - :math:`\Sigma V = V\,\mathrm{diag}(\sigma)`: the singular directions of the target are
      principal axes of the input (white input always);
    - :math:`U^\top F_l^\top F_l U` is diagonal without zeros: the error modes arrive orthogonal at
      every hidden layer (:math:`F_l^\top F_l \propto I` suffices; needs n_l >= number of modes);
      :math:`R_l` is F_l U with normalised columns, :math:`R_0 = V`, :math:`R_L = U`;
    - :math:`W_l R_{l-1} = R_l\,\mathrm{diag}(a_l)` and :math:`R_l^\top W_l =
      \mathrm{diag}(a_l) R_{l-1}^\top` at the start: zero, or spectral in these frames, plus
      anything that maps the rest of a layer to the rest of the next.

    Where T has equal or vanishing singular values its singular vectors are not unique; the ones
    that the numerical decomposition returns are tried.

    Parameters
    ----------
    weights : sequence of arrays
        Start W_1 ... W_L, W_l of shape (n_l, n_{l-1}).
    feedback : sequence of arrays
        B_2 ... B_L of shapes (n_{l-1}, n_l), or, for direct feedback alignment, F_1 ... F_{L-1}
        of shapes (n_l, n_L).
    T : array of shape (n_L, n_0)
        Target map.
    Sigma : array of shape (n_0, n_0), optional
        Input second moment; the identity by default.
    rule : {"feedback_alignment", "direct_feedback_alignment"}
        How `feedback` is wired.

    Returns
    -------
    DeepModes

    Raises
    ------
    ArrayError
        If arrays are not finite or do not fit, or Sigma is not a covariance.
    RegimeError
        If the flow does not separate; the message names the condition and by how much it fails.
    UnknownNameError
        If the rule is another.

    References
    ----------
    Derived for this project; for backprop, Saxe, McClelland & Ganguli 2014, arXiv 1312.6120.
    """
    if rule not in _RULES:
        raise UnknownNameError("rule", rule, _RULES)
    start = network_weights(weights, at_least=2)
    T = real_array("T", T, 2)
    matching_shapes(weight_axes(start) | {"T": (T, (f"n_{len(start)}", "n_0"))})
    Sigma = covariance_matrix("Sigma", Sigma, T.shape[1])
    F = (
        direct_feedback(feedback, start)
        if rule == DIRECT
        else direct_from_layered(layered_feedback(feedback, start))
    )
    # Thin: directions of the input or output without a partner never move, and are in the rest.
    U, s, Vt = np.linalg.svd(T, full_matrices=False)
    # No eigenvalues of Sigma, which know nothing of the order of the modes.
    variances = np.einsum("ki,ij,kj->k", Vt, Sigma, Vt)
    _require_small("Sigma V - V diag(sigma)", Sigma @ Vt.T - Vt.T * variances, Sigma)
    arriving = [_arriving(layer, f @ U) for layer, f in enumerate(F, start=1)]
    frames = (Vt.T, *(R for R, _ in arriving), U)
    strengths, rest = zip(
        *(
            _separate(layer, W, below, above)
            for layer, (W, below, above) in enumerate(
                zip(start, frames, frames[1:], strict=False), start=1
            )
        ),
        strict=True,
    )
    modes = tuple(
        DeepMode(
            float(s[k]),
            float(variances[k]),
            tuple(float(a[k]) for a in strengths),
            tuple(float(f[k]) for _, f in arriving),
        )
        for k in range(len(s))
    )
    return DeepModes(modes, frames, tuple(rest))


def _arriving(
    layer: int, FU: Float[np.ndarray, "n_l modes"]
) -> tuple[Float[np.ndarray, "n_l modes"], Float[np.ndarray, " modes"]]:
    """Split F_l U into orthonormal columns R_l and lengths f_l."""
    gram = FU.T @ FU
    lengths = np.sqrt(np.diagonal(gram))
    _require_small(
        f"the off-diagonal part of U^T F_{layer}^T F_{layer} U",
        gram - np.diag(np.diagonal(gram)),
        gram,
    )
    if lengths.min() <= SPECTRAL_TOLERANCE * max(lengths.max(), np.finfo(float).tiny):
        raise RegimeError(
            f"the flow does not separate: no error of mode {int(np.argmin(lengths))} arrives at "
            f"hidden layer {layer} (|F_{layer} u| = {lengths.min():.3g})"
        )
    return FU / lengths, lengths


def _separate(
    layer: int,
    W: Float[np.ndarray, "n_l n_below"],
    below: Float[np.ndarray, "n_below modes"],
    above: Float[np.ndarray, "n_l modes"],
) -> tuple[Float[np.ndarray, " modes"], Float[np.ndarray, "n_l n_below"]]:
    """Split W_l into mode strengths and a rest that no mode sees."""
    # Projected, not read off a decomposition of W: its own singular vectors would come in another
    # order, with other signs, and not at all where strengths are equal.
    a = np.einsum("ik,ij,jk->k", above, W, below)
    K = W - (above * a) @ below.T
    _require_small(f"(W_{layer} - R diag(a) R^T) R", K @ below, W)
    _require_small(f"R^T (W_{layer} - R diag(a) R^T)", above.T @ K, W)
    return a, K


def _require_small(what: str, part: np.ndarray, whole: np.ndarray) -> None:
    size, scale = float(np.linalg.norm(part)), float(np.linalg.norm(whole))
    if size > SPECTRAL_TOLERANCE * scale:
        raise RegimeError(
            f"the flow does not separate: {what} should be 0 and is {size:.3g} against "
            f"{scale:.3g}; use deep_flow"
        )
