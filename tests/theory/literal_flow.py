"""The gradient flow written out plainly, a second time, for the tests: no shared code, any rule."""

import numpy as np
from scipy.integrate import solve_ivp

DRAWN = ("feedback_alignment", "rndf", "orthogonal_feedback", "fixed_feedback", "frsf")
"""Rules with a state that is random and fixed: they need B."""


def stand_in(rule, W, B):
    """Return V, what the rule puts in the place of W; B is of the shape of W transposed."""
    return {
        "backprop": lambda: W,
        "node_perturbation": lambda: W,  # in the mean
        "shallow": lambda: np.zeros_like(W),
        "feedback_alignment": lambda: B.T,
        "rndf": lambda: B.T,
        "orthogonal_feedback": lambda: B.T,
        "fixed_feedback": lambda: B.T,
        "usf": lambda: np.sign(W),
        "brsf": lambda: np.sign(W) / 2,  # magnitudes uniform in [0, 1], in the mean
        "frsf": lambda: B.T * np.sign(W),
        "pseudobackprop": lambda: np.linalg.pinv(W).T,
    }[rule]()


KNOWN = (
    *DRAWN,
    "backprop",
    "node_perturbation",
    "shallow",
    "usf",
    "brsf",
    "pseudobackprop",
)


def velocity(rule, weights, Bs, T, Sigma, frozen=()):
    """Return dW_1 ... dW_L; Bs are B_2 ... B_L, or F_1 ... F_{L-1} for direct feedback."""
    depth = len(weights)
    product = np.eye(T.shape[1])
    activity = [product]
    for W in weights:
        product = W @ product
        activity.append(product)
    error = (T - product) @ Sigma
    signals = [None] * depth
    signals[-1] = error
    for layer in range(depth - 2, -1, -1):
        if rule == "direct_feedback_alignment":
            signals[layer] = Bs[layer] @ error
        else:
            V = stand_in(rule, weights[layer + 1], None if Bs is None else Bs[layer])
            signals[layer] = V.T @ signals[layer + 1]
    return [
        np.zeros_like(weights[layer]) if layer + 1 in frozen else signals[layer] @ activity[layer].T
        for layer in range(depth)
    ]


def integrated(rule, weights, Bs, T, Sigma, times, phases=()):
    """Return W_1 ... W_L at all times, by SciPy's DOP853 at tight tolerances."""
    Sigma = np.eye(T.shape[1]) if Sigma is None else Sigma
    phases = phases or [(max(times), ())]
    shapes = [W.shape for W in weights]
    cuts = np.cumsum([W.size for W in weights])[:-1]

    def apart(flat):
        parts = np.split(flat, cuts)
        return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]

    rows, begin, state = [], 0.0, np.concatenate([W.ravel() for W in weights])
    for duration, frozen in phases:

        def slope(t, flat, frozen=frozen):
            moved = velocity(rule, apart(flat), Bs, T, Sigma, frozen)
            return np.concatenate([W.ravel() for W in moved])

        end = begin + duration
        inside = [t for t in times if begin < t <= end or t == begin == 0]
        stops = [t for t in inside if t < end] + [end]
        path = solve_ivp(slope, (begin, end), state, "DOP853", stops, rtol=1e-11, atol=1e-13)
        rows += list(path.y.T[: len(inside)])
        state, begin = path.y[:, -1], end
    layers = zip(*map(apart, rows), strict=True)
    return [np.array(layer) for layer in layers]


def loss_of(weights, T, Sigma):
    """Return 1/2 tr(E Sigma E^T) at every time."""
    Sigma = np.eye(T.shape[1]) if Sigma is None else Sigma
    values = []
    for at in zip(*weights, strict=True):
        product = np.eye(T.shape[1])
        for W in at:
            product = W @ product
        values.append(0.5 * np.trace((T - product) @ Sigma @ (T - product).T))
    return np.array(values)
