r"""One conservation law for every rule whose feedback is a gradient.

.. math:: \frac{d}{dt}\left[\|w^{in}_i\|^2 + b_i^2 - 2\psi_i(w^{out}_i)\right] = 0

at every hidden unit i of a network of linear, ReLU or leaky ReLU units, of any depth, batch and
loss, if feedback is :math:`V_{oi} = \partial\psi_i/\partial W_{oi}`: by homogeneity
:math:`\phi'(a)\,a = \phi(a)`, so that

.. math:: \langle w^{in}_i, \Delta w^{in}_i\rangle + b_i \Delta b_i
          = \eta\langle (V^\top\delta)_i\, \phi'(a_i)\, a_i\rangle
          = \sum_o V_{oi}\, \Delta W_{oi}.

One step of SGD of any size changes the bracket by exactly

.. math:: \|\Delta w^{in}_i\|^2 + \Delta b_i^2 - 2 D_{\psi_i}(w^{out}_i + \Delta w^{out}_i,
          w^{out}_i),

D the Bregman divergence. It joins feedback alignment and sign-concordant feedback: under usf
:math:`\|w^{in}_i\|^2 - 2\|w^{out}_i\|_1` is conserved through every change of sign. Weight decay,
momentum, Batch Manhattan and frozen layers break it. Derived for this project.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from fatheory.arrays import ArrayLike
from fatheory.checks import real_array, require_kind
from fatheory.errors import ArrayError
from fatheory.theory.laws.potential import Potential
from fatheory.theory.layers import network_weights

PerUnit = Float[np.ndarray, " n_h"]


def potential_law(
    weights: Sequence[ArrayLike],
    potentials: Sequence[Potential],
    biases: Sequence[ArrayLike] | None = None,
) -> tuple[PerUnit, ...]:
    r"""Compute :math:`\|w^{in}_i\|^2 + b_i^2 - 2\psi_i(w^{out}_i)` at every hidden unit.

    Parameters
    ----------
    weights : sequence of arrays
        W_1 ... W_L, W_l of shape (n_l, n_{l-1}).
    potentials : sequence of Potential
        Of W_2 ... W_L, from `rule_potential`.
    biases : sequence of arrays, optional
        b_1 ... b_{L-1}, or with b_L, of shapes (n_l,); a bias is a weight from a constant input.

    Returns
    -------
    tuple of arrays of shape (n_l,)
        One per hidden layer 1 ... L - 1.

    Raises
    ------
    ArrayError
        If there is no hidden layer, or arrays are not finite or do not fit each other or their
        potential.
    WrongKindError
        If a potential is none.

    Examples
    --------
    >>> import numpy as np
    >>> from fatheory.theory import laws
    >>> W = [np.ones((3, 2)), np.ones((1, 3))]
    >>> laws.potential_law(W, [laws.rule_potential("usf", (1, 3))])
    (array([0., 0., 0.]),)
    """
    W, b = _checked(weights, potentials, biases)
    return tuple(
        np.sum(low**2, axis=1) + shift**2 - 2 * psi.value(above)
        for low, shift, above, psi in zip(W[:-1], b, W[1:], potentials, strict=True)
    )


def potential_law_changes(
    before: Sequence[ArrayLike],
    after: Sequence[ArrayLike],
    potentials: Sequence[Potential],
    biases_before: Sequence[ArrayLike] | None = None,
    biases_after: Sequence[ArrayLike] | None = None,
) -> tuple[PerUnit, ...]:
    r"""Compute by how much one simultaneous step of SGD changes `potential_law`, exactly.

    Parameters
    ----------
    before, after : sequences of arrays
        W_1 ... W_L around the step.
    potentials : sequence of Potential
        Of W_2 ... W_L.
    biases_before, biases_after : sequences of arrays, optional
        As in `potential_law`; both or neither.

    Returns
    -------
    tuple of arrays of shape (n_l,)
        One per hidden layer.

    Raises
    ------
    ArrayError
        As `potential_law`, or if only one of the biases is given, or weights before and after the
        step differ in their shapes.
    """
    if (biases_before is None) != (biases_after is None):
        raise ArrayError("give the biases before and after the step, or neither")
    W, b = _checked(before, potentials, biases_before)
    Z, c = _checked(after, potentials, biases_after)
    # NumPy would stretch a layer of one unit over the other.
    if [w.shape for w in W] != [z.shape for z in Z]:
        raise ArrayError(
            f"before and after must have the same shapes; got {[w.shape for w in W]} and "
            f"{[z.shape for z in Z]}"
        )
    moved = [np.sum((new - old) ** 2, axis=1) for new, old in zip(Z[:-1], W[:-1], strict=True)]
    return tuple(
        size + (new - old) ** 2 - 2 * psi.divergence(above, below)
        for size, new, old, psi, above, below in zip(
            moved, c, b, potentials, Z[1:], W[1:], strict=True
        )
    )


def _checked(
    weights: Sequence[ArrayLike],
    potentials: Sequence[Potential],
    biases: Sequence[ArrayLike] | None,
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    W = network_weights(weights, at_least=2)
    require_kind("potentials", potentials, (list, tuple), "one for each of W_2 ... W_L")
    for psi in potentials:
        require_kind("a potential", psi, Potential, "take it from rule_potential")
    if len(potentials) != len(W) - 1:
        raise ArrayError(
            f"potentials must list those of W_2 ... W_L: {len(W) - 1} for {len(W)} layers; got "
            f"{len(potentials)}"
        )
    if biases is None:
        return W, [np.zeros(len(w)) for w in W[:-1]]
    b = [real_array(f"b_{layer}", value, 1) for layer, value in enumerate(biases, start=1)]
    hidden = b[: len(W) - 1]  # output units have no law, so b_L plays no part
    if [len(v) for v in hidden] != [len(w) for w in W[:-1]]:
        raise ArrayError(
            f"biases must have the sizes {[len(w) for w in W[:-1]]} of the hidden layers; got "
            f"{[len(v) for v in b]}"
        )
    return W, hidden
