"""Numbers per layer of one network, along a last axis of length L.

The trainer records them online and the metrics compute them from archives, through these same
functions. They read matrices in the last two axes; a convolution's kernels come to them flattened,
of shape (..., c_out, c_in rows columns).
"""

from collections.abc import Sequence

from jaxtyping import Float, Real

from fatheory.arrays import Array, floating, namespace, require_same_matrices
from fatheory.geometry.angle import angle
from fatheory.geometry.concordance import sign_concordance
from fatheory.geometry.pseudoinverse import pseudoinverse_alignment

PerLayer = Float[Array, "*runs layer"]


def delta_angles(
    signals: Sequence[Real[Array, "..."]], references: Sequence[Real[Array, "..."]]
) -> PerLayer:
    """Compute the angle between teaching signals, averaged over the samples, in degrees.

    Samples of which one of the signals is zero have no angle and are left out, as samples without
    an error are that a softmax has learned; `directed_samples` counts the others.

    Parameters
    ----------
    signals, references : sequences of arrays of shape (..., sample, unit_l)
        The rule's and backprop's teaching signals at layers 1 to L.

    Returns
    -------
    array of shape (..., layer)
        NaN where no sample has an angle, as while W = 0, and where a signal is not finite.
    """
    signals, references = floating(*signals), floating(*references)
    pairs = zip(signals, references, strict=True)
    return namespace(*signals).stack([_mean_angle(s, r) for s, r in pairs], axis=-1)


def _mean_angle(s: Array, r: Array) -> Array:
    """Average the angles of the samples that have one.

    The plain mean of all is an expression of its own, not a case of the other: compiled together
    they are fused, and the last digit would no longer be that of older archives.
    """
    xp = namespace(s, r)
    require_same_matrices(s, r, "teaching signals")
    directed = _directed(s, r)
    count = xp.sum(directed, axis=-1, dtype=s.dtype)
    here = directed[..., None]
    angles = angle(xp.where(here, s, 1.0), xp.where(here, r, 1.0), axis=-1)
    some = xp.sum(xp.where(directed, angles, 0.0), axis=-1) / xp.where(count > 0, count, xp.nan)
    return xp.where(xp.all(directed, axis=-1), xp.mean(angle(s, r, axis=-1), axis=-1), some)


def directed_samples(
    signals: Sequence[Real[Array, "..."]], references: Sequence[Real[Array, "..."]]
) -> PerLayer:
    """Count the samples over which `delta_angles` averages: both signals have a direction.

    Real numbers, NaN where a signal is not finite.
    """
    signals, references = floating(*signals), floating(*references)
    xp = namespace(*signals)
    counts = []
    for s, r in zip(signals, references, strict=True):
        require_same_matrices(s, r, "teaching signals")
        finite = xp.all(xp.isfinite(s) & xp.isfinite(r), axis=(-2, -1))
        count = xp.sum(_directed(s, r), axis=-1, dtype=s.dtype)
        counts.append(xp.where(finite, count, xp.nan))
    return xp.stack(counts, axis=-1)


def _directed(a: Array, b: Array) -> Array:
    """Say of which samples neither vector is zero; where one is not finite, the angle is NaN."""
    xp = namespace(a, b)
    return xp.any(a != 0, axis=-1) & xp.any(b != 0, axis=-1)


def flattened_delta_angles(
    signals: Sequence[Real[Array, "..."]], references: Sequence[Real[Array, "..."]]
) -> PerLayer:
    """Compute one angle between teaching signals, all samples as one vector, in degrees."""
    return _per_layer(angle, signals, references)


def weight_angles(
    weights: Sequence[Real[Array, "..."]], backward_weights: Sequence[Real[Array, "..."] | None]
) -> PerLayer:
    """Compute the angle between W_l and V_l as flattened matrices, in degrees.

    V_l stands in for W_l, so for feedback alignment this is the angle between W and B^T. NaN where
    V_l is None (layer 1 sends nothing back) or zero.
    """
    return _per_layer(angle, weights, backward_weights)


def sign_concordances(
    weights: Sequence[Real[Array, "..."]], backward_weights: Sequence[Real[Array, "..."] | None]
) -> PerLayer:
    """Compute the sign concordance of W_l and V_l; NaN where V_l is None or has no sign."""
    return _per_layer(sign_concordance, weights, backward_weights)


def pseudoinverse_alignments(
    weights: Sequence[Real[Array, "..."]], backward_weights: Sequence[Real[Array, "..."] | None]
) -> PerLayer:
    """Compute the angle between W_l and the pseudoinverse of B_l = V_l^T, in degrees.

    NaN where V_l is None or zero (Lillicrap et al. 2016, Supplementary Notes 13-14).
    """
    return _per_layer(_to_pseudoinverse, weights, backward_weights)


def unit_angles(
    W: Real[Array, "*#runs n_out n_in"], V: Real[Array, "*#runs n_out n_in"] | None
) -> Float[Array, "*#runs n_in"]:
    """Compute the angle between column j of W and column j of V, unit by unit, in degrees.

    Column j holds what unit j of the layer below sends out, and row j of B = V^T what it receives
    (Lillicrap et al. 2016, Fig. 5a). NaN where V is None or a column is zero.
    """
    (W,) = floating(W)
    if V is None:
        xp = namespace(W)
        return xp.full((*W.shape[:-2], W.shape[-1]), xp.nan, dtype=W.dtype)
    require_same_matrices(W, V, "W and V")
    return angle(W, V, axis=-2)


def weight_norms(weights: Sequence[Real[Array, "..."]]) -> PerLayer:
    """Compute the Frobenius norm of W_l."""
    weights = floating(*weights)
    xp = namespace(*weights)
    return xp.stack([xp.linalg.norm(W, axis=(-2, -1)) for W in weights], axis=-1)


def gradient_norms(gradients: Sequence[Real[Array, "..."]]) -> PerLayer:
    """Compute the Frobenius norm of the gradient that W_l descends."""
    return weight_norms(gradients)


def update_sign_agreements(
    gradients: Sequence[Real[Array, "..."]], references: Sequence[Real[Array, "..."]]
) -> PerLayer:
    """Compute the fraction of weights that two gradients move in the same direction.

    Weights that either gradient leaves where they are do not count.

    Parameters
    ----------
    gradients, references : sequences of arrays of shape (..., unit_l, unit_{l-1})
        What W_l descends under the rule and under backprop, layer 1 included.

    Returns
    -------
    array of shape (..., layer)
        NaN where an entry is NaN or no weight has two signs.
    """
    return _per_layer(sign_concordance, gradients, references)


def _to_pseudoinverse(W: Array, V: Array, axis: tuple[int, int]) -> Array:
    del axis  # matrices stand in the last two axes
    return pseudoinverse_alignment(W, namespace(V).swapaxes(V, -1, -2))


def _per_layer(measure, weights, backward_weights) -> PerLayer:  # type: ignore[no-untyped-def]
    weights = floating(*weights)
    # Also of the others, before any of their axes is taken by position.
    xp, values = namespace(*weights, *(V for V in backward_weights if V is not None)), []
    for W, V in zip(weights, backward_weights, strict=True):
        if V is None:
            values.append(xp.full(W.shape[:-2], xp.nan, dtype=W.dtype))
            continue
        require_same_matrices(W, V, "W_l and V_l")
        values.append(measure(W, V, axis=(-2, -1)))
    return xp.stack(values, axis=-1)
