"""Stochastic gradient descent with momentum and weight decay, as an optax transformation."""

from functools import cache
from typing import Any

import optax


@cache  # equal arguments give the same object, so that programs compiled for it are found again
def sgd_direction(
    momentum: float = 0.0, weight_decay: float = 0.0, decays: Any = None
) -> optax.GradientTransformation:
    """Return the transformation from a gradient g to -tau, without the learning rate.

    tau_k = -g + momentum tau_{k-1} - weight_decay W, and W <- W + learning_rate tau (Liao, Leibo &
    Poggio 2016, setting 0). The learning rate stays outside so that runs that differ in it share
    one compiled program.

    Parameters
    ----------
    momentum : float
        In [0, 1); 0 keeps no memory at all.
    weight_decay : float
        Decay per unit of time.
    decays : hashable pytree of bool, optional
        Which parts of the parameters decay, a prefix of their tree; all by default.
    """
    parts = [optax.identity()]
    # Before the trace: decay is part of what momentum remembers.
    if weight_decay:
        parts.append(optax.add_decayed_weights(weight_decay, mask=decays))
    if momentum:
        parts.append(optax.trace(decay=momentum))
    return optax.chain(*parts)
