"""Lazy kernels pair by pair, by plain quadrature: nothing of fatheory's is in them."""

import math

import numpy as np

NODES = np.polynomial.legendre.leggauss(120)
REACH = 9.0
FUNCTIONS = {
    "relu": (lambda u: np.maximum(u, 0.0), lambda u: (u > 0) * 1.0),
    "tanh": (np.tanh, lambda u: 1 / np.cosh(u) ** 2),
    "erf": (
        np.vectorize(lambda u: math.erf(u / math.sqrt(2))),
        lambda u: math.sqrt(2 / math.pi) * np.exp(-(u**2) / 2),
    ),
}


def halves(split):
    """Nodes and weights on [-9, 9], cut at `split`, where a kink costs no order."""
    z, w = NODES
    split = np.clip(split, -REACH, REACH)
    ends = (((split - REACH) / 2, (split + REACH) / 2), ((split + REACH) / 2, (REACH - split) / 2))
    (middle, half), (middle2, half2) = ends
    nodes = np.concatenate([middle + half * z, middle2 + half2 * z])
    return nodes, np.concatenate([half * w, half2 * w])


def normal(x):
    return np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)


def average(f, a, b, c):
    """E f(u) f(v) of a pair of variances a, b and covariance c."""
    rho = c / math.sqrt(a * b)
    x, wx = halves(0.0)
    if abs(rho) > 1 - 1e-12:
        u, v = math.sqrt(a) * x, math.copysign(math.sqrt(b), rho) * x
        return float(np.sum(wx * normal(x) * f(u) * f(v)))
    side, total = math.sqrt(1 - rho**2), 0.0
    for node, weight in zip(x, wx, strict=True):
        t, wt = halves(-rho * node / side)
        v = math.sqrt(b) * (rho * node + side * t)
        inner = np.sum(wt * normal(t) * f(v))
        total += weight * normal(node) * f(np.array(math.sqrt(a) * node)) * inner
    return float(total)


def plain_terms(X, activation, L, bias_scale=0.0):
    """M_0 ... M_L between all points, as sums over layers written out."""
    f, slope = FUNCTIONS[activation]
    P = len(X)
    C = X @ X.T / X.shape[1] + bias_scale**2
    layers, slopes = [C], []
    for _ in range(L):
        above, dotted = np.empty((P, P)), np.empty((P, P))
        for i in range(P):
            for j in range(i, P):
                pair = C[i, i], C[j, j], C[i, j]
                above[i, j] = above[j, i] = average(f, *pair) + bias_scale**2
                dotted[i, j] = dotted[j, i] = average(slope, *pair)
        C = above
        layers.append(C)
        slopes.append(dotted)
    terms = []
    for k in range(L + 1):
        M = layers[L - k]
        for dotted in slopes[L - k :]:
            M = M * dotted
        terms.append(M)
    return terms
