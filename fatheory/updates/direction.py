"""The direction of a weight change, by the settings of Liao, Leibo & Poggio 2016."""

from typing import Any

import optax

from fatheory.updates.adaptive import adaptive_direction
from fatheory.updates.manhattan import manhattan_direction
from fatheory.updates.sgd import sgd_direction


def update_direction(
    setting: int,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    decays: Any = None,
    optimizer: str = "sgd",
) -> optax.GradientTransformation:
    """Return the transformation from a gradient g to -tau, without the learning rate.

    Parameters
    ----------
    setting : int
        0 for stochastic gradient descent (`sgd_direction`), 1 to 3 for Batch Manhattan
        (`manhattan_direction`).
    momentum, weight_decay, decays
        As there.
    optimizer : str
        ``"sgd"``, or what `adaptive_direction` knows.

    Raises
    ------
    ValueError
        If there is no such setting.
    """
    if optimizer != "sgd":
        return adaptive_direction(optimizer, weight_decay, decays)
    if setting == 0:
        return sgd_direction(momentum, weight_decay, decays)
    return manhattan_direction(setting, momentum, weight_decay, decays)
