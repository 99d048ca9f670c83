r"""Feedback that is the gradient of a function of a unit's outgoing weights.

Many rules send errors back through :math:`V_{oi} = \partial\psi_i / \partial W_{oi}`:

=====================  ========================================
backprop               :math:`\psi_i = |w_i|^2 / 2`
feedback alignment     :math:`\psi_i = \langle b_i, w_i\rangle`
usf                    :math:`\psi_i = \sum_o |w_{oi}|`
frsf, any concordance  :math:`\psi_i = \sum_o S_{oi} M_{oi} |w_{oi}|`
=====================  ========================================

with :math:`w_i` column i of W, the weights that leave unit i. For all of them one law holds
(`fatheory.theory.laws.potential_law`). Derived for this project.
"""

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from fatheory.arrays import ArrayLike
from fatheory.checks import matching_shapes, one_number, real_matrix
from fatheory.errors import ArrayError, RegimeError, UnknownNameError

Outgoing = Float[np.ndarray, "n_o n_h"]
PerUnit = Float[np.ndarray, " n_h"]


@runtime_checkable
class Potential(Protocol):
    """A function psi of the weights that leave each unit."""

    def value(self, W: Outgoing) -> PerUnit:
        """Return psi_i of every unit."""

    def feedback(self, W: Outgoing) -> Outgoing:
        """Return V, the gradient of psi, of the shape of W."""

    def divergence(self, after: Outgoing, before: Outgoing) -> PerUnit:
        """Return the Bregman divergence psi(after) - psi(before) - <V(before), after - before>."""


@dataclass(frozen=True, eq=False)
class Inner:
    """psi_i = <b_i, w_i>: fixed feedback B of shape (n_h, n_o).

    Weights of another shape than that of B transposed raise an ArrayError.
    """

    B: Float[np.ndarray, "n_h n_o"]

    def value(self, W: Outgoing) -> PerUnit:
        """Return <b_i, w_i>, shape (n_h,)."""
        return np.sum(self.feedback(W) * W, axis=0)

    def feedback(self, W: Outgoing) -> Outgoing:
        """Return the transpose of B, whatever the weights are."""
        matching_shapes({"B": (self.B, ("n_h", "n_o")), "W": (W, ("n_o", "n_h"))})
        return self.B.T

    def divergence(self, after: Outgoing, before: Outgoing) -> PerUnit:
        """Return zeros: psi is linear."""
        del before
        self.feedback(after)
        return np.zeros(after.shape[1])


@dataclass(frozen=True)
class Power:
    """psi_i = sum_o |w_oi|^q / q: V = sign(W) |W|^(q-1); backprop is q = 2."""

    q: float = 2.0

    def value(self, W: Outgoing) -> PerUnit:
        """Return the sum of powers, shape (n_h,)."""
        return np.sum(np.abs(W) ** self.q, axis=0) / self.q

    def feedback(self, W: Outgoing) -> Outgoing:
        """Return sign(W) |W|^(q-1)."""
        return np.sign(W) * np.abs(W) ** (self.q - 1)

    def divergence(self, after: Outgoing, before: Outgoing) -> PerUnit:
        """Return the divergence, shape (n_h,); |change|^2 / 2 of backprop, without cancellation."""
        # As a square: the difference of sums below cancels where steps are small.
        if self.q == 2:
            return np.sum((after - before) ** 2, axis=0) / 2
        linear = np.sum(self.feedback(before) * (after - before), axis=0)
        return self.value(after) - self.value(before) - linear


@dataclass(frozen=True, eq=False)
class WeightedSize:
    """psi_i = sum_o c_oi |w_oi|: V = c sign(W) with fixed c of the shape of W.

    c = 1 is usf; c = M S of sizes M and signs S is frsf at any concordance. Weights of another
    shape than that of c raise an ArrayError.
    """

    c: Float[np.ndarray, "n_o n_h"]

    def value(self, W: Outgoing) -> PerUnit:
        """Return the weighted sum of sizes, shape (n_h,)."""
        return np.sum(self._sizes(W) * np.abs(W), axis=0)

    def feedback(self, W: Outgoing) -> Outgoing:
        """Return c sign(W)."""
        return self._sizes(W) * np.sign(W)

    def divergence(self, after: Outgoing, before: Outgoing) -> PerUnit:
        """Return sum_o c_oi (|after| - sign(before) after): zero but for signs that changed."""
        # Both terms of W before drop out, |w| = sign(w) w, so nothing cancels where no sign
        # changes.
        return np.sum(self._sizes(after) * (np.abs(after) - np.sign(before) * after), axis=0)

    def _sizes(self, W: Outgoing) -> Outgoing:
        """Return c, which NumPy would repeat for weights of a single output."""
        matching_shapes({"c": (self.c, ("n_o", "n_h")), "W": (W, ("n_o", "n_h"))})
        return self.c


def rule_potential(
    rule: str, shape: tuple[int, int], state: ArrayLike | None = None, power: float | None = None
) -> Potential:
    """Return the potential of a rule at a layer with weights of this shape.

    Parameters
    ----------
    rule : str
        ``"backprop"``, ``"feedback_alignment"``, ``"usf"``, ``"frsf"`` or ``"power"``.
    shape : (int, int)
        (n_o, n_h), of the weights that leave the units.
    state : array, optional
        B of shape (n_h, n_o) for feedback alignment; M S of shape (n_o, n_h) for frsf. Others
        take none.
    power : float, optional
        q > 1, of ``"power"``: V = sign(W) |W|^(q-1).

    Raises
    ------
    UnknownNameError
        If the feedback of the rule is not known to be a gradient.
    ArrayError
        If the shape is none, or a state is missing, does not fit, or is given to a rule that has
        none.
    RegimeError
        If the power is missing, not above 1 or not finite, or given to another rule.
    """
    shape = _pair(shape)
    q = None if power is None else one_number("power", power)
    needs = {
        "backprop": None,
        "feedback_alignment": ("B", shape[::-1]),
        "usf": None,
        "frsf": ("M S", shape),
        "power": None,
    }
    if not isinstance(rule, str) or rule not in needs:
        raise UnknownNameError("rule with feedback of a potential", rule, needs)
    # At q = 1 the potential has a kink, which is usf's and has a form of its own.
    if (q is not None) != (rule == "power") or (q is not None and not 1 < q < math.inf):
        raise RegimeError(f"'power' needs a power above 1, other rules none; {rule} got {q}")
    need = needs[rule]
    if need is None:
        if state is not None:
            raise ArrayError(f"{rule} has no fixed state; leave state out")
        sizes = WeightedSize(np.ones(shape))
        return sizes if rule == "usf" else Power(2.0 if q is None else q)
    name, wanted = need
    if state is None:
        raise ArrayError(f"{rule} needs its state {name} of shape {wanted}; got None")
    array = real_matrix(name, state)
    if array.shape != wanted:
        raise ArrayError(f"{name} must have shape {wanted}; its shape is {array.shape}")
    return Inner(array) if rule == "feedback_alignment" else WeightedSize(array)


def _pair(shape: object) -> tuple[int, int]:
    """Return a shape of weights: two widths.

    Raises
    ------
    ArrayError
        If it is no pair of whole numbers from 1 on.
    """
    pair = shape if isinstance(shape, tuple | list) else ()
    whole = [isinstance(n, int | np.integer) and not isinstance(n, bool) and n > 0 for n in pair]
    if len(whole) != 2 or not all(whole):
        raise ArrayError(
            f"shape must be (n_o, n_h), two whole numbers from 1 on; got {shape!r:.60}"
        )
    return int(pair[0]), int(pair[1])
