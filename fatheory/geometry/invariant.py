"""What feedback alignment and backprop conserve."""

from jaxtyping import Float, Real

from fatheory.arrays import Array, floating, namespace


def feedback_invariant(
    W0: Real[Array, "*#runs n_h n_i"],
    W: Real[Array, "*#runs n_o n_h"],
    B: Real[Array, "*#runs n_h n_o"],
) -> Float[Array, "*#runs n_h n_h"]:
    """Compute C = B W + (B W)^T - W0 W0^T.

    Under the gradient flow of linear feedback alignment C is constant, for any input covariance
    and any target (Lillicrap et al. 2016, Supplementary Note 11). Under simultaneous discrete
    updates, C after a step equals C before it minus dW0 dW0^T, exactly, for any error signal.
    """
    W0, W, B = floating(W0, W, B)
    xp = namespace(W0, W, B)
    BW = B @ W
    return BW + xp.swapaxes(BW, -1, -2) - W0 @ xp.swapaxes(W0, -1, -2)


def balance(
    W0: Real[Array, "*#runs n_h n_i"], W: Real[Array, "*#runs n_o n_h"]
) -> Float[Array, "*#runs n_h n_h"]:
    """Compute W^T W - W0 W0^T, constant under backprop's flow (Saxe et al. 2013)."""
    W0, W = floating(W0, W)
    xp = namespace(W0, W)
    return xp.swapaxes(W, -1, -2) @ W - W0 @ xp.swapaxes(W0, -1, -2)
