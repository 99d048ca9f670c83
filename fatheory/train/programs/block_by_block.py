r"""Online learning block by block: one example at a time, at the speed of matrix products.

Over a block of k examples known in advance, the preactivations of the first layer at example t are

.. math:: a_t = \gamma^t W x_t + b + \eta \sum_{s < t} (\gamma^{t-1-s} x_s \cdot x_t + 1) d_s,
          \quad \gamma = 1 - \eta \lambda,

with W, b the weights and biases before the block, :math:`\lambda` the weight decay and d_s minus
the gradient with respect to a_s, known by then. (The 1 is that of the biases, which do not
decay.) So the large products, W X^T before and D^T X after the block, are taken for all its
examples at once, and every upper layer learns from one example after another under any rule. The
result is that of online SGD up to rounding.

The sum over s goes by levels: the rows of earlier inner blocks enter an inner block by one product,
and only those within the innermost one are added example by example.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from fatheory.networks import Parameters
from fatheory.train.ensemble import (
    Batches,
    Ensemble,
    RunConstants,
    flat_runs,
    for_all_runs,
    unflattened,
)
from fatheory.train.programs.first_layer import FirstLayer, left_after
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
    first_layer = FirstLayer(spec.lit_inputs)
    # Runs inside of blocks: the large products of all runs are one batched product.
    learn_all = jax.vmap(
        partial(_learn_block, spec, step_range.learning), in_axes=(0, 0, 0, 0, None, None)
    )

    def body(block: jax.Array, running: Ensemble) -> Ensemble:
        done = block * k
        # Rows beyond the end repeat the last example; nothing is learned from them.
        rows = jnp.minimum(done + jnp.arange(k), step_range.updates - 1)
        x, target = for_all_runs(batches.at(step_range.offset + rows), runs)
        W, X = running.parameters.weights[0], x[:, :, 0]
        count = jnp.minimum(k, step_range.updates - done)
        learned = learn_all(
            running,
            constants,
            first_layer.products(W, X),
            target[:, :, 0],
            step_range.first_step + done,
            count,
        )
        W = first_layer.updated(W, X, learned.change, learned.keep)
        return _with_first_weights(learned.ensemble, W)

    flat = flat_runs(ensemble)
    start = _with_first_weights(flat, first_layer.inside(flat.parameters.weights[0]))
    # The count is traced, so this is a while loop; `scan` would compile anew for every length.
    blocks = (step_range.updates + k - 1) // k
    end = jax.lax.fori_loop(0, blocks, body, start)
    W = first_layer.outside(end.parameters.weights[0])
    return unflattened(_with_first_weights(end, W), runs)


class _Learned(NamedTuple):
    """What a block leaves: all but the first layer's weights, and how these change."""

    ensemble: Ensemble
    change: Float[Array, "k n_1"]
    keep: Float[Array, ""]


class _Rows(NamedTuple):
    """Consecutive examples, and how the preactivations of the first layer come about at them."""

    start: Float[Array, "row n_1"]
    overlap: Float[Array, "row row"]
    targets: Float[Array, "row n_o"]
    first_step: Int[Array, ""]
    learned: Int[Array, ""]

    def part(self, begin: Int[Array, ""], length: int, D: Float[Array, "row n_1"]) -> "_Rows":
        """Return some of the rows, to which those before have added what D says."""
        rows = partial(jax.lax.dynamic_slice_in_dim, start_index=begin, slice_size=length)
        overlap = rows(self.overlap)
        return _Rows(
            rows(self.start) + overlap @ D,
            rows(overlap, axis=1),
            rows(self.targets),
            self.first_step + begin,
            jnp.clip(self.learned - begin, 0, length),
        )


_Upper = tuple[Parameters, Int[Array, ""]]
"""Parameters of the upper layers, and the first step whose loss was not finite."""


