r"""Online learning block by block: one example at a time, at the speed of matrix products.

Over a block of k examples known in advance, the preactivations of the first layer at example t are

.. math:: a_t = \gamma^t W x_t + b + \eta \sum_{s < t} (\gamma^{t-1-s} x_s \cdot x_t + 1) d_s,
          \quad \gamma = 1 - \eta \lambda,

with W, b the weights and biases before the block, :math:`\lambda` the weight decay and d_s minus
the gradient with respect to a_s, known by then. (The 1 is that of the biases, which do not
decay.) So the large products, W X^T before and D^T X after the block, are taken for all its
examples at once, and every upper layer learns from one example after another under any rule. The
result is that of online SGD up to rounding.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from fatheory.train.ensemble import (
    Batches,
    Ensemble,
    RunConstants,
    flat_runs,
    for_all_runs,
    unflattened,
)
from fatheory.train.programs.step_by_step import (
    ProgramSpec,
    StepRange,
    connected_gradient,
    descend,
    first_loss,
)
from fatheory.train.sampler import step_key


@partial(jax.jit, static_argnames="spec", donate_argnums=0)
def advance_online(
    ensemble: Ensemble,
    fixed: RunConstants,
    batches: Batches,
    step_range: StepRange,
    *,
    spec: ProgramSpec,
) -> Ensemble:
    """Carry out a range of updates from one example each, block by block.

    The update has no momentum, and no connection of the first layer is missing.
    """
    runs = ensemble.diverged_at.shape
    constants, k = flat_runs(fixed), spec.block
    # Runs inside of blocks: the large products of all runs are one batched product.
    learn_all = jax.vmap(
        partial(_learn_block, spec, step_range.learning), in_axes=(0, 0, 0, None, None)
    )

    def body(block: jax.Array, running: Ensemble) -> Ensemble:
        done = block * k
        # Rows beyond the end repeat the last example; nothing is learned from them.
        rows = jnp.minimum(done + jnp.arange(k), step_range.updates - 1)
        x, target = for_all_runs(batches.at(step_range.offset + rows), runs)
        examples = x[:, :, 0], target[:, :, 0]
        count = jnp.minimum(k, step_range.updates - done)
        return learn_all(running, constants, examples, step_range.first_step + done, count)

    # The count is traced, so this is a while loop; `scan` would compile anew for every length.
    blocks = (step_range.updates + k - 1) // k
    return unflattened(jax.lax.fori_loop(0, blocks, body, flat_runs(ensemble)), runs)


class _BlockPreactivations(NamedTuple):
    """How the preactivations of the first layer come about within a block."""

    start: Float[Array, "k n_1"]
    overlap: Float[Array, "k k"]

    def at(self, t: Int[Array, ""], D: Float[Array, "k n_1"]) -> Float[Array, "1 n_1"]:
        """Return the preactivations at example t, from minus the gradients of the earlier ones."""
        return (self.start[t] + self.overlap[t] @ D)[None]


def _learn_block(
    spec: ProgramSpec,
    learning: Bool[Array, " layer"],
    network: Ensemble,
    fixed: RunConstants,
    examples: tuple[jax.Array, jax.Array],
    first_step: Int[Array, ""],
    count: Int[Array, ""],
) -> Ensemble:
    """Let one network learn from the first `count` examples of a block, one after another."""
    (X, targets), parameters = examples, network.parameters
    W, b = parameters.weights[0], parameters.biases[0] if parameters.biases else None
    k = len(X)
    rate = jnp.where(learning[0], fixed.learning_rates, 0)
    keep = 1 - rate * spec.weight_decay
    position = jnp.arange(k)
    preactivations = _block_preactivations(W, b, X, rate, keep)

    def learn(t: jax.Array, state: tuple) -> tuple:
        D, upper, lost_at = state
        # By the number of the step: noisy rules draw the same in blocks and step by step.
        key = step_key(fixed.root_seeds, fixed.seeds, first_step + t)
        gradients = spec.learner.step(
            upper, fixed.states, preactivations.at(t, D), targets[t][None], key
        )
        gradient = connected_gradient(gradients.upper, fixed)
        # Without momentum the update remembers nothing.
        tau, _ = spec.direction.update(gradient, spec.direction.init(upper), upper)
        upper = descend(upper, tau, fixed.learning_rates, learning[1:])
        return (
            D.at[t].set(-gradients.first[0]),
            upper,
            first_loss(lost_at, gradients.loss, first_step + t),
        )

    # Rows still to come have no overlap either, so the products need no mask.
    D = jnp.zeros((k, len(W)), W.dtype)
    start = (D, parameters.upper, network.diverged_at)
    D, upper, lost_at = jax.lax.fori_loop(0, count, learn, start)
    # What example s added has decayed in the count - 1 - s steps since.
    left = jnp.where(position < count, _left_after(keep, jnp.maximum(count - 1 - position, 0)), 0)
    W = _left_after(keep, count) * W + (rate * left[:, None] * D).T @ X
    b = None if b is None else b + rate * jnp.sum(D, axis=0)
    biased = bool(parameters.biases)
    return Ensemble(upper.with_first_layer(W, b, biased=biased), network.optimizer_state, lost_at)


def _block_preactivations(
    W: Float[Array, "n_1 n_i"],
    b: Float[Array, " n_1"] | None,
    X: Float[Array, "k n_i"],
    rate: Float[Array, ""],
    keep: Float[Array, ""],
) -> _BlockPreactivations:
    """Take the products that all examples of a block share."""
    position = jnp.arange(len(X))
    lag = position[:, None] - 1 - position[None]
    of_weights = _left_after(keep, jnp.maximum(lag, 0)) * (X @ X.T)
    overlap = rate * jnp.where(lag >= 0, of_weights + (0.0 if b is None else 1.0), 0)
    start = _left_after(keep, position[:, None]) * (X @ W.T)
    return _BlockPreactivations(start if b is None else start + b[None], overlap)


def _left_after(keep: Float[Array, ""], steps: Int[Array, "..."]) -> Float[Array, "..."]:
    """Return keep^steps, the share of the weights that decay leaves after so many steps."""
    # Cast by hand: an exponent of another precision would take the weights' along.
    return keep ** steps.astype(keep.dtype)
