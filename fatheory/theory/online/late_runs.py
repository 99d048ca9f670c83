"""The late phases of several runs at once, each from where its first phase handed it over."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fatheory.theory.online.first_phase import FirstPhase, Knot, stride_of
from fatheory.theory.online.late_phase import LatePhase
from fatheory.theory.online.reduced_chain import Chain, ChainState


class _Together(NamedTuple):
    """Runs that are followed at once; the weights of all still move, or of none."""

    late: LatePhase
    phases: Sequence[FirstPhase]
    frozen: bool = False


def add_late_phases(phases: Sequence[FirstPhase]) -> None:
    """Go on with the late phase, where runs have come to it.

    Parameters
    ----------
    phases : sequence of FirstPhase
        Of runs of the same rule, rate and stride; their knots are added to.
    """
    begun = [(phase, phase.handed) for phase in phases if phase.handed is not None]
    if not begun:
        return
    late = LatePhase(
        Chain.joined([phase.chain for phase, _ in begun]),
        ChainState.joined([handed.mean for _, handed in begun]),
        np.concatenate([handed.log_variance for _, handed in begun]),
    )
    pending = [_Together(late, [phase for phase, _ in begun])]
    while pending:
        pending += _strides(pending.pop())


def _strides(group: _Together) -> list[_Together]:
    """Carry out a stride of the runs that go on; return them."""
    late, phases, frozen = group
    going = [i for i, phase in enumerate(phases) if phase.goes_on()]
    if not going:
        return []
    late, phases = late.only(going), [phases[i] for i in going]
    # Parted, since frozen weights allow a power in the place of steps.
    if not frozen and late.frozen.any():
        now = late.frozen
        return [
            _Together(late.only(some), [phases[i] for i in some], held)
            for held in (False, True)
            if len(some := np.flatnonzero(now == held).tolist())
        ]
    stride = stride_of(phases[0].chain)
    before = late.only(range(len(phases)))
    try:
        late.advance_frozen(stride) if frozen else late.advance(stride)
    except np.linalg.LinAlgError:
        # LAPACK gives up on matrices that are not finite, of one run for all: each goes on alone.
        if len(phases) > 1:
            return [_Together(before.only([i]), [phase]) for i, phase in enumerate(phases)]
        phases[0].end_early()
        return []
    _add_knots(late, phases, stride)
    return [_Together(late, phases, frozen)]


def _add_knots(late: LatePhase, phases: Sequence[FirstPhase], stride: int) -> None:
    """Add where the runs are now; say which have ended."""
    P, W = late.state.P, late.state.W
    size = np.trace(P[:, 0], axis1=-2, axis2=-1)
    readout = W @ late.chain.K @ W.mT
    # P is a mean over runs here, and the median of a lognormal law lies v / 2 below its logarithm;
    # in the first phase the mean was moved onto the typical path already.
    log_loss = np.log(size / 2) - late.added / 2
    variance = late.log_variance
    for i, phase in enumerate(phases):
        if not (np.isfinite(size[i]) and size[i] > 0):
            phase.end_early()
            continue
        one, step = slice(i, i + 1), phase.knots[-1].step + stride
        at = (P[one], readout[one], W[one], late.state.Q[one])
        phase.knots.append(Knot(step, log_loss[i], variance[i], *at))