def _learn_block(
    spec: ProgramSpec,
    learning: Bool[Array, " layer"],
    network: Ensemble,
    fixed: RunConstants,
    products: tuple[jax.Array, jax.Array],
    targets: jax.Array,
    first_step: Int[Array, ""],
    count: Int[Array, ""],
) -> _Learned:
    """Let one network learn from the first `count` examples of a block, one after another."""
    parameters = network.parameters
    b = parameters.biases[0] if parameters.biases else None
    rate = jnp.where(learning[0], fixed.learning_rates, 0)
    keep = 1 - rate * spec.weight_decay
    start, overlap = _preactivations(*products, b, rate, keep)
    rows = _Rows(start, overlap, targets, first_step, count)
    before = parameters.upper, network.diverged_at
    D, (upper, lost_at) = _learn_rows(spec, learning, fixed, rows, spec.inner_blocks, before)
    # What example s added has decayed in the count - 1 - s steps since.
    position = jnp.arange(len(targets))
    left = jnp.where(position < count, left_after(keep, jnp.maximum(count - 1 - position, 0)), 0)
    b = None if b is None else b + rate * jnp.sum(D, axis=0)
    whole = upper.with_first_layer(parameters.weights[0], b, biased=bool(parameters.biases))
    ensemble = Ensemble(whole, network.optimizer_state, lost_at)
    return _Learned(ensemble, rate * left[:, None] * D, left_after(keep, count))


def _learn_rows(
    spec: ProgramSpec,
    learning: Bool[Array, " layer"],
    fixed: RunConstants,
    rows: _Rows,
    inner: tuple[int, ...],
    before: _Upper,
) -> tuple[Float[Array, "row n_1"], _Upper]:
    """Return minus the gradients by the first layer's preactivations, and what was learned above.

    Parameters
    ----------
    rows : _Rows
        The examples.
    inner : tuple of int
        Lengths of the blocks within, each a divisor of the one before; empty for one by one.
    before : pair
        What the upper layers were.
    """

    def learn_one(t: jax.Array, state: tuple[jax.Array, _Upper]) -> tuple[jax.Array, _Upper]:
        D, (upper, lost_at) = state
        # By the number of the step: noisy rules draw the same in blocks and step by step.
        key = step_key(fixed.root_seeds, fixed.seeds, rows.first_step + t)
        preactivations = (rows.start[t] + rows.overlap[t] @ D)[None]
        gradients = spec.learner.step(
            upper, fixed.states, preactivations, rows.targets[t][None], key
        )
        gradient = connected_gradient(gradients.upper, fixed)
        # Without momentum the update remembers nothing.
        tau, _ = spec.direction.update(gradient, spec.direction.init(upper), upper)
        moved = descend(upper, tau, fixed.learning_rates, learning[1:])
        lost_at = first_loss(lost_at, gradients.loss, rows.first_step + t)
        return D.at[t].set(-gradients.first[0]), (moved, lost_at)

    def learn_part(i: jax.Array, state: tuple[jax.Array, _Upper]) -> tuple[jax.Array, _Upper]:
        D, upper = state
        begin, length = i * inner[0], inner[0]
        part = rows.part(begin, length, D)
        learned, upper = _learn_rows(spec, learning, fixed, part, inner[1:], upper)
        return jax.lax.dynamic_update_slice_in_dim(D, learned, begin, 0), upper

    # Rows still to come have no overlap either, so the products need no mask.
    state = jnp.zeros_like(rows.start), before
    if not inner:
        return jax.lax.fori_loop(0, rows.learned, learn_one, state)
    parts = (rows.learned + inner[0] - 1) // inner[0]
    return jax.lax.fori_loop(0, parts, learn_part, state)


def _preactivations(
    XW: Float[Array, "k n_1"],
    XX: Float[Array, "k k"],
    b: Float[Array, " n_1"] | None,
    rate: Float[Array, ""],
    keep: Float[Array, ""],
) -> tuple[Float[Array, "k n_1"], Float[Array, "k k"]]:
    """Return the preactivations before a block, and what each example adds to later ones."""
    position = jnp.arange(len(XX))
    lag = position[:, None] - 1 - position[None]
    of_weights = left_after(keep, jnp.maximum(lag, 0)) * XX
    overlap = rate * jnp.where(lag >= 0, of_weights + (0.0 if b is None else 1.0), 0)
    start = left_after(keep, position[:, None]) * XW
    return (start if b is None else start + b[None]), overlap


def _with_first_weights(ensemble: Ensemble, W: jax.Array) -> Ensemble:
    parameters = ensemble.parameters
    weights = (W, *parameters.weights[1:])
    return ensemble._replace(parameters=parameters._replace(weights=weights))
