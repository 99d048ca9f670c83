"""A solution of the deep reduction along time."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import xarray as xr
from jaxtyping import Float

from fatheory.arrays import Covariance, TargetMap
from fatheory.errors import RegimeError
from fatheory.theory.deep_reduction.grams import DeepGrams, hidden_columns
from fatheory.theory.deep_reduction.state import layer_products
from fatheory.theory.labelled import labelled_solution


class DeepStart(NamedTuple):
    """The full matrices behind a reduced solution.

    Attributes
    ----------
    weights : tuple of arrays
        A_1 ... A_L, A_l of shape (n_l, n_{l-1}).
    feedback : tuple of arrays
        F_1 ... F_{L-1}, F_l of shape (n_l, n_L).
    """

    weights: tuple[np.ndarray, ...]
    feedback: tuple[np.ndarray, ...]


@dataclass(frozen=True, eq=False)
class DeepReducedSolution:
    """Deep linear feedback alignment along `times`, at a cost that knows no hidden width.

    Attributes
    ----------
    times : array of shape (time,)
        In units t = eta * step.
    Xi : tuple of arrays of shape (time, n_o, n_i + (l - 1) n_o)
        The unknowns of layers 1 ... L; NaN from `diverged_at` on.
    E : array of shape (time, n_o, n_i)
        The error map T - W_L ... W_1.
    shrink : array of shape (time,)
        What weight decay has left of the start weights; ones without decay.
    grams : DeepGrams
        Inner products over the hidden units.
    T, Sigma : arrays of shape (n_o, n_i) and (n_i, n_i)
        Target map and input second moment.
    method, rule : str
        Which function gave the answer, for which rule.
    start : DeepStart or None
        Full matrices at time 0; None where only inner products are known, as at infinite width.
    diverged_at : int
        Index of the first time that the solution does not reach, -1 if it reaches all.
    """

    times: Float[np.ndarray, " time"]
    Xi: tuple[Float[np.ndarray, "time n_o _"], ...]
    E: Float[np.ndarray, "time n_o n_i"]
    shrink: Float[np.ndarray, " time"]
    grams: DeepGrams
    T: TargetMap
    Sigma: Covariance
    method: str
    rule: str
    start: DeepStart | None = None
    diverged_at: int = -1

    def product(self) -> Float[np.ndarray, "time n_o n_i"]:
        """Compute the network's map W_L ... W_1, of shape (time, n_o, n_i)."""
        return layer_products(self.grams, self.Xi, self.shrink[:, None, None]).product

    def loss(self) -> Float[np.ndarray, " time"]:
        """Compute L = 1/2 tr(E Sigma E^T), of shape (time,), without the noise floor."""
        return 0.5 * np.sum((self.E @ self.Sigma) * self.E, axis=(-2, -1))

    def weights(self, times: slice = slice(None)) -> tuple[np.ndarray, ...]:
        """Rebuild W_1 ... W_L, W_l of shape (time, n_l, n_{l-1}), at all times or some.

        Raises
        ------
        RegimeError
            If the solution was found from inner products alone.
        """
        if self.start is None:
            raise RegimeError(
                f"the method {self.method!r} knows inner products over the hidden units, not the "
                f"weights; ask for Xi, E, product() or loss()"
            )
        A, F = self.start
        shrink = self.shrink[times, None, None]
        columns = hidden_columns(A, F)
        paths = (*F, np.eye(self.grams.n_o))
        return tuple(
            shrink * a + f @ (X[times] @ U.T)
            for a, f, X, U in zip(A, paths, self.Xi, columns, strict=True)
        )

    def dataset(self) -> xr.Dataset:
        """Return the full weights and the loss in the shape that `deep_flow` returns.

        Raises
        ------
        RegimeError
            As `weights`.
        """
        return labelled_solution(
            self.times,
            self.weights(),
            self.loss(),
            method=self.method,
            rule=self.rule,
            diverged_at=self.diverged_at,
        )
