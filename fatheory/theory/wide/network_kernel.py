r"""The lazy kernel of a given start: a wide network in its own scaling, under its own rule.

A layer of n_{l-1} inputs adds to the kernel

.. math:: (n_{l-1}\, \Phi^{l-1} + \beta) \circ \prod_{m \ge l} n_m\, c_{m+1}\, \dot\Phi^m,

with c_{m+1} the mean product of a forward weight and the feedback weight that stands in for it, and
beta = 1 where the layer has biases: these are weights of one more input that is always 1. So a
start enters through the mean squares of its weights and biases, which make Phi, and through these
mean products, all averaged over the entries that were drawn: any distribution of weights and
feedback, and any layered rule, without algebra of its own.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from fatheory.theory.wide.input_covariances import Kernel, input_covariances
from fatheory.theory.wide.unit_function import UnitFunction


def network_kernel(
    X: Float[np.ndarray, "point n_i"],
    other: Float[np.ndarray, "other n_i"],
    weights: Sequence[Float[np.ndarray, "_ _"]],
    backward: Sequence[Float[np.ndarray, "_ _"] | None],
    function: UnitFunction,
    biases: Sequence[Float[np.ndarray, " _"]] = (),
) -> Kernel:
    """Compute the kernel with which steps on points `other` move the outputs at points X.

    Parameters
    ----------
    X, other : arrays of shape (point, n_i) and (other, n_i)
        Inputs.
    weights : sequence of arrays
        Start W_1 ... W_L, W_l of shape (n_l, n_{l-1}).
    backward : sequence of arrays or None
        V_2 ... V_L of the shapes of W_2 ... W_L, what stands in for them; None where nothing does.
    function : UnitFunction
        Of the hidden units.
    biases : sequence of arrays
        Start b_1 ... b_L, b_l of shape (n_l,), which learn at the rate of the weights; empty for a
        network without biases.

    Returns
    -------
    array of shape (point, other)
        f(X) moves by (eta / batch) K e in a step.
    """
    return of_rule(network_terms(X, other, weights, function, biases), weights, backward)


def network_terms(
    X: Float[np.ndarray, "point n_i"],
    other: Float[np.ndarray, "other n_i"],
    weights: Sequence[Float[np.ndarray, "_ _"]],
    function: UnitFunction,
    biases: Sequence[Float[np.ndarray, " _"]] = (),
) -> list[Kernel]:
    """Compute what every layer adds to the kernel but for the rule, from the output downward.

    Parameters
    ----------
    X, other, weights, function, biases
        As of `network_kernel`.

    Returns
    -------
    list of arrays of shape (point, other)
        Of layers L ... 1; `of_rule` sums them up for a rule.
    """
    # One of them twice, where points meet themselves: their variances are then exact.
    shifts, own = bias_variances(weights, biases), float(bool(biases))
    C = input_covariances(X, None if other is X else other, _mean_square(weights[0]), shifts[0])
    # n Phi + 1 of what each layer receives; Phi is its covariance per unit.
    received, slopes = [X @ other.T + own], []
    for W, shift in zip(weights[1:], shifts[1:], strict=True):
        size = W.shape[1] * _mean_square(W)
        pairs = C.left[:, None], C.right[None], C.between
        slopes.append(function.slope_average(*pairs)[0])
        activity = function.activity_average(*pairs)[0]
        left, right = (size * function.activity_average(v, v, v)[0] for v in (C.left, C.right))
        received.append(W.shape[1] * activity + own)
        C = C.next(size * activity + shift, left + shift, right + shift)
    terms, path = [received[-1]], np.ones_like(received[0])
    # From the output downward: what reaches a layer has passed every layer above it.
    for slope, below in zip(slopes[::-1], received[-2::-1], strict=True):
        path = path * slope
        terms.append(below * path)
    return terms


def of_rule(
    terms: Sequence[Kernel],
    weights: Sequence[Float[np.ndarray, "_ _"]],
    backward: Sequence[Float[np.ndarray, "_ _"] | None],
) -> Kernel:
    """Sum up `network_terms` for what a rule sends back; arguments as of `network_kernel`."""
    total, passed = terms[0], 1.0
    for W, V, term in zip(weights[:0:-1], backward[::-1], terms[1:], strict=True):
        passed *= 0.0 if V is None else W.shape[1] * float(np.mean(W * V))
        if passed:
            total = total + passed * term
    return total


def network_outputs(
    X: Float[np.ndarray, "point n_i"],
    weights: Sequence[Float[np.ndarray, "_ _"]],
    function: UnitFunction,
    biases: Sequence[Float[np.ndarray, " _"]] = (),
) -> Float[np.ndarray, "point unit"]:
    """Return what the network answers at its start."""
    h, shifts = X, biases or [np.zeros(len(W)) for W in weights]
    for W, b in zip(weights[:-1], shifts[:-1], strict=True):
        h = function.value(h @ W.T + b)
    return h @ weights[-1].T + shifts[-1]


def bias_variances(
    weights: Sequence[Float[np.ndarray, "_ _"]], biases: Sequence[Float[np.ndarray, " _"]]
) -> list[float]:
    """Return what the start of the biases adds to the covariances of each layer's preactivations.

    It is that of a mean of zero, as descriptions draw them.
    """
    return [_mean_square(b) for b in biases] if biases else [0.0] * len(weights)


def _mean_square(W: np.ndarray) -> float:
    return float(np.mean(W**2))
