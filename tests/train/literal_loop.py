"""Training written out: one network, one example after another, every rule by hand in NumPy.

Of the package it takes random numbers only: the start, the examples, and the keys of single steps.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import erf

from fatheory.initial import draw_initial_state, examples
from fatheory.train.sampler import KeySampler, step_key

FUNCTIONS = {
    "linear": (lambda a: a, np.ones_like),
    "tanh": (np.tanh, lambda a: 1 / np.cosh(a) ** 2),
    "sigmoid": (lambda a: 1 / (1 + np.exp(-a)), lambda a: np.exp(-a) / (1 + np.exp(-a)) ** 2),
    "relu": (lambda a: np.maximum(a, 0), lambda a: (a > 0).astype(float)),
    "erf": (lambda a: erf(a / np.sqrt(2)), lambda a: np.sqrt(2 / np.pi) * np.exp(-(a**2) / 2)),
}
FIXED = ("feedback_alignment", "rndf", "orthogonal_feedback", "fixed_feedback")
# Largest value of a derivative, and how far a step of that height and of the same area reaches.
ROUGH = {"sigmoid": (1 / 4, 2), "tanh": (1, 1)}


def rough_derivative(name, kind):
    """Return what stands in for the derivative of a function of units."""
    if name not in ROUGH or kind == "exact":
        return FUNCTIONS[name][1]
    height, reach = ROUGH[name]
    return {
        "one": np.ones_like,
        "step": lambda a: np.where(np.abs(a) < reach, height, 0.0),
        "triangle": lambda a: height * np.maximum(1 - np.abs(a) / (2 * reach), 0),
    }[kind]


class Run(NamedTuple):
    """What the loop saw: dictionaries by step."""

    weights: dict
    biases: dict
    loss: dict
    signals: dict
    backprop_signals: dict
    lost_at: int


class Network:
    """One network under one rule."""

    def __init__(self, experiment, seed, label):
        self.experiment, self.seed = experiment, seed
        self.start = draw_initial_state(experiment, seed)
        choice = dict(experiment.rules)[label]
        self.rule, self.rate = choice.rule, choice.learning_rate
        self.parameters = dict(choice.parameters)
        self.states = self.start.states[label]
        self.W = [W.copy() for W in self.start.weights]
        self.b = [b.copy() for b in self.start.biases] or [0 * W[:, 0] for W in self.W]
        self.learns_biases = bool(self.start.biases)
        self.forward_masks, self.feedback_masks = (
            [1 if mask is None else mask for mask in masks]
            for masks in (self.start.connections.forward, self.start.connections.feedback)
        )
        network = experiment.network
        last = len(self.W) - 1
        names = [network.activation] * last + [network.output]
        self.f, self.exact = zip(*(FUNCTIONS[name] for name in names), strict=True)
        self.df = [rough_derivative(name, choice.derivative) for name in names]
        self.local = choice.slopes == "local"
        self.V = [None if V is None else V.copy() for V in self.states]

    def forward(self, x, added=None):
        """Return the sums a_1 ... a_L and the activities h_0 ... h_L of one example."""
        sums, h = [], [x]
        for i, W in enumerate(self.W):
            a = W @ h[-1] + self.b[i]
            sums.append(a)
            last = i == len(self.W) - 1
            h.append(self.f[i](a) + (0 if added is None or last else added[i]))
        return sums, h

    def stand_ins(self, step):
        """Return V_2 ... V_L by the rule's definition, behind a None for layer 1."""
        V = [None]
        if self.rule == "brsf":
            shapes = [W.shape for W in self.W[1:] for _ in ("magnitudes", "signs")]
            drawn = iter(self.random(step, "uniform", shapes))
        for W, state in zip(self.W[1:], self.states[1:], strict=True):
            if self.rule == "backprop":
                V.append(W)
            elif self.rule in FIXED:
                V.append(state)
            elif self.rule in ("kolen_pollack", "weight_mirror"):
                V.append(self.V[len(V)])
            elif self.rule == "shallow":
                V.append(np.zeros(W.shape))
            elif self.rule == "usf":
                V.append(self.parameters["scale"] * self.feedback_masks[len(V)] * np.sign(W))
            elif self.rule == "frsf":
                V.append(state * np.sign(W))
            elif self.rule == "brsf":
                M = next(drawn)
                S = np.where(next(drawn) < self.parameters["concordance"], 1, -1)
                V.append(self.parameters["scale"] * M * S * np.sign(W))
                V[-1] = V[-1] * self.feedback_masks[len(V) - 1]
            elif self.rule == "pseudobackprop":
                V.append(np.linalg.pinv(W).T)
        return V

    def chain(self, V, sums, e):
        """Return the teaching signals of one example that travel back through V."""
        signals = [e]
        for i in reversed(range(1, len(self.W))):
            slopes = 1 if self.local else self.df[i](sums[i])
            signals.insert(0, V[i].T @ (signals[0] * slopes))
        return signals

    def backprop_signals(self, x, target):
        """Return backprop's teaching signals on a batch, one row per example."""
        rows = []
        for s in range(len(x)):
            sums, h = self.forward(x[s])
            signals = [target[s] - h[-1]]
            for i in reversed(range(1, len(self.W))):
                signals.insert(0, self.W[i].T @ (signals[0] * self.exact[i](sums[i])))
            rows.append(signals)
        return [np.array(layer) for layer in zip(*rows, strict=True)]

    def perturbed(self, x, target, xi):
        """Return the teaching signals of one example by node perturbation."""
        e = target - self.forward(x)[1][-1]
        shaken = target - self.forward(x, xi)[1][-1]
        reward = 0.5 * e @ e - 0.5 * shaken @ shaken
        return [reward * s / self.parameters["perturbation"] ** 2 for s in xi] + [e]

    def signals(self, x, target, step):
        """Return each layer's teaching signals on a batch, one row per example."""
        if self.rule == "direct_feedback_alignment":
            rows = []
            for s in range(len(x)):
                sums, h = self.forward(x[s])
                e = target[s] - h[-1]
                through = e if self.local else e * self.df[-1](sums[-1])
                rows.append([B.T @ through for B in self.states[:-1]] + [e])
            return [np.array(layer) for layer in zip(*rows, strict=True)]
        if self.rule == "direct_random_target_projection":
            rows = []
            for s in range(len(x)):
                e = target[s] - self.forward(x[s])[1][-1]
                rows.append([B.T @ target[s] for B in self.states[:-1]] + [e])
            return [np.array(layer) for layer in zip(*rows, strict=True)]
        if self.rule != "node_perturbation":
            return self.through(self.stand_ins(step), x, target)
        xi = [
            self.parameters["perturbation"] * noise
            for noise in self.random(step, "normal", [(len(x), len(W)) for W in self.W[:-1]])
        ]
        rows = [self.perturbed(x[s], target[s], [n[s] for n in xi]) for s in range(len(x))]
        return [np.array(layer) for layer in zip(*rows, strict=True)]

    def random(self, step, law, shapes):
        """Draw the step's random numbers, in the order in which the package draws them."""
        with jax.enable_x64(True):
            key = step_key(self.experiment.root_seed, jnp.asarray(self.seed), jnp.asarray(step))
            draw = getattr(KeySampler(key, float), law)
            return [np.asarray(draw(0.0, 1.0, shape)) for shape in shapes]

    def through(self, V, x, target):
        """Return each layer's teaching signals through V on a batch, one row per example."""
        rows = []
        for s in range(len(x)):
            sums, h = self.forward(x[s])
            rows.append(self.chain(V, sums, target[s] - h[-1]))
        return [np.array(layer) for layer in zip(*rows, strict=True)]

    def gradient(self, x, target, step):
        """Return minus the rule's weight changes, averaged over the batch, and the batch's loss."""
        delta = self.signals(x, target, step)
        g = [np.zeros_like(W) for W in self.W]
        of_biases = [np.zeros_like(b) for b in self.b]
        for s in range(len(x)):
            sums, h = self.forward(x[s])
            for i in range(len(self.W)):
                taught = delta[i][s] * self.df[i](sums[i])
                g[i] -= np.outer(taught, h[i]) / len(x)
                of_biases[i] -= taught / len(x)
        return g, of_biases, 0.5 * np.mean(np.sum(delta[-1] ** 2, axis=1))

    def feedback_gradient(self, g, step):
        """Return what learning feedback weights descend, layer by layer; None for fixed ones."""
        if self.rule == "kolen_pollack":
            return [None] + [self.feedback_masks[i] * g[i] for i in range(1, len(g))]
        if self.rule != "weight_mirror":
            return [None] * len(g)
        changes, noise, rate = [None], self.parameters["noise"], self.parameters["mirror_rate"]
        for i in range(1, len(g)):
            xi = noise * self.layer_noise(step, i - 1, self.W[i].shape[1])
            response = self.f[i](self.W[i] @ xi + self.b[i]) - self.f[i](self.b[i])
            mirrored = self.V[i] - np.outer(response, xi) / noise**2
            changes.append(self.feedback_masks[i] * rate * mirrored)
        return changes

    def layer_noise(self, step, layer, size):
        """Draw the noise that drives one layer, in the order in which the package draws it."""
        with jax.enable_x64(True):
            key = step_key(self.experiment.root_seed, jnp.asarray(self.seed), jnp.asarray(step))
            sampler = KeySampler(jax.random.fold_in(key, layer), float)
            return np.asarray(sampler.normal(0.0, 1.0, (size,)))


