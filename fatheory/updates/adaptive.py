"""Optimisers whose steps adapt to the gradients so far, as optax has them."""

from collections.abc import Callable
from functools import cache
from typing import Any

import optax

_SCALED: dict[str, Callable[[], optax.GradientTransformation]] = {
    "adabelief": optax.scale_by_belief,
    "adagrad": optax.scale_by_rss,
    "adam": optax.scale_by_adam,
    "amsgrad": optax.scale_by_amsgrad,
    "lion": optax.scale_by_lion,
    "nadam": lambda: optax.scale_by_adam(nesterov=True),
    "rmsprop": optax.scale_by_rms,
}


@cache  # equal arguments give the same object, so that programs compiled for it are found again
def adaptive_direction(
    optimizer: str, weight_decay: float = 0.0, decays: Any = None
) -> optax.GradientTransformation:
    """Return the transformation from a gradient g to -tau, without the learning rate.

    tau = -a(g) - weight_decay W, with a the optimiser's scaled gradient at optax's own settings
    (for Adam: moments of decay 0.9 and 0.999, epsilon 1e-8). Decay is apart from what is scaled, as
    in AdamW (Loshchilov & Hutter 2019).

    Parameters
    ----------
    optimizer : str
        ``adabelief``, ``adagrad``, ``adam``, ``amsgrad``, ``lion``, ``nadam`` or ``rmsprop``.
    weight_decay : float
        Decay per unit of time.
    decays : hashable pytree of bool, optional
        Which parts of the parameters decay, a prefix of their tree; all by default.
    """
    parts = [_SCALED[optimizer]()]
    if weight_decay:
        parts.append(optax.add_decayed_weights(weight_decay, mask=decays))
    return optax.chain(*parts)
