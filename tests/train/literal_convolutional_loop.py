"""Training on images written out in NumPy, convolutions and all, every derivative by hand.

Of the package it takes random numbers only: the start, the order of the images, and the keys of
single steps. Arrays are as in the package: images (sample, row, column, channel), kernels
(channel, channel below, row, column).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from literal_layers import FUNCTIONS, pooled, product, sent_back, unpooled, weight_gradient
from literal_loop import rough_derivative

from fatheory.initial import draw_initial_state, sample_order
from fatheory.train.sampler import KeySampler, step_key


class Pass(NamedTuple):
    """One forward pass, layer by layer."""

    below: list  # what every layer takes in
    centred: list  # sums of hidden layers, normalised where they are
    inner: list  # what the function is applied to
    raw: list  # before pooling
    moments: list
    top: np.ndarray
    keep: list


class Run(NamedTuple):
    """What the loop saw: dictionaries by step."""

    variables: dict
    signals: dict
    backprop_signals: dict
    gradients: dict
    true_gradients: dict
    loss: dict
    error: dict


class Network:
    """One network under one rule."""

    def __init__(self, experiment, seed, label):
        self.experiment, self.seed = experiment, seed
        self.start = draw_initial_state(experiment, seed)
        self.choice = dict(experiment.rules)[label]
        self.states = self.start.states[label]
        described = experiment.network
        shapes, self.L = experiment.weight_shapes, experiment.layers
        self.W = [W.copy() for W in self.start.weights]
        self.b = [None if b is None else b.copy() for b in self.start.biases] or [None] * self.L
        learnt = self.choice.rule == "kolen_pollack"
        self.V = [V.copy() if learnt and V is not None else None for V in self.states]
        self.normalization, self.dropout = described.normalization, described.dropout
        features = [np.zeros(shape[0]) for shape in shapes[:-1]]
        learnable = self.normalization is not None and self.normalization.learnable
        self.scale = [z + 1 if learnable else None for z in features]
        self.shift = [z + 0 if learnable else None for z in features]
        self.kept = [(z, z + 1) for z in features] if self.normalization else []
        self.f, self.exact = FUNCTIONS[described.activation]
        self.df = rough_derivative(described.activation, self.choice.derivative)
        self.exact_out, self.out = (
            described.output == "softmax" or rough_derivative(described.output, kind)
            for kind in ("exact", self.choice.derivative)
        )
        blocks = described.blocks if described.convolutions else ()
        self.pools = [block.pool for block in blocks] + [None] * len(described.hidden)
        self.shape = (-1, *(experiment.image_shape if blocks else (experiment.task.inputs,)))

    def forward(self, x, *, moments=None, key=None, added=None):
        """Run the network; by the batch's own moments, or by those given."""
        h = x.reshape(self.shape)
        seen = Pass([], [], [], [], [], None, [])
        for i in range(self.L - 1):
            seen.below.append(h)
            a = product(h, self.W[i])
            if self.b[i] is not None:
                a = a + self.b[i]
            if self.normalization:
                axes = tuple(range(a.ndim - 1))
                seen.moments.append((a.mean(axis=axes), a.var(axis=axes)))
                mean, variance = (moments or seen.moments)[i]
                a = (a - mean) / np.sqrt(variance + self.normalization.epsilon)
            seen.centred.append(a)
            if self.scale[i] is not None:
                a = self.scale[i] * a + self.shift[i]
            seen.inner.append(a)
            seen.raw.append(self.f(a))
            h = pooled(seen.raw[-1], self.pools[i])
            seen.keep.append(self.kept_share(i, h.shape, key))
            h = h * seen.keep[-1]
            if added is not None:
                h = h + added[i].reshape(h.shape)
        seen.below.append(h)
        top = product(h, self.W[-1])
        return seen._replace(top=top if self.b[-1] is None else top + self.b[-1])

    def kept_share(self, i, shape, key):
        """Return 0 where an activity is dropped, else what it is multiplied by."""
        feeds_dense = self.W[i + 1].ndim == 2
        if not self.dropout or not feeds_dense or key is None:
            return 1.0
        with jax.enable_x64(True):
            drops = jax.random.fold_in(jax.random.fold_in(key, 2**31), i)
            keep = np.asarray(jax.random.bernoulli(drops, 1 - self.dropout, shape))
        return keep / (1 - self.dropout)

    def output(self, top):
        if self.experiment.network.output == "softmax":
            powers = np.exp(top - top.max(axis=1, keepdims=True))
            return powers / powers.sum(axis=1, keepdims=True)
        return FUNCTIONS[self.experiment.network.output][0](top)

    def losses(self, top, target):
        y = self.output(top)
        if self.experiment.network.output == "softmax":
            return -np.sum(target * np.log(y), axis=1)
        return 0.5 * np.sum((target - y) ** 2, axis=1)

    def top_gradient(self, top, target, *, exact=False):
        """Return what the rule takes for the derivative of a loss by the sums of the outputs."""
        e = target - self.output(top)
        if self.experiment.network.output == "softmax":
            return -e
        return -e * (self.exact_out if exact else self.out)(top)

    def key(self, step):
        with jax.enable_x64(True):
            return step_key(self.experiment.root_seed, jnp.asarray(self.seed), jnp.asarray(step))

    def stand_ins(self, step):
        """Return V_2 ... V_L by each layer's rule, behind a None for layer 1."""
        choices = [self.choice.at(layer, self.L) for layer in range(2, self.L + 1)]
        with jax.enable_x64(True):
            sampler = KeySampler(self.key(step), float)
            drawn = [
                [np.asarray(sampler.uniform(0.0, 1.0, W.shape)) for _ in range(2)]
                if choice.rule == "brsf"
                else None
                for W, choice in zip(self.W[1:], choices, strict=True)
            ]
        V = [None]
        for i, choice in enumerate(choices, start=1):
            W, state, own = self.W[i], self.states[i], dict(choice.parameters)
            if choice.rule == "brsf":
                M, chance = drawn[i - 1]
                S = np.where(chance < own["concordance"], 1, -1)
                V.append(own["scale"] * M * S * np.sign(W))
            else:
                V.append(
                    {
                        "backprop": lambda W=W: W,
                        "feedback_alignment": lambda state=state: state,
                        "rndf": lambda state=state: state,
                        "kolen_pollack": lambda i=i: self.V[i],
                        "shallow": lambda W=W: np.zeros(W.shape),
                        "usf": lambda W=W, own=own: own["scale"] * np.sign(W),
                        "frsf": lambda W=W, state=state: state * np.sign(W),
                    }[choice.rule]()
                )
        return V

    def through(self, V, x, target, key=None, *, exact=False):
        """Return teaching signals, and gradients of the batch-mean loss, sent back through V.

        By the rule's own slopes, or by those of backprop.
        """
        seen = self.forward(x, key=key)
        local = self.choice.slopes == "local" and not exact
        own = self.top_gradient(seen.top, target, exact=exact)
        signals, gradient = [target - self.output(seen.top)], {}
        arrived = -signals[0]
        for i in reversed(range(self.L)):
            gradient |= self.of_sums(i, own, seen)
            if i:
                g = sent_back(arrived if local else own, V[i], seen.below[i].shape)
                signals.insert(0, -g.reshape(len(x), -1))
                own = self.below_activities(i - 1, g, seen, gradient, exact=exact)
                # Every unit under a pool, and none that was dropped, gets its share to pass on.
                arrived = unpooled(g * seen.keep[i - 1], seen.raw[i - 1], self.pools[i - 1])
        return signals, {name: g / len(x) for name, g in gradient.items()}, seen

    def of_sums(self, i, g, seen):
        """Return the derivatives with respect to a layer's weights and biases."""
        found = {("W", i): weight_gradient(seen.below[i], g, self.W[i])}
        if self.b[i] is not None:
            found["b", i] = g.sum(axis=tuple(range(g.ndim - 1)))
        return found

    def below_activities(self, i, g, seen, gradient, *, exact=False):
        """Return the derivative with respect to a hidden layer's sums; enter scale and shift."""
        slopes = (self.exact if exact else self.df)(seen.inner[i])
        g = unpooled(g * seen.keep[i], seen.raw[i], self.pools[i]) * slopes
        axes, centred = tuple(range(g.ndim - 1)), seen.centred[i]
        if self.scale[i] is not None:
            gradient["scale", i] = np.sum(g * centred, axis=axes)
            gradient["shift", i] = np.sum(g, axis=axes)
            g = g * self.scale[i]
        if self.normalization:
            std = np.sqrt(seen.moments[i][1] + self.normalization.epsilon)
            along = np.mean(g * centred, axis=axes)
            g = (g - np.mean(g, axis=axes) - centred * along) / std
        return g

    def from_signals(self, signals, x, target, key=None):
        """Return the gradients by which every layer learns from teaching signals of its own."""
        seen, gradient = self.forward(x, key=key), {}
        gradient |= self.of_sums(self.L - 1, self.top_gradient(seen.top, target), seen)
        for i in range(self.L - 1):
            g = -signals[i].reshape(seen.below[i + 1].shape)
            gradient |= self.of_sums(i, self.below_activities(i, g, seen, gradient), seen)
        return signals, {name: g / len(x) for name, g in gradient.items()}, seen

    def direct_signals(self, x, target, step):
        """Return the teaching signals of a rule without V."""
        seen = self.forward(x)
        e = target - self.output(seen.top)
        own = dict(self.choice.parameters)
        if self.choice.rule == "direct_feedback_alignment":
            local = self.choice.slopes == "local"
            through = e if local else -self.top_gradient(seen.top, target)
            return [*(through @ B for B in self.states[:-1]), e]
        sizes = self.experiment.sizes[1:-1]
        with jax.enable_x64(True):
            sampler = KeySampler(self.key(step), float)
            xi = [np.asarray(sampler.normal(0.0, 1.0, (len(x), n))) for n in sizes]
        xi = [own["perturbation"] * noise for noise in xi]
        shaken = self.losses(self.forward(x, added=xi).top, target)
        reward = (self.losses(seen.top, target) - shaken)[:, None]
        return [*(reward * noise / own["perturbation"] ** 2 for noise in xi), e]

    def taught(self, x, target, step):
        """Return teaching signals, nothing dropped, then gradients and the pass behind them."""
        key = self.key(step) if self.dropout else None
        if self.choice.rule in ("direct_feedback_alignment", "node_perturbation"):
            return self.from_signals(self.direct_signals(x, target, step), x, target, key)
        V = self.stand_ins(step)
        _, gradient, seen = self.through(V, x, target, key)
        return self.through(V, x, target)[0], gradient, seen

    def parameters(self):
        """Return what learns, by kind and layer."""
        kinds = {"W": self.W, "b": self.b, "V": self.V, "scale": self.scale, "shift": self.shift}
        return {
            (kind, i): (layers, i)
            for kind, layers in kinds.items()
            for i, array in enumerate(layers)
            if array is not None
        }

    def variables(self):
        """Return copies by the archive's names."""
        found = {}
        for (kind, i), (layers, _) in self.parameters().items():
            is_matrix = self.W[i].ndim == 2
            name = {
                "W": "weight" if is_matrix else "kernel",
                "b": "bias" if is_matrix else "channel_bias",
            }.get(kind, kind)
            if kind != "V":  # what learns beside the weights is not stored
                found[f"{name}_{i + 1}"] = layers[i].copy()
        for i, (mean, variance) in enumerate(self.kept, start=1):
            found |= {f"running_mean_{i}": mean, f"running_variance_{i}": variance}
        return found


