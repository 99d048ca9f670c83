"""Learning rates that fall during a run."""

from collections import Counter

import jax
import numpy as np
import optax
from jaxtyping import Float

from fatheory.experiment import CosineDecay, ExponentialDecay, Schedule, StepDecay


def schedule_factors(schedule: Schedule) -> Float[np.ndarray, " step"] | None:
    """Return the rate factors of a schedule; None where learning rates are kept.

    Parameters
    ----------
    schedule : Schedule
        Of a whole run.
    """
    return None if schedule.decay is None else rate_factors(schedule.decay, schedule.steps)


def rate_factors(
    decay: StepDecay | ExponentialDecay | CosineDecay | None, steps: int
) -> Float[np.ndarray, " {steps}"]:
    """Return the factor by which the learning rate of every update is multiplied.

    Update k = 0 ... steps - 1 has the factor

    - factor^(number of entries of `at` up to k) for steps,
    - factor^(k / every) for exponential decay,
    - floor + (1 - floor) (1 + cos(pi k / steps)) / 2 for cosine decay, so that the floor is what an
      update after the last would have,

    times min(1, (k + 1) / (warmup + 1)). The decay counts from the first update, warm or not.

    Parameters
    ----------
    decay : StepDecay, ExponentialDecay, CosineDecay or None
        None keeps the learning rate.
    steps : int
        Number of updates of the whole run.

    Returns
    -------
    array of shape (steps,)
        In float64, whatever precision the run has.
    """
    if decay is None:
        return np.ones(steps)
    # Without warmup the length is 0, for which optax stays at the first value: 1.
    warmup = optax.linear_schedule(1 / (decay.warmup + 1), 1.0, decay.warmup)
    # optax computes by JAX, and in single precision steps beyond 2^24 are no longer exact.
    with jax.enable_x64(True):
        # Reals, for optax subtracts them from reals: exact up to 2^53.
        k = np.arange(steps, dtype=np.float64)
        return np.asarray(_schedule(decay, steps)(k) * warmup(k))


def _schedule(decay: StepDecay | ExponentialDecay | CosineDecay, steps: int) -> optax.Schedule:
    match decay:
        case StepDecay():
            # optax takes one factor a step: a step that is named twice falls twice.
            falls = {step: decay.factor**n for step, n in Counter(decay.at).items()}
            return optax.piecewise_constant_schedule(1.0, falls)
        case ExponentialDecay():
            return optax.exponential_decay(1.0, decay.every, decay.factor)
        case CosineDecay():
            return optax.cosine_decay_schedule(1.0, steps, decay.floor)
