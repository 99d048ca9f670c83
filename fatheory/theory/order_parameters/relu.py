r"""Gaussian averages of rectified linear units, g(u) = max(u, 0).

In closed form but for the probability that four fields are positive, which needs one quadrature.
With correlations :math:`r` and :math:`D = 1 - r^2`, integration by parts gives for unit variances

.. math::

    E\,\theta_i \theta_k a^+ b^+ = r_{ab} P_4 + \frac{1}{2\pi} \Big[ g_{ab}\sqrt{D_{ab}}
    + r_{ib} g_{ia} \sqrt{D_{ia}} + r_{kb} g_{ka} \sqrt{D_{ka}} + r_{ia} g_{ib} \sqrt{D_{ib}}
    + r_{ka} g_{kb} \sqrt{D_{kb}} + g_{ik} N_{ik} / \sqrt{D_{ik}} \Big],

:math:`N_{ik} = r_{ia} r_{kb} + r_{ka} r_{ib} - r_{ik} (r_{ia} r_{ib} + r_{ka} r_{kb})`, and
:math:`g_{cd}` the probability that the other two fields are positive where c and d vanish.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from fatheory.theory.order_parameters.integrals import FieldCovariance
from fatheory.theory.order_parameters.orthant import (
    PAIRS,
    both_positive_given,
    four_positive,
    three_positive,
)


class ReluIntegrals:
    """Averages of max(u, 0), with theta(u) for its slope.

    References
    ----------
    I2, J2: Cho & Saul 2009, NeurIPS. I4: derived for this project.
    """

    name = "relu"

    def value(self, u: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        """Return max(u, 0)."""
        return np.maximum(u, 0.0)

    def slope(self, u: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        """Return 1 for positive u and 0 for others."""
        return np.where(u > 0, 1.0, 0.0)

    def products(self, C: FieldCovariance) -> Float[np.ndarray, "*batch n n"]:
        """Return [sqrt(C_aa C_bb - C_ab^2) + C_ab (pi/2 + asin r_ab)] / (2 pi)."""
        r, s = _correlations(C)
        table = np.sqrt(_D(r)) + r * (np.pi / 2 + np.arcsin(r))
        return s[..., :, None] * s[..., None, :] * table / (2 * np.pi)

    def slopes(self, C: FieldCovariance, K: int) -> Float[np.ndarray, "*batch K n"]:
        """Return 1/4 + asin(r_ia) / (2 pi)."""
        r, _ = _correlations(C)
        return 0.25 + np.arcsin(r[..., :K, :]) / (2 * np.pi)

    def curvatures(self, C: FieldCovariance, K: int) -> Float[np.ndarray, "*batch K n"]:
        """Return E delta(u_i) u_a^+ = sqrt(C_aa D_ia / C_ii) / (2 pi)."""
        r, s = _correlations(C)
        inverse = np.where(s > 0, 1 / np.where(s > 0, s, 1.0), 0.0)
        root = np.sqrt(_D(r[..., :K, :]))
        return s[..., None, :] * inverse[..., :K, None] * root / (2 * np.pi)

    def quadruples(self, C: FieldCovariance, K: int) -> Float[np.ndarray, "*batch K K n n"]:
        """Return E theta_i theta_k a^+ b^+, with the quadrature where all four are distinct."""
        r, s = _correlations(C)
        n = C.shape[-1]
        table = np.empty((*C.shape[:-2], K, K, n, n))
        single = _one_gate(r, K)
        own = np.arange(K)
        table[..., own, own, :, :] = single
        if K > 1:
            at_entries = _entry_indices(K, n)
            # a is one of i, k: its own gate changes nothing, and the other one's is left.
            for gate, other in ((at_entries.i, at_entries.k), (at_entries.k, at_entries.i)):
                rows = single[..., other, gate, :]
                table[..., at_entries.i, at_entries.k, gate, :] = rows
                table[..., at_entries.i, at_entries.k, :, gate] = np.moveaxis(rows, -2, 0)
            i, k, a = at_entries.squares
            table[..., i, k, a, a] = _two_gates_squared(r, i, k, a)
            i, k, a, b = at_entries.distinct
            if len(i):
                values = _four_distinct(r, at_entries)
                table[..., i, k, a, b] = values
                table[..., i, k, b, a] = values
            table[..., at_entries.k, at_entries.i, :, :] = table[
                ..., at_entries.i, at_entries.k, :, :
            ]
        return table * (s[..., :, None] * s[..., None, :])[..., None, None, :, :]


class _EntryIndices(NamedTuple):
    """Where the entries of I4 with i < k lie.

    Attributes
    ----------
    i, k : arrays
        The pairs.
    squares : tuple of arrays
        i, k, a with a = b none of i, k.
    distinct : tuple of arrays
        i, k, a, b with a < b, all distinct.
    sets : array of shape (set, 4)
        The sets of four among them.
    of_set : array
        Which set each distinct entry is of.
    pairs : array of shape (d, 6)
        Where the pairs ik, ia, ib, ka, kb, ab of the entry lie among `PAIRS` of its set.
    """

    i: Int[np.ndarray, " p"]
    k: Int[np.ndarray, " p"]
    squares: tuple[Int[np.ndarray, " q"], ...]
    distinct: tuple[Int[np.ndarray, " d"], ...]
    sets: Int[np.ndarray, "set 4"]
    of_set: Int[np.ndarray, " d"]
    pairs: Int[np.ndarray, "d 6"]


@cache
def _entry_indices(K: int, n: int) -> _EntryIndices:
    pairs = [(i, k) for i in range(K) for k in range(i + 1, K)]
    squares = [(i, k, a) for i, k in pairs for a in range(n) if a not in (i, k)]
    distinct = [
        (i, k, a, b)
        for i, k in pairs
        for a in range(n)
        for b in range(a + 1, n)
        if not {a, b} & {i, k}
    ]
    # By sets: the quadrature is dear, and its probability does not depend on the order of the four.
    sets = sorted({tuple(sorted(four)) for four in distinct})
    number = {four: index for index, four in enumerate(sets)}
    i, k = np.array(pairs).T
    return _EntryIndices(
        i,
        k,
        tuple(np.array(squares, dtype=int).reshape(-1, 3).T),
        tuple(np.array(distinct, dtype=int).reshape(-1, 4).T),
        np.array(sets, dtype=int).reshape(-1, 4),
        np.array([number[tuple(sorted(four))] for four in distinct], dtype=int),
        np.array([_pairs_in_set(four) for four in distinct], dtype=int).reshape(-1, 6),
    )


def _pairs_in_set(four: tuple[int, ...]) -> list[int]:
    """Return where the pairs of (i, k, a, b), in the order of `PAIRS`, lie in the sorted set."""
    rank = {field: place for place, field in enumerate(sorted(four))}
    ordered = [rank[field] for field in four]
    among = {frozenset(pair): place for place, pair in enumerate(PAIRS)}
    return [among[frozenset((ordered[c], ordered[d]))] for c, d in PAIRS]


def _correlations(
    C: FieldCovariance,
) -> tuple[FieldCovariance, Float[np.ndarray, "*batch n"]]:
    """Return correlations and standard deviations; a field that is zero correlates with none."""
    s = np.sqrt(np.diagonal(C, axis1=-2, axis2=-1))
    inverse = np.where(s > 0, 1 / np.where(s > 0, s, 1.0), 0.0)
    # Rounding may carry a correlation past 1, where the arcsine is NaN.
    r = np.clip(C * inverse[..., :, None] * inverse[..., None, :], -1.0, 1.0)
    own = np.arange(C.shape[-1])
    r[..., own, own] = 1.0
    return r, s


def _D(r: np.ndarray) -> np.ndarray:
    # As a product: 1 - r^2 cancels near |r| = 1.
    return (1 - r) * (1 + r)


def _over_root(numerator: np.ndarray, D: np.ndarray) -> np.ndarray:
    """Return numerator / sqrt(D), 0 where D vanishes: the numerators here are of order D."""
    return np.where(D > 0, numerator / np.sqrt(np.where(D > 0, D, 1.0)), 0.0)


def _one_gate(r: FieldCovariance, K: int) -> Float[np.ndarray, "*batch K n n"]:
    """Return E theta_c a^+ b^+ for unit variances.

    r_ab P_3 + [sqrt(D_ab) + r_cb sqrt(D_ca) + r_ca sqrt(D_cb)] / (4 pi), and, where the formula
    has a gate whose own field is rectified, E a^+ b^+ or the average of (a^+)^2.
    """
    n = r.shape[-1]
    rc, root = r[..., :K, :], np.sqrt(_D(r))
    rooted = root[..., :K, :]
    P3 = three_positive(rc[..., :, None], rc[..., None, :], r[..., None, :, :])
    edges = (
        root[..., None, :, :]
        + rc[..., None, :] * rooted[..., :, None]
        + rc[..., :, None] * rooted[..., None, :]
    )
    table = r[..., None, :, :] * P3 + edges / (4 * np.pi)
    c, a = np.arange(K), np.arange(n)
    # a = b: E theta_c (a^+)^2.
    table[..., a, a] = 0.25 + (np.arcsin(rc) + rc * rooted) / (2 * np.pi)
    # c among a, b: its gate changes nothing.
    free = (rooted + rc * (np.pi / 2 + np.arcsin(rc))) / (2 * np.pi)
    table[..., c, c, :] = free
    table[..., c, :, c] = np.moveaxis(free, -2, 0)
    return table


def _two_gates_squared(
    r: FieldCovariance,
    i: Int[np.ndarray, " q"],
    k: Int[np.ndarray, " q"],
    a: Int[np.ndarray, " q"],
) -> Float[np.ndarray, "*batch q"]:
    """Return E theta_i theta_k (a^+)^2 for unit variances, i, k, a distinct."""
    ri, rk, rik = r[..., i, a], r[..., k, a], r[..., i, k]
    numerator = 2 * ri * rk - rik * (ri**2 + rk**2)
    edges = ri * np.sqrt(_D(ri)) + rk * np.sqrt(_D(rk)) + _over_root(numerator, _D(rik))
    return three_positive(rik, ri, rk) + edges / (4 * np.pi)


def _four_distinct(r: FieldCovariance, at_entries: _EntryIndices) -> Float[np.ndarray, "*batch d"]:
    """Return E theta_i theta_k a^+ b^+ for unit variances and distinct fields."""
    c, d = np.array(PAIRS).T
    of_sets = r[..., at_entries.sets[:, c], at_entries.sets[:, d]]
    P4 = four_positive(of_sets)[..., at_entries.of_set]
    # Of each entry, from its set: the pairs ik, ia, ib, ka, kb, ab.
    at = (..., at_entries.of_set[:, None], at_entries.pairs)
    D = _D(of_sets)
    ik, ia, ib, ka, kb, ab = np.moveaxis(of_sets[at], -1, 0)
    D_ik = D[..., at_entries.of_set, at_entries.pairs[:, 0]]
    g = both_positive_given(of_sets)
    g_ik = g[..., at_entries.of_set, at_entries.pairs[:, 0]]
    _, g_ia, g_ib, g_ka, g_kb, g_ab = np.moveaxis((g * np.sqrt(D))[at], -1, 0)
    numerator = ia * kb + ka * ib - ik * (ia * ib + ka * kb)
    edges = (
        g_ab + ib * g_ia + kb * g_ka + ia * g_ib + ka * g_kb + g_ik * _over_root(numerator, D_ik)
    )
    return ab * P4 + edges / (2 * np.pi)
