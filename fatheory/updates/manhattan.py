"""Batch Manhattan: weight changes that know the sign of the gradient only."""

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import optax

from fatheory.updates.sgd import sgd_direction


@cache  # equal arguments give the same object, so that programs compiled for it are found again
def manhattan_direction(
    setting: int, momentum: float = 0.0, weight_decay: float = 0.0, decays: Any = None
) -> optax.GradientTransformation:
    """Return the transformation from a gradient g to -tau, without the learning rate.

    1. tau_k = -sign(g) + momentum tau_{k-1} - weight_decay W
    2. tau_k = sign(-sign(g) + momentum tau_{k-1} - weight_decay W)
    3. kappa_k = -sign(g) + momentum kappa_{k-1} - weight_decay W and tau_k = sign(kappa_k)

    and W <- W + learning_rate tau (Liao, Leibo & Poggio 2016, Batch Manhattan). The paper means
    setting 1 unless it says otherwise. sign(0) = 0: the incoming weights of a silent unit stay
    where they are, but for momentum and decay. NaN stays NaN.

    Parameters
    ----------
    setting : int
        1, 2 or 3.
    momentum : float
        In [0, 1); 0 keeps no memory at all.
    weight_decay : float
        Decay per unit of time.
    decays : hashable pytree of bool, optional
        Which parts of the parameters decay, a prefix of their tree; all by default.

    Raises
    ------
    ValueError
        If there is no such setting.

    Examples
    --------
    >>> optimizer = optax.chain(manhattan_direction(1, 0.9), optax.scale(-0.01))
    """
    sign = optax.scale_by_sign()
    match setting:
        case 1:
            return optax.chain(sign, sgd_direction(momentum, weight_decay, decays))
        case 2:
            decayed = sgd_direction(0.0, weight_decay, decays)
            # Without momentum nothing is remembered, and the sign of the sum is all.
            return optax.chain(sign, decayed, _signed_trace(momentum) if momentum else sign)
        case 3:
            return optax.chain(sign, sgd_direction(momentum, weight_decay, decays), sign)
        case _:
            raise ValueError(
                f"Batch Manhattan has the settings 1, 2 and 3; got {setting!r}. Setting 0 is "
                f"stochastic gradient descent"
            )


def _signed_trace(momentum: float) -> optax.GradientTransformation:
    """Remember the signs that were taken, not the sums whose signs they are as setting 3 does."""
    trace = optax.trace(momentum)

    def update(
        updates: optax.Updates, state: optax.TraceState, params: optax.Params | None = None
    ) -> tuple[optax.Updates, optax.TraceState]:
        sums, _ = trace.update(updates, state, params)
        signs = jax.tree.map(jnp.sign, sums)
        return signs, optax.TraceState(signs)

    return optax.GradientTransformation(trace.init, update)
