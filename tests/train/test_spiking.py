"""What a spiking network computes in the limits where something else is known."""

import itertools
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from default_run import slow_but

import fatheory as fa
from fatheory.errors import DivergedWarning
from fatheory.initial import draw_initial_state
from fatheory.networks import Architecture, Parameters, first_preactivations, forward
from fatheory.networks.spiking import Neuron, Potentials, centred, slope
from fatheory.rules import rule as rule_module
from fatheory.train import spiking
from fatheory.train.group import Group
from fatheory.train.loader import Loader
from fatheory.train.programs.spiking import drawn_inputs, moment_key
from fatheory.train.programs.spiking_block import StepSizes, learn_block
from fatheory.train.spiking_measure import STREAMS, stream_order


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


def asked(network=None, rules=None, steps=12, batch=1, **changes):
    plain = {"kind": "spiking", "hidden": [9, 8], "group": 2, "start": fa.Uniform(bound=0.4)}
    parts = {
        "task": fa.ImageTask(dataset="synthetic-digits", limit=40, evaluation_limit=20),
        "network": plain | (network or {}),
        "rules": rules or {"feedback_alignment": 0.5, "backprop": 0.5},
        "schedule": fa.Schedule(phases=(fa.Phase(steps=steps),), batch_size=batch),
        "update": fa.Update(weight_decay=0.05),
        "record": fa.Record(quantities=("weights", "traces"), snapshots=2, probe_samples=3),
        "seeds": 2,
        "precision": "float64",
    }
    return fa.Experiment(**(parts | changes))


def worst(ours, theirs, prefix=""):
    """Return the largest difference of any variable of such names."""
    names = [name for name in ours.data_vars if str(name).startswith(prefix)]
    return max(float(abs(ours[n].astype(float) - theirs[n]).max()) for n in names)


# Without noise, leak, reset of anything: a dense network.


@pytest.mark.parametrize(
    "rule", slow_but(["feedback_alignment"], ["feedback_alignment", "backprop", "usf"])
)
def test_one_expected_step_is_a_dense_networks_by_its_modulators(rule):
    single = {"leak": 1.0, "steps_per_image": 1, "ceiling": 1.0, "spikes": "expected"}
    biases = fa.Normal(std=0.3)
    network = {"group": 1, "biases": biases} | single
    experiment = asked(network, {rule: 0.7}, steps=1, batch=5, seeds=(1,))
    found = fa.simulate(experiment).isel(rule=0, seed=0, step=-1)

    dense = fa.DenseNetwork(
        hidden=(9, 8),
        activation="sigmoid",
        output="sigmoid",
        start=experiment.network.start,
        biases=biases,
    )
    start = draw_initial_state(experiment.replaced(network=dense, record=fa.Record()), 1)
    net = Architecture.of(dense)
    weights, drawn_biases = (tuple(map(jnp.asarray, a)) for a in (start.weights, start.biases))
    parameters = Parameters(weights, drawn_biases, ())
    choice = experiment.rules[0][1]
    V = [
        choice.make().backward_weights(W, state)
        for W, state in zip(parameters.weights[1:], start.states[rule][1:], strict=True)
    ]
    order = fa.initial.sample_order(experiment, 1, 0, 1)[0]
    x = jnp.asarray(start.samples.inputs[order], float)
    target = jnp.asarray(start.samples.targets[order], float)

    def outputs(parameters):
        sums = first_preactivations(net, parameters.weights[0], parameters.biases, x)
        # Through V = 0 nothing returns, so every layer learns from its own signals alone.
        cut = [jnp.zeros_like(W) for W in parameters.weights[1:]]
        ran = forward(net, sums, parameters.upper, cut)
        return [*ran.hidden, net.output(ran.logits)]

    signals = [centred(target - outputs(parameters)[-1])]
    for matrix in reversed(V):
        signals.insert(0, centred(signals[0] @ matrix))
    taught = jax.grad(
        lambda p: sum(jnp.sum(m * h) / len(x) for m, h in zip(signals, outputs(p), strict=True))
    )(parameters)
    for kind, before, gradients in (
        ("weight", parameters.weights, taught.weights),
        ("bias", parameters.biases, taught.biases),
    ):
        for layer, (A, g) in enumerate(zip(before, gradients, strict=True), start=1):
            expected = A + 0.7 * (g - 0.05 * A)
            assert np.abs(g).max() > 1e-5
            np.testing.assert_allclose(found[f"{kind}_{layer}"], expected, rtol=0, atol=1e-14)


def test_functions_of_neurons_are_the_logistic_functions():
    u = jnp.linspace(-4, 4, 33)
    logistic = 1 / (1 + np.exp(-u))
    np.testing.assert_allclose(centred(u), 2 * logistic - 1, atol=1e-15)
    np.testing.assert_allclose(slope(u), jax.vmap(jax.grad(jax.nn.sigmoid))(u), atol=1e-15)
    tiny = jnp.asarray(1e-20)
    np.testing.assert_allclose(centred(tiny), tiny / 2, rtol=1e-12)