def factor(decay, step):
    """Return the factor of a learning rate that falls at given steps."""
    warm = min(1, (step + 1) / (decay.warmup + 1))
    return warm * decay.factor ** sum(step >= at for at in decay.at)


def change(update, g, memory, A, decays):
    """Return tau of one array, and what is remembered, by the paper's settings."""
    m, pull = update.momentum, update.weight_decay * A * decays
    if update.manhattan == 0:
        tau = memory = -g + m * memory - pull
    elif update.manhattan == 1:
        tau = memory = -np.sign(g) + m * memory - pull
    elif update.manhattan == 2:
        tau = memory = np.sign(-np.sign(g) + m * memory - pull)
    else:
        memory = -np.sign(g) + m * memory - pull
        tau = np.sign(memory)
    return tau, memory


def literal_run(experiment, seed, label):
    """Train one network of an experiment and look at it at the recorded steps."""
    net = Network(experiment, seed, label)
    schedule = experiment.schedule
    images = {
        name: (getattr(net.start, name).inputs.astype(float), getattr(net.start, name).targets)
        for name in ("probe", "evaluation", "samples")
    }
    run = Run({}, {}, {}, {}, {}, {}, {})

    def look(step):
        run.variables[step] = net.variables()
        x, target = images["probe"]
        run.signals[step], run.gradients[step], _ = net.taught(x, target, step)
        backprop = net.through([None, *net.W[1:]], x, target, exact=True)
        run.backprop_signals[step], run.true_gradients[step], _ = backprop
        x, target = images["evaluation"]
        top = net.forward(x, moments=net.kept).top
        run.loss[step] = np.mean(net.losses(top, target))
        run.error[step] = 100 * np.mean(np.argmax(top, axis=1) != np.argmax(target, axis=1))

    step = 0
    order = sample_order(experiment, seed, 0, schedule.steps)
    for phase in schedule.phases:
        memory = {name: np.zeros_like(layers[i]) for name, (layers, i) in net.parameters().items()}
        for _ in range(phase.steps):
            if step in experiment.snapshot_steps:
                look(step)
            x, target = (part[order[step]] for part in images["samples"])
            _, gradient, seen = net.taught(x, target, step)
            rate = net.choice.learning_rate
            if schedule.decay is not None:
                rate = rate * factor(schedule.decay, step)
            moved = {}
            for (kind, i), (layers, _) in net.parameters().items():
                g = gradient["W" if kind == "V" else kind, i]
                tau, memory[kind, i] = change(
                    experiment.update, g, memory[kind, i], layers[i], kind in "WV"
                )
                moved[kind, i] = layers[i] + rate * tau
            for (kind, i), (layers, _) in net.parameters().items():
                if i + 1 not in phase.frozen:
                    layers[i] = moved[kind, i]
            if net.normalization:
                share = net.normalization.memory
                net.kept = [
                    tuple(share * a + (1 - share) * b for a, b in zip(old, new, strict=True))
                    for old, new in zip(net.kept, seen.moments, strict=True)
                ]
            step += 1
    look(step)
    return run
