r"""A block of time steps in which a spiking network learns at every one of them.

Reading and writing every weight in every time step would be most of the work. Over a block of k
time steps, the t-th of which sees the activities s_t below a layer and yields the modulators d_t
behind it, the weights are

.. math:: W_t = \kappa_t \Big(W_0 + \sum_{r < t} \frac{\eta_r}{\kappa_{r+1}}\, d_r s_r^T\Big),

with W_0 those before the block, :math:`\kappa_t` what decay leaves of them up to step t, and a mean
over streams understood. So W_t s is W_0 s and a sum of scalar products s_r . s times known vectors:
weights change once a block, by one product, and in between every step reads them once. Where errors
return through the transposed weights they do so by the same formula with the sides exchanged.
Input spikes do not depend on the network, so the first layer's products are taken for all steps at
once. A bias is the weight of a neuron that is always active. The result is that of k single steps,
up to rounding.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from fatheory.networks import Layers, Parameters
from fatheory.networks.spiking import (
    Neuron,
    Potentials,
    feedback_step,
    forward_step,
    modulators,
)

Activities = tuple[Float[Array, "stream _"], ...]


class BlockInputs(NamedTuple):
    """What happens to a network in the time steps of a block, whatever the network does.

    Attributes
    ----------
    spikes : array of shape (k, stream, unit_0)
        Input spikes.
    target : array of shape (k, stream, unit_L)
        y* of the output neurons.
    uniforms : tuple of arrays of shape (k, stream, unit_l)
        Numbers that decide on the spikes of layers 1 to L.
    """

    spikes: Float[Array, "k stream n_0"]
    target: Float[Array, "k stream n_L"]
    uniforms: tuple[Float[Array, "k stream _"], ...]


class StepSizes(NamedTuple):
    """How much a layer learns and forgets in the time steps of a block.

    Attributes
    ----------
    gain : array of shape (k,)
        eta_t / kappa_{t+1}, divided by the number of streams; 0 where the layer is frozen.
    faded : array of shape (k + 1,)
        log kappa_t.
    """

    gain: Float[Array, " k"]
    faded: Float[Array, " k_and_1"]

    @classmethod
    def of(cls, eta: Float[Array, " k"], weight_decay: float, streams: int) -> "StepSizes":
        """Return gain and decay of a layer whose learning rates are eta."""
        # Logarithms: one step takes less than the rounding of 1 in single precision.
        lost = jnp.cumsum(jnp.log1p(-weight_decay * eta))
        return cls(eta * jnp.exp(-lost) / streams, jnp.concatenate([jnp.zeros_like(eta[:1]), lost]))


class Synapses(NamedTuple):
    """A layer's weights before a block, and what has passed through them in it so far.

    Attributes
    ----------
    W, WT, b, V : arrays or None
        Weights, their transpose, biases if there are any, and what errors return through, which
        the first layer lacks.
    kept : array of shape (k + 1,)
        kappa_t.
    s : array of shape (k * stream, unit_{l-1})
        Activities below, the streams of a time step in consecutive rows.
    d : array of shape (k * stream, unit_l)
        Modulators times their gain, alike; zero where they are still to come.
    """

    W: Float[Array, "n_out n_in"]
    WT: Float[Array, "n_in n_out"]
    b: Float[Array, " n_out"] | None
    V: Float[Array, "n_out n_in"] | None
    kept: Float[Array, " k_and_1"]
    s: Float[Array, "rows n_in"]
    d: Float[Array, "rows n_out"]

    @property
    def alone(self) -> bool:
        """Whether the block has a single step, which has no past."""
        return len(self.kept) == 2

    def drive(
        self,
        t: Int[Array, ""],
        s: Float[Array, "stream n_in"],
        product: Float[Array, "stream n_out"] | None = None,
    ) -> Float[Array, "stream n_out"]:
        """Return W_t s + b_t, from W_0 s if that is known already."""
        preactivations = s @ self.WT if product is None else product
        preactivations = preactivations if self.b is None else preactivations + self.b[None]
        # Known by shape, so single steps compile without the products with a past.
        if self.alone:
            return preactivations
        likeness = self.s @ s.T
        likeness = likeness if self.b is None else likeness + 1
        # The sum over r < t needs no mask: d is zero from t on.
        return self.kept[t] * (preactivations + likeness.T @ self.d)

    def back(
        self, t: Int[Array, ""], m: Float[Array, "stream n_out"], *, follows: bool
    ) -> Float[Array, "stream n_in"]:
        """Return V^T m; with V = W_t if V follows the weights."""
        assert self.V is not None  # the first layer sends nothing back
        drive = m @ self.V
        if self.alone or not follows:
            return drive
        return self.kept[t] * (drive + (self.d @ m.T).T @ self.s)

    def after(
        self, step_sizes: StepSizes, count: Int[Array, ""]
    ) -> tuple[Float[Array, "n_out n_in"], Float[Array, " n_out"] | None]:
        """Return weights and biases after `count` steps."""
        # In single precision 1 - 1e-8 is 1: what is lost is added up before it is taken away.
        lost, kept = jnp.expm1(step_sizes.faded[count]), self.kept[count]
        W = self.W + (lost * self.W + (kept * self.d).T @ self.s)
        if self.b is None:
            return W, None
        return W, self.b + (lost * self.b + kept * jnp.sum(self.d, axis=0))


def learn_block(
    neuron: Neuron,
    parameters: Parameters,
    potentials: Potentials,
    V: Layers,
    step_sizes: tuple[StepSizes, ...],
    given: BlockInputs,
    count: Int[Array, ""],
    follows: tuple[bool, ...],
) -> tuple[Parameters, Potentials, Bool[Array, " k"]]:
    """Carry out the first `count` time steps of a block.

    Parameters
    ----------
    neuron : Neuron
        What neurons do.
    parameters, potentials
        Before the block.
    V : tuple of arrays
        None and V_2 ... V_L before the block.
    step_sizes : tuple of StepSizes
        One a layer.
    given : BlockInputs
        What happens.
    count : int
        How many steps; at most k.
    follows : tuple of bool
        For layers 2 to L, whether V is W and changes with it. Any other V stays as it is through
        the block.

    Returns
    -------
    parameters, potentials
        After it.
    finite : array of shape (k,)
        Whether all potentials were, step by step; True beyond the end.
    """
    first = given.spikes @ parameters.weights[0].T
    layers, nothing = _fresh(parameters, V, step_sizes, given)

    def live(t: jax.Array, state: tuple) -> tuple:
        layers, potentials, latest, finite = state
        # Noted before anything reads the notes, which XLA would copy otherwise.
        layers = _noted(layers, t - 1, *latest)
        drives = [partial(synapses.drive, t) for synapses in layers]
        drives[0] = partial(drives[0], product=first[t])
        backs = [
            partial(synapses.back, t, follows=follow)
            for synapses, follow in zip(layers[1:], follows, strict=True)
        ]
        uniforms = [uniform[t] for uniform in given.uniforms]
        v, s = forward_step(neuron, potentials.forward, given.spikes[t], uniforms, drives)
        u, signals = feedback_step(neuron, potentials.feedback, given.target[t] - s[-1], backs)
        pairs = zip(step_sizes, modulators(v, signals), strict=True)
        latest = s[:-1], tuple(step_sizes.gain[t] * d for step_sizes, d in pairs)
        return layers, Potentials(v, u), latest, finite.at[t].set(all_finite(v))

    start = (layers, potentials, nothing, jnp.ones(len(given.spikes), bool))
    layers, potentials, latest, finite = jax.lax.fori_loop(0, count, live, start)
    layers = _noted(layers, count - 1, *latest)
    ends = [
        synapses.after(step_sizes, count)
        for synapses, step_sizes in zip(layers, step_sizes, strict=True)
    ]
    biases = tuple(b for _, b in ends) if parameters.biases else ()
    learned = parameters._replace(weights=tuple(W for W, _ in ends), biases=biases)
    return learned, potentials, finite


def all_finite(potentials: tuple[Float[Array, "stream _"], ...]) -> Bool[Array, ""]:
    """Return whether a network has not diverged: spikes would look healthy whatever happens."""
    # NaN and infinity survive every sum, so one number tells of all.
    return jnp.isfinite(sum(jnp.sum(v) for v in potentials))


def _fresh(
    parameters: Parameters, V: Layers, step_sizes: tuple[StepSizes, ...], given: BlockInputs
) -> tuple[tuple[Synapses, ...], tuple[Activities, Activities]]:
    """Return synapses through which nothing has passed yet, and what step -1 adds to them."""
    k, streams, _ = given.spikes.shape
    weights, last = parameters.weights, len(parameters.weights) - 1
    d = [jnp.zeros((k * streams, len(W)), W.dtype) for W in weights]
    s = [given.spikes.reshape(k * streams, -1), *(jnp.zeros_like(below) for below in d[:-1])]
    biases = parameters.biases or (None,) * len(weights)
    kept = [jnp.exp(step_sizes.faded) for step_sizes in step_sizes]
    layers = (
        Synapses(W, W.T, *rest) for W, *rest in zip(weights, biases, V, kept, s, d, strict=True)
    )
    silent = tuple(jnp.zeros_like(one[:streams]) for one in d)
    return tuple(layers), (silent[:last], silent)


def _noted(
    layers: tuple[Synapses, ...], t: Int[Array, ""], s: Activities, d: Activities
) -> tuple[Synapses, ...]:
    """Note the activities of hidden layers, and what layers 1 to L learned, at step t."""

    def note(rows: jax.Array, new: jax.Array) -> jax.Array:
        # Step -1, before the first, falls on the first rows, which are silent until then.
        return jax.lax.dynamic_update_slice(rows, new, (jnp.maximum(t, 0) * len(new), 0))

    below = (layers[0].s, *(note(one.s, new) for one, new in zip(layers[1:], s, strict=True)))
    return tuple(
        one._replace(s=seen, d=note(one.d, new))
        for one, seen, new in zip(layers, below, d, strict=True)
    )
