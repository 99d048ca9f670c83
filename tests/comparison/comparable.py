"""Archives to compare: of losses that are known functions of rule, seed and time."""

import numpy as np

from fatheory import labels
from fatheory.archive import assemble

RULES = {"backprop": 0.02, "feedback_alignment": 0.01}
SEEDS = (0, 3, 7)


def archive(function, steps=(0, 10, 20, 30), rules=RULES, seeds=SEEDS, source="simulation"):
    """A record whose loss is function(rule, seed, t), beside weights that follow from it."""
    steps = np.asarray(steps)
    rates = np.array(list(rules.values()), dtype=float)
    time = rates[:, None] * steps
    loss = np.array(
        [[function(i, s, t) for s in seeds] for i, t in enumerate(time)], dtype=np.float64
    )
    return assemble(
        {
            labels.LOSS: loss,
            labels.weight(1): loss[..., None, None] * np.array([[1.0, -2.0, 3.0]]),
            labels.DIVERGED_AT: np.full(loss.shape[:2], -1),
        },
        {
            labels.RULE: list(rules),
            labels.SEED: np.asarray(seeds),
            labels.STEP: steps,
            labels.TIME: time,
            labels.LEARNING_RATE: rates,
        },
        {labels.ATTR_SOURCE: source, labels.ATTR_HASH: f"hash of {source}"},
    )


def decay(rule, seed, t):
    return (1 + rule + seed) * np.exp(-3 * t)


def off(amount):
    """The decay, off by `amount` times a fixed shape."""
    return lambda rule, seed, t: decay(rule, seed, t) + amount * (1 + np.cos(t + seed))