@pytest.mark.parametrize(("integration", "rest"), [("leaky", 5.0), ("average", 2.0)])
def test_potentials_settle_where_their_integration_says(integration, rest):
    neuron = Neuron.of(fa.SpikingNetwork(hidden=(2,), leak=0.4, integration=integration))
    v, drive = jnp.zeros((1, 3)), jnp.full((1, 3), 2.0)
    apart = []
    for _ in range(20):
        v = neuron.integrate(v, drive)
        apart.append(float(jnp.abs(v - rest).max()))
    np.testing.assert_allclose(np.diff(np.log(apart)), np.log(0.6), rtol=1e-6)


# The noise.

PIXELS = np.array([[0.3, 1.0]])
HIDDEN, CLASSES, GROUP = 2, 3, 2
COUNTS = 4 ** np.arange(3, 9)


@cache
def small_network():
    rng = np.random.default_rng(3)
    sizes = (2, HIDDEN, CLASSES * GROUP)
    W = tuple(rng.normal(0, 1.5, (n, m)) for m, n in itertools.pairwise(sizes))
    b = tuple(rng.normal(0, 0.5, n) for n in sizes[1:])
    return Parameters(W, b, ()), rng.normal(0, 1.5, W[1].shape)


def expected_changes():
    """Enumerate all spikes of one time step from rest; return E[s_l] and E[dW_l]."""
    (W1, W2), (b1, b2) = small_network()[0].weights, small_network()[0].biases
    V, target = small_network()[1], np.repeat(np.eye(CLASSES)[1], GROUP)

    def sigma(a):
        return 1 / (1 + np.exp(-a))

    def states(p):
        for s in itertools.product((0.0, 1.0), repeat=len(p)):
            yield np.array(s), np.prod(np.where(s, p, 1 - p))

    means = [np.zeros(HIDDEN), np.zeros(CLASSES * GROUP)]
    changes = [np.zeros_like(W1), np.zeros_like(W2)]
    for s0, p0 in states(np.minimum(PIXELS[0], 0.95)):
        h1 = sigma(W1 @ s0 + b1)
        for s1, p1 in states(h1):
            h2 = sigma(W2 @ s1 + b2)
            for s2, p2 in states(h2):
                p = p0 * p1 * p2
                m2 = 2 * sigma(target - s2) - 1
                m1 = 2 * sigma(V.T @ m2) - 1
                means[0] += p * s1
                means[1] += p * s2
                changes[0] += p * np.outer(m1 * h1 * (1 - h1), s0)
                changes[1] += p * np.outer(m2 * h2 * (1 - h2), s1)
    return means, changes


@partial(jax.jit, static_argnames="streams")
def one_step(key, streams):
    """Let so many streams live one time step from rest; return mean spikes and weight changes."""
    parameters, V = small_network()
    parameters = jax.tree.map(jnp.asarray, parameters)
    neuron = Neuron.of(fa.SpikingNetwork(hidden=(HIDDEN,), group=GROUP))
    sizes = [HIDDEN, CLASSES * GROUP]
    x = jnp.broadcast_to(PIXELS, (1, streams, 2))
    target = jnp.broadcast_to(jnp.eye(CLASSES)[1], (1, streams, CLASSES))
    given = drawn_inputs(neuron, key[None], x, target, sizes)
    rest = Potentials.at_rest(sizes, (streams,), float)
    step_sizes = (StepSizes.of(jnp.ones(1), 0.0, streams),) * 2
    learned, after, _ = learn_block(
        neuron,
        parameters,
        rest,
        (None, jnp.asarray(V)),
        step_sizes,
        given,
        jnp.asarray(1),
        (False,),
    )
    spikes = [
        neuron.emit(jax.nn.sigmoid(v), uniform[0])
        for v, uniform in zip(after.forward, given.uniforms, strict=True)
    ]
    changes = [W - W0 for W, W0 in zip(learned.weights, parameters.weights, strict=True)]
    return [jnp.mean(s, axis=0) for s in spikes], changes


def test_means_of_spikes_and_of_updates_approach_their_expectations_at_the_rate_of_chance():
    means, changes = expected_changes()
    errors = {"spikes": [], "updates": []}
    for count in COUNTS:
        squares = {"spikes": [], "updates": []}
        for trial in range(24):
            key = moment_key(jnp.asarray(7), jnp.asarray(trial), jnp.asarray(0), jnp.asarray(0))
            found = one_step(key, int(count))
            for what, ours, theirs in zip(squares, found, (means, changes), strict=True):
                pairs = zip(ours, theirs, strict=True)
                squares[what] += [np.mean((a - b) ** 2) / np.mean(b**2) for a, b in pairs]
        for what, of_trials in squares.items():
            errors[what].append(np.sqrt(np.mean(of_trials)))
    for what, measured in errors.items():
        rate = np.polyfit(np.log(COUNTS), np.log(measured), 1)[0]
        assert abs(rate + 0.5) < 0.05, what
        assert measured[-1] < 0.02, what


# Ways to compute the same.


@pytest.fixture(scope="module")
def usual():
    return fa.simulate(asked())


