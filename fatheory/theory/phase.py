"""Stretches of learning in which some layers keep their weights."""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from fatheory.checks import one_number
from fatheory.errors import RegimeError


class Phase(NamedTuple):
    """A stretch of learning in which some layers do not change.

    Attributes
    ----------
    duration : float
        In units of time, t = eta * step.
    frozen : frozenset of int
        Layers, counted from 1, that keep their weights.
    """

    duration: float
    frozen: frozenset[int] = frozenset()


def checked_phases(phases: object, layers: int) -> tuple[Phase, ...]:
    """Return phases that last, and freeze layers that there are.

    Parameters
    ----------
    phases : sequence of Phase
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
    if isinstance(phases, Phase) or not isinstance(phases, Iterable):
        raise RegimeError(f"phases must be a list of fatheory.theory.Phase; got {phases!r:.80}")
    return tuple(_checked(number, phase, layers) for number, phase in enumerate(phases, start=1))


def _checked(number: int, phase: object, layers: int) -> Phase:
    if not isinstance(phase, Phase):
        raise RegimeError(
            f"phase {number} must be a fatheory.theory.Phase(duration, frozen), whose duration is "
            f"learning rate times steps; got {phase!r:.80}"
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
    return Phase(duration, frozenset(int(layer) for layer in phase.frozen))


def _is_layer(value: object, layers: int) -> bool:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return whole and 1 <= value <= layers  # type: ignore[operator]
