"""The first phase of several runs at once, each to where its late phase begins or it ends."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from fatheory.theory.online.closure import ClosureMoments, GaussianClosure
from fatheory.theory.online.late_phase import excess
from fatheory.theory.online.reduced_chain import Chain, ChainState, Square

SWITCH = {False: 0.03, True: 0.002}
"""Error against its start, as P, from which on the late phase is followed; by backprop or not."""
STRIDE, STRIDE_POWER, SHORTEST = 0.335, 0.7, 4
"""Steps between two updates: STRIDE / x^STRIDE_POWER, x the pace of learning (`stride_of`)."""
TRUSTED = 1.25
"""Standard deviation of the log loss in the first phase up to which the closure is followed."""
TRUSTED_EXCESS = 0.75
"""And chi of the weights there (`excess`): 1 is the limit of mean-square stability."""


@dataclass(frozen=True, eq=False)
class Knot:
    """A run at one of the steps that are computed; matrices have the shape (1, 1, n_o, n_o)."""

    step: int
    log_loss: float
    log_variance: float
    P: Square
    readout: Square
    W: Square
    Q: Square


@dataclass(eq=False)
class FirstPhase:
    """The first phase of one run.

    Attributes
    ----------
    chain : Chain
        What is learned.
    whole : float
        tr P at the start.
    end : int
        The last step that is asked for.
    knots : list of Knot
        Every stride.
    handed : ClosureMoments, optional
        Where the late phase begins, at the last knot; None if the run has its end before.
    reason : str
        Why it ends before the last step; empty if it does not.
    """

    chain: Chain
    whole: float
    end: int
    knots: list[Knot] = field(default_factory=list)
    handed: ClosureMoments | None = None
    reason: str = ""

    def add(self, step: int, now: ClosureMoments) -> bool:
        """Add a knot; return whether the phase goes on."""
        # A group that was split begins again where its runs have been.
        if self.knots and self.knots[-1].step == step:
            return True
        chain = self.chain
        size, variance = np.trace(now.mean.P[0, 0]), now.log_variance[0]
        # Asked so that NaN counts as unsound.
        sound = np.isfinite(size) and size > 0 and variance < TRUSTED**2
        chi = excess(chain, now.mean.W, now.mean.Q)[0] if sound else np.inf
        if not (sound and chi < TRUSTED_EXCESS):
            self.reason = ended(chain, step, self.end)
            return False
        readout = now.mean.W @ chain.K @ now.mean.W.mT + now.readout
        mean = now.mean
        self.knots.append(Knot(step, np.log(size / 2), variance, mean.P, readout, mean.W, mean.Q))
        if step >= self.end:
            return False
        if size < SWITCH[chain.backprop] * self.whole:
            self.handed = now
            return False
        return True

    def goes_on(self) -> bool:
        """Whether there are steps to come."""
        return not self.reason and self.knots[-1].step < self.end

    def end_early(self) -> None:
        """Say that the closure ends at the last knot."""
        self.reason = ended(self.chain, self.knots[-1].step, self.end)


class _Together(NamedTuple):
    """Runs that are at the same step."""

    closure: GaussianClosure
    runs: Sequence[int]
    step: int


def first_phases(
    chains: Sequence[Chain], starts: Sequence[ChainState], end: int
) -> list[FirstPhase]:
    """Follow runs of the same stride, rate and rule, together as long as they last.

    Parameters
    ----------
    chains : sequence of Chain
        What is learned, one run each.
    starts : sequence of ChainState
        Where each begins.
    end : int
        The last step that is asked for.
    """
    phases = [
        FirstPhase(chain, np.trace(start.P[0, 0]), end)
        for chain, start in zip(chains, starts, strict=True)
    ]
    closure = GaussianClosure(Chain.joined(chains), ChainState.joined(starts), stride_of(chains[0]))
    pending = [_Together(closure, range(len(chains)), 0)]
    while pending:
        pending += _strides(pending.pop(), phases)
    return phases


def _strides(group: _Together, phases: Sequence[FirstPhase]) -> list[_Together]:
    """Carry out a stride of the runs that go on; return them, in one group if all could."""
    closure, runs, step = group
    now = closure.moments()
    going = [place for place, run in enumerate(runs) if phases[run].add(step, now.only([place]))]
    if not going:
        return []
    closure, runs = closure.only(going), [runs[place] for place in going]
    # A copy to go back to: a stride that fails leaves the closure in between.
    before = closure.only(range(len(runs)))
    try:
        closure.advance()
    except np.linalg.LinAlgError:
        # LAPACK gives up on matrices that are not finite, of one run for all: each goes on alone.
        if len(runs) > 1:
            return [_Together(before.only([place]), [run], step) for place, run in enumerate(runs)]
        phase = phases[runs[0]]
        phase.reason = ended(phase.chain, step, phase.end)
        return []
    return [_Together(closure, runs, step + closure.stride)]


def stride_of(chain: Chain) -> int:
    """Return the steps between two updates of covariance and rates.

    Small errors decay with the singular values of T under backprop; under fixed feedback W grows
    with the square of the time, and with it the rate. A stride is a part of that time that shrinks
    with the learning rate, as the error of the closure does beside which its own must be small.
    """
    size, K = (float(np.linalg.norm(A[0, 0], 2)) for A in (chain.target, chain.K))
    rate = size**0.5 if chain.backprop else (size * K) ** (1 / 3)
    return max(SHORTEST, round(STRIDE / (chain.eta * rate) ** STRIDE_POWER))


def ended(chain: Chain, step: int, end: int) -> str:
    """Say that a run ends at a step."""
    return (
        f"the closure of online learning ends at step {step} of {end}: at learning rate "
        f"{chain.eta:g} fluctuations grow too large for it; what follows is NaN"
    )