@pytest.mark.parametrize("length", slow_but([7], [1, 7]))
def test_every_block_length_gives_the_plain_loop(usual, monkeypatch, length):
    monkeypatch.setattr(spiking, "spiking_block_length", lambda *_: length)
    other = fa.simulate(asked())
    assert worst(other, usual, "weight") < 1e-12
    assert worst(other, usual, "spikes") == 0
    assert worst(other, usual) > 0


def test_snapshots_and_phases_do_not_change_what_is_learned(usual):
    record = fa.Record(quantities=("weights",), steps=(1, 2, 5, 11), probe_samples=3)
    phases = fa.Schedule(phases=(fa.Phase(steps=5), fa.Phase(steps=7)))
    cut = fa.simulate(asked(record=record, schedule=phases))
    both = cut.isel(step=[0, -1])
    assert worst(both, usual, "weight") < 1e-12


def test_side_by_side_runs_are_those_in_turn(usual):
    experiment = asked()
    starts = [draw_initial_state(experiment, seed) for seed in experiment.seeds]
    batches, _ = Loader(experiment, starts).block(0)
    for group in Group.all_of(experiment, starts):
        group._spec = group._spec._replace(in_turn=False)
        group.advance(batches, 0, 0, 0, experiment.schedule.steps)
        labels = [experiment.rule_labels[i] for i in group.members]
        for name, ours in group.weights().items():
            theirs = usual[name].sel(rule=labels).isel(step=-1)
            assert np.abs(ours - theirs.values).max() < 1e-12


def test_seeds_and_streams_do_not_share_their_noise(usual):
    potentials = usual.potential.isel(rule=0, step=0, traced_unit=0)
    assert np.unique(potentials.isel(layer=0).values).size > 10
    assert (usual.spikes.isel(seed=0, step=0) != usual.spikes.isel(seed=1, step=0)).any()
    neuron = Neuron.of(fa.SpikingNetwork())
    keys = jnp.stack([jax.random.key(0), jax.random.key(1)])
    given = drawn_inputs(neuron, keys, jnp.full((2, 3, 50), 0.5), jnp.zeros((2, 3, 10)), [4, 1000])
    flat = given.spikes.reshape(6, -1)
    assert len(np.unique(np.asarray(flat), axis=0)) == 6


def test_rules_of_one_seed_live_through_the_same_noise():
    same = {label: {"rule": "shallow", "learning_rate": 0.5} for label in ("one", "other")}
    run = fa.simulate(asked(rules=same, steps=3))
    assert worst(run.sel(rule="one"), run.sel(rule="other")) == 0


def test_images_are_tested_once_each_in_streams():
    for count in (1, 99, 100, 101, 205, 1000):
        order = np.asarray(stream_order(count))
        assert len(order) <= STREAMS
        assert set(order.ravel()) == set(range(count))
        np.testing.assert_array_equal(order.ravel()[:count], np.arange(count))


# Divergence, and small things that add up.


EVERYTHING = {
    "quantities": ["weights", "traces", "firing_rate", "classification_error", "training_error"],
    "snapshots": 2,
    "probe_samples": 3,
}


def test_a_run_that_diverges_is_marked_and_harms_no_other(monkeypatch):
    """Nothing grows without bounds but the potentials: here by feedback at the edge of infinity."""
    monkeypatch.setattr(rule_module, "LARGEST", 1e39)  # descriptions keep away from that edge
    wild = {"rule": "feedback_alignment", "learning_rate": 0.5, "scale": 3e38}
    rules = {"shallow": 0.5, "wild": wild}
    with pytest.warns(DivergedWarning, match="2 of 4 runs diverged: wild"):
        run = fa.simulate(asked({"group": 20}, rules, precision="float32", record=EVERYTHING))
    assert run.diverged.sel(rule="wild").all()
    assert not run.diverged.sel(rule="shallow").any()
    assert ((run.diverged_at >= 0) == run.diverged).all()
    assert np.isnan(run.loss.sel(rule="wild").isel(step=-1)).all()
    assert np.isfinite(run.loss.sel(rule="shallow")).all()
    # Spikes of potentials that are not numbers would be counted as silence, and as an error.
    recorded = [name for name in run.data_vars if "step" in run[name].dims]
    assert {"classification_error", "training_error", "firing_rate"} < set(recorded)
    for name in recorded:
        assert np.isnan(run[name].sel(rule="wild").isel(step=-1)).all(), name


def test_decay_below_single_precisions_resolution_adds_up():
    """A share of 1e-8 a time step is lost in rounding unless it is collected over a block."""
    gone = asked(
        {"steps_per_image": 50, "start": fa.Uniform(bound=1.0)},
        {"shallow": 1e-3},
        steps=200,
        update=fa.Update(weight_decay=1e-5),
        precision="float32",
    )
    run = fa.simulate(gone).astype(float).isel(rule=0, seed=0)
    first, last = run.weight_1.isel(step=0), run.weight_1.isel(step=-1)
    lost = 1 - float((first * last).sum() / (first * first).sum())
    np.testing.assert_allclose(lost, 1e-8 * 50 * 200, rtol=0.02)
