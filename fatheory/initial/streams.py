"""Random streams: one root seed per experiment, one stream per seed and purpose."""

import numpy as np

PURPOSES = (
    "target",
    "covariance",
    "start",
    "feedback",
    "probe",
    "inputs",
    "noise",
    "order",
    "bias",
    "forward_mask",
    "feedback_mask",
    "concordance",
)
"""What random numbers are for. Append only: a purpose's place is part of its stream's key, and
moving one would change the numbers of every experiment."""


def stream(root_seed: int, seed: int, purpose: str, *indices: int) -> np.random.Generator:
    """Return the generator of one purpose of one seed.

    Streams of different purposes, seeds or indices are independent, so a new consumer never
    shifts the numbers of another.

    Parameters
    ----------
    root_seed : int
        Common root of the experiment.
    seed : int
        Which of its seeds.
    purpose : str
        One of `PURPOSES`.
    *indices : int
        Further keys, such as a layer or a block of examples.
    """
    key = (seed, PURPOSES.index(purpose), *indices)
    # A spawn key, not a sum of numbers: it is hashed, so neighbouring keys are unrelated.
    return np.random.default_rng(np.random.SeedSequence(root_seed, spawn_key=key))