def literal_run(experiment, seed, label):
    """Train one network of an experiment and look at it at the recorded steps."""
    net = Network(experiment, seed, label)
    update = experiment.update
    probe, probe_target = net.start.probe.inputs, net.start.probe.targets
    run = Run({}, {}, {}, {}, {}, -1)

    def look(step):
        run.weights[step] = [W.copy() for W in net.W]
        run.biases[step] = [b.copy() for b in net.b]
        run.signals[step] = net.signals(probe, probe_target, step)
        run.backprop_signals[step] = net.backprop_signals(probe, probe_target)
        run.loss[step] = 0.5 * np.mean(np.sum(run.signals[step][-1] ** 2, axis=1))

    step, lost_at = 0, -1
    for phase in experiment.schedule.phases:
        tau = [np.zeros_like(W) for W in net.W]
        tau_b = [np.zeros_like(b) for b in net.b]
        tau_V = [np.zeros_like(W) for W in net.W]
        for _ in range(phase.steps):
            if step in experiment.snapshot_steps:
                look(step)
            batch = examples(experiment, seed, net.start, step, step + 1)
            g, g_b, loss = net.gradient(batch.inputs[0], batch.targets[0], step)
            g_V = net.feedback_gradient(g, step)
            # Feedback learns where it has connections, wherever forward weights lack theirs.
            g = [mask * change for mask, change in zip(net.forward_masks, g, strict=True)]
            if lost_at < 0 and not np.isfinite(loss):
                lost_at = step
            for i in range(len(net.W)):
                tau[i] = -g[i] + update.momentum * tau[i] - update.weight_decay * net.W[i]
                tau_b[i] = -g_b[i] + update.momentum * tau_b[i]
                if g_V[i] is not None:
                    decay = update.weight_decay * net.V[i]
                    tau_V[i] = -g_V[i] + update.momentum * tau_V[i] - decay
                if i + 1 in phase.frozen:
                    continue
                net.W[i] = net.W[i] + net.rate * tau[i]
                if net.learns_biases:
                    net.b[i] = net.b[i] + net.rate * tau_b[i]
                if g_V[i] is not None:
                    net.V[i] = net.V[i] + net.rate * tau_V[i]
            step += 1
    look(step)
    return run._replace(lost_at=lost_at)
