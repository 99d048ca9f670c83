r"""Standard errors of a pass, from smaller passes that share nothing with it but the problem.

What a pass finds at a step depends on the averages of all steps before, so that the scatter of
samples within one step is not its error. Independent passes carry the whole chain along. Their
scatter, times the root of the ratio of their samples to those of the pass, is its standard error
to leading order in samples^{-1/2}: a few small ones cost a part of it.
"""

import warnings
from collections.abc import Callable, Sequence

import numpy as np

from fatheory.errors import LearningRateWarning
from fatheory.theory.blas_threads import one_blas_thread
from fatheory.theory.wide.dmft.causal_pass import Problem, causal_pass
from fatheory.theory.wide.dmft.record import Record

_REPLICAS, _SHARE, _LEAST = 8, 128, 64
"""Passes, their part of the samples, and the fewest samples that make a mean field. Of eight the
errors themselves are known to about a quarter."""

ProblemOf = Callable[[int, Sequence[np.random.Generator]], Problem]
"""From a number of samples and the streams to the problem with its draws."""


def pass_with_errors(
    problem_of: ProblemOf, samples: int, streams: Sequence[np.random.SeedSequence]
) -> Record:
    """Carry out a pass, and the small ones that give its errors.

    Parameters
    ----------
    problem_of : callable
        Draws the problem.
    samples : int
        Copies of a unit.
    streams : sequence of numpy.random.SeedSequence
        As of `causal_pass`. The last one, of the outputs of the start weights, is the same in all
        passes: it is of one network, and no Monte Carlo.

    Returns
    -------
    Record
        With its errors; without them if it diverged, or fewer than two small passes did not.
    """
    record = _one(problem_of, samples, streams)
    if record.diverged_at >= 0:
        return record
    few = replica_samples(samples)
    children = zip(*(stream.spawn(_REPLICAS) for stream in streams[:-1]), strict=True)
    # Matrices this small are multiplied in less time than threads take to meet.
    with one_blas_thread():
        others = [_one(problem_of, few, [*those, streams[-1]]) for those in children]
    finite = [one for one in others if one.diverged_at < 0]
    if len(finite) < len(others):
        warnings.warn(
            f"{len(others) - len(finite)} of {len(others)} passes of {few} samples, from which "
            f"standard errors are taken, diverged, and this one of {samples} did not: learning is "
            f"close to instability; errors are those of the others, NaN if fewer than two are left",
            LearningRateWarning,
            stacklevel=2,
        )
    if len(finite) > 1:
        record.take_errors(finite, few / samples)
    return record


def replica_samples(samples: int) -> int:
    """Return the samples of a small pass."""
    return max(samples // _SHARE, _LEAST)


def _one(problem_of: ProblemOf, samples: int, streams: Sequence[np.random.SeedSequence]) -> Record:
    generators = [np.random.default_rng(stream) for stream in streams]
    return causal_pass(problem_of(samples, generators), generators)
