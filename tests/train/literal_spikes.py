"""Life and learning of a spiking network, written out in NumPy neuron pool by neuron pool.

Of the package it takes random numbers only: the start, the order of the images, and the uniform
numbers that decide on spikes.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from fatheory.initial import draw_initial_state, sample_order

TESTING = 2**31
STREAMS = 100


def sigma(a):
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-a))


def phi(u):
    return 2 * sigma(u) - 1


class Moment(NamedTuple):
    """One time step of the streams of one network, layers 1 to L."""

    v: list
    s: list
    u: list
    modulator: list


class Net:
    """Weights and potentials of one run."""

    def __init__(self, experiment, seed, label):
        self.asked, self.network, self.seed = experiment, experiment.network, seed
        start = draw_initial_state(experiment, seed)
        self.W = [np.array(W) for W in start.weights]
        biases = start.biases or [np.zeros(len(W)) for W in self.W]
        self.b = [np.array(b) for b in biases]
        self.biased = bool(start.biases)
        self.drawn = start.states[label]
        self.choice = dict(experiment.rules)[label]
        self.start = start
        self.rest(experiment.schedule.batch_size)

    def rest(self, streams):
        self.v = [np.zeros((streams, len(W))) for W in self.W]
        self.u = [np.zeros((streams, len(W))) for W in self.W[:-1]]

    def backward(self, layer):
        """Return V of a layer, counted from 0."""
        rule = self.choice.at(layer + 1, len(self.W)).make()
        return rule.backward_weights(self.W[layer], self.drawn[layer])

    def uniforms(self, key, streams):
        inputs = self.W[0].shape[1]
        sizes = [inputs, *(len(W) for W in self.W)]
        joint = np.asarray(jax.random.uniform(key, (streams, sum(sizes)), jnp.float64))
        return np.split(joint, np.cumsum(sizes)[:-1], axis=1)

    def integrated(self, potential, drive):
        tau = self.network.leak
        share = tau if self.network.integration == "average" else 1
        return (1 - tau) * potential + share * drive

    def emitted(self, p, uniform):
        return (uniform < p).astype(float) if self.network.spikes == "stochastic" else p

    def live(self, x, target, key):
        """Carry out one time step without plasticity; return it with the input spikes."""
        draw = self.uniforms(key, len(x))
        below = s_0 = self.emitted(np.minimum(x, self.network.ceiling), draw[0])
        s = []
        for i, W in enumerate(self.W):
            self.v[i] = self.integrated(self.v[i], below @ W.T + self.b[i])
            below = self.emitted(sigma(self.v[i]), draw[i + 1])
            s.append(below)
        signals = [None] * len(self.W)
        signals[-1] = phi(np.repeat(target, self.network.group, axis=1) - s[-1])
        for i in reversed(range(len(self.u))):
            self.u[i] = self.integrated(self.u[i], signals[i + 1] @ self.backward(i + 1))
            signals[i] = phi(self.u[i])
        modulator = [m * sigma(v) * (1 - sigma(v)) for m, v in zip(signals, self.v, strict=True)]
        return s_0, Moment(list(self.v), s, list(self.u), modulator)

    def learn(self, s_0, moment, frozen, factor):
        """Change every synapse by its own three factors, averaged over streams."""
        eta = self.choice.learning_rate * factor
        decay = eta * self.asked.update.weight_decay
        below = [s_0, *moment.s[:-1]]
        for i, (s, d) in enumerate(zip(below, moment.modulator, strict=True)):
            if i + 1 in frozen:
                continue
            change = np.zeros_like(self.W[i])
            for one_s, one_d in zip(s, d, strict=True):
                change += np.outer(one_d, one_s) / len(s)
            self.W[i] = self.W[i] + eta * change - decay * self.W[i]
            if self.biased:
                self.b[i] = self.b[i] + eta * d.mean(axis=0) - decay * self.b[i]


class Run(NamedTuple):
    """What a run looked like at the recorded steps."""

    weights: dict
    biases: dict
    loss: dict
    error: dict
    traces: dict
    rates: dict


def literal_run(experiment, seed, label, factors=None):
    """Train one network of the experiment, image after image."""
    with jax.enable_x64(True):
        return _run(experiment, seed, label, factors)


def _run(experiment, seed, label, factors):
    net, run = Net(experiment, seed, label), Run({}, {}, {}, {}, {}, {})
    steps, shown = experiment.schedule.steps, experiment.network.steps_per_image
    order = sample_order(experiment, seed, 0, steps)
    samples, phase, ends = net.start.samples, 0, experiment.schedule.ends
    for step in range(steps + 1):
        if step in experiment.snapshot_steps:
            _record(experiment, net, run, step)
        if step == steps:
            return run
        phase += step == ends[phase]
        frozen = experiment.schedule.phases[phase].frozen
        x, target = samples.inputs[order[step]], samples.targets[order[step]]
        for place in range(shown):
            key = moment_key(experiment, seed, step, place)
            s_0, moment = net.live(x.astype(float), target, key)
            net.learn(s_0, moment, frozen, 1 if factors is None else factors[step])


def _record(experiment, net, run, step):
    run.weights[step] = [W.copy() for W in net.W]
    run.biases[step] = [b.copy() for b in net.b]
    before = net.v, net.u
    run.loss[step], run.error[step] = _tested(experiment, net, net.start.evaluation)
    run.traces[step], run.rates[step] = _watched(experiment, net, net.start.probe)
    net.v, net.u = before


def moment_key(experiment, seed, step, place):
    key = jax.random.key(experiment.root_seed)
    for number in (seed, step, place):
        key = jax.random.fold_in(key, number)
    return key


def _tested(experiment, net, samples):
    """Show images in streams, of which each goes on without reset; return loss and error."""
    shown, count = experiment.network.steps_per_image, len(samples)
    length = -(-count // min(STREAMS, count))
    streams = -(-count // length)
    net.rest(streams)
    spikes = np.zeros((count, experiment.task.outputs))
    for place in range(length * shown):
        rows = np.minimum(np.arange(streams) * length + place // shown, count - 1)
        # What is repeated at the end of the last stream is not counted.
        real = np.arange(streams) * length + place // shown < count
        x, target = samples.inputs[rows], samples.targets[rows]
        _, moment = net.live(
            x.astype(float), target, moment_key(experiment, net.seed, TESTING, place)
        )
        for stream in np.flatnonzero(real):
            by_class = moment.s[-1][stream].reshape(-1, experiment.network.group).sum(axis=1)
            spikes[rows[stream]] += by_class
    e = samples.targets - spikes / shown / experiment.network.group
    wrong = spikes.argmax(axis=1) != samples.targets.argmax(axis=1)
    return 0.5 * (e * e).sum(axis=1).mean(), 100 * wrong.mean()


def _watched(experiment, net, samples):
    """Show images one after another; return the moments, and the mean activity of layers."""
    net.rest(1)
    moments = []
    for place in range(len(samples) * experiment.network.steps_per_image):
        row = place // experiment.network.steps_per_image
        x, target = samples.inputs[row : row + 1], samples.targets[row : row + 1]
        moments.append(
            net.live(x.astype(float), target, moment_key(experiment, net.seed, TESTING, place))[1]
        )
    rates = [np.mean([m.s[i] for m in moments]) for i in range(len(net.W))]
    return moments, rates
