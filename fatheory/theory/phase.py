"""Stretches of learning in which some layers keep their weights."""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from fatheory.checks import one_number
from fatheory.errors import RegimeError
from fatheory.renamed import renamed

__getattr__ = renamed(__name__, {"Phase": f"{__name__}:FlowPhase"})


class FlowPhase(NamedTuple):
    """A stretch of a flow, in time, in which some layers do not change.

    The phases of schedules, `fatheory.Phase`, last for steps.

    Attributes
    ----------
    duration : float
        In units of time, t = eta * step.
    frozen : frozenset of int
        Layers, counted from 1, that keep their weights.
    """

    duration: float
    frozen: frozenset[int] = frozenset()


def checked_phases(phases: object, layers: int) -> tuple[FlowPhase, ...]:
    """Return phases that last, and freeze layers that there are.

    Parameters
    ----------
    phases : sequence of FlowPhase
        As a user gave them; none is allowed.
    layers : int
        How many layers the network has.

    Raises
    ------
    RegimeError
        If one is no phase of theory, does not last a positive and finite time, or names a layer
        that is none of 1 ... `layers`.
    ArrayError
        If a duration is not a number.
    """
    if isinstance(phases, FlowPhase) or not isinstance(phases, Iterable):
        raise RegimeError(f"phases must be a list of fatheory.theory.FlowPhase; got {phases!r:.80}")
    return tuple(_checked(number, phase, layers) for number, phase in enumerate(phases, start=1))


def _checked(number: int, phase: object, layers: int) -> FlowPhase:
    if not isinstance(phase, FlowPhase):
        raise RegimeError(
            f"phase {number} must be a fatheory.theory.FlowPhase(duration, frozen), whose duration "
            f"is learning rate times steps; got {phase!r:.80}"
        )
    duration = one_number(f"the duration of phase {number}", phase.duration)
    if not (math.isfinite(duration) and duration > 0):
        raise RegimeError(f"phase {number} must last a positive time; got {duration}")
    # A layer 0 would be taken for the last one where lists are counted from their end.
    listed = isinstance(phase.frozen, frozenset | set | list | tuple)
    if not (listed and all(_is_layer(layer, layers) for layer in phase.frozen)):
        shown = sorted(phase.frozen, key=repr) if listed else phase.frozen
        raise RegimeError(
            f"phase {number} freezes {shown!r:.80}; it must be a set of layers out of "
            f"1 ... {layers}"
        )
    return FlowPhase(duration, frozenset(int(layer) for layer in phase.frozen))


def _is_layer(value: object, layers: int) -> bool:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return whole and 1 <= value <= layers  # type: ignore[operator]
