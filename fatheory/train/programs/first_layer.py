"""The products of the first layer over a block of online examples, with or without dark inputs.

Inputs that are zero in all examples of a block have no part in its products. Where their columns
are left out, the weights stand transposed for the time of a program: rows are copied at the speed
of memory, columns one number at a time.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

Weights = Float[Array, "run _ _"]
"""Of the axes (run, unit_1, unit_0), or transposed inside of a program."""


class FirstLayer(NamedTuple):
    """How the weights of the first layer of all runs take part in blocks.

    Attributes
    ----------
    lit_inputs : int
        Columns that take part in the products of a block whose other inputs are zero; a block in
        which more are lit takes all. 0 where always all do, and nobody looks.
    """

    lit_inputs: int

    def inside(self, W: Weights) -> Weights:
        """Return the weights as the program's blocks have them."""
        return jnp.swapaxes(W, 1, 2) if self.lit_inputs else W

    def outside(self, W: Weights) -> Weights:
        """Return the weights as everybody else has them, of the axes (run, unit_1, unit_0)."""
        return self.inside(W)

    def products(
        self, W: Weights, X: Float[Array, "run k n_i"]
    ) -> tuple[Float[Array, "run k n_1"], Float[Array, "run k k"]]:
        """Return X W^T and X X^T of all runs."""
        if not self.lit_inputs:
            return X @ W.mT, X @ X.mT

        def of_run(run: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
            W, X = run
            few, columns = self._lit(X)

            def without_dark() -> tuple[jax.Array, jax.Array]:
                x = _taken(X.T, columns).T
                return x @ _taken(W, columns), x @ x.T

            return jax.lax.cond(few, without_dark, lambda: (X @ W, X @ X.T))

        return jax.lax.map(of_run, (W, X))

    def updated(
        self,
        W: Weights,
        X: Float[Array, "run k n_i"],
        change: Float[Array, "run k n_1"],
        keep: Float[Array, " run"],
    ) -> Weights:
        """Return keep W + change^T X of all runs."""
        if not self.lit_inputs:
            return keep[:, None, None] * W + change.mT @ X

        def of_run(run: tuple[jax.Array, ...]) -> jax.Array:
            W, X, change, keep = run
            few, columns = self._lit(X)

            def without_dark() -> jax.Array:
                product = _taken(X.T, columns) @ change
                return (
                    (keep * W)
                    .at[columns]
                    .add(product, mode="promise_in_bounds", unique_indices=True)
                )

            return jax.lax.cond(few, without_dark, lambda: keep * W + X.T @ change)

        return jax.lax.map(of_run, (W, X, change, keep))

    def _lit(self, X: Float[Array, "k n_i"]) -> tuple[Bool[Array, ""], Int[Array, " lit"]]:
        """Return whether few inputs are lit, and as many columns, all lit ones among them."""
        lit = jnp.any(X != 0, axis=0)
        # Stable, so that the columns which fill up are always the same.
        columns = jnp.argsort(~lit, stable=True)[: self.lit_inputs]
        return jnp.sum(lit) <= self.lit_inputs, columns


def left_after(keep: Float[Array, "..."], steps: Int[Array, "..."]) -> Float[Array, "..."]:
    """Return keep^steps, the share of the weights that decay leaves after so many steps."""
    # Cast by hand: an exponent of another precision would take the weights' along.
    return keep ** steps.astype(keep.dtype)


def _taken(A: Float[Array, "row _"], rows: Int[Array, " some"]) -> Float[Array, "some _"]:
    return A.at[rows].get(mode="promise_in_bounds", unique_indices=True)
