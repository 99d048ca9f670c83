"""Optimisers of optax by name: against their recursions written out, and in training."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fatheory as fa
from fatheory.errors import ArchiveError, InvalidExperimentError, RegimeError
from fatheory.updates import adaptive_direction

GRADIENTS = np.random.default_rng(2).normal(size=(6, 4))


def adam(gradients, b1=0.9, b2=0.999, eps=1e-8):
    m = v = 0.0
    for k, g in enumerate(gradients, start=1):
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        yield m / (1 - b1**k) / (np.sqrt(v / (1 - b2**k)) + eps)


def lion(gradients, b1=0.9, b2=0.99):
    m = 0.0
    for g in gradients:
        yield np.sign(b1 * m + (1 - b1) * g)
        m = b2 * m + (1 - b2) * g


def rmsprop(gradients, decay=0.9, eps=1e-8):
    v = 0.0
    for g in gradients:
        v = decay * v + (1 - decay) * g**2
        yield g / np.sqrt(v + eps)


RECURSIONS = {"adam": adam, "lion": lion, "rmsprop": rmsprop}
NAMES = (*RECURSIONS, "adabelief", "adagrad", "amsgrad", "nadam")


@pytest.mark.parametrize(("name", "recursion"), RECURSIONS.items())
def test_directions_are_their_recursions(name, recursion):
    with jax.enable_x64(True):
        direction, W = adaptive_direction(name, weight_decay=0.5), jnp.full(4, 2.0)
        memory = direction.init(W)
        for g, expected in zip(GRADIENTS, recursion(GRADIENTS), strict=True):
            tau, memory = direction.update(jnp.asarray(g), memory, W)
            np.testing.assert_allclose(tau, expected + 0.5 * W, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_an_optimizer_of_its_own(name):
    direction = adaptive_direction(name)
    memory, found = direction.init(jnp.zeros(4)), []
    for g in GRADIENTS:
        tau, memory = direction.update(jnp.asarray(g), memory, jnp.zeros(4))
        found.append(np.asarray(tau))
    assert np.isfinite(found).all()
    # The field accepts it, and a rule's text says it.
    assert fa.Update(optimizer=name).memories >= 1
    arrays = [a for a in jax.tree.leaves(memory) if a.ndim]
    assert fa.Update(optimizer=name).memories == len(arrays)


def asked(**changes):
    parts = {
        "task": fa.LinearTask(inputs=3, outputs=2, samples=8),
        "network": fa.DenseNetwork(hidden=(4,), start=fa.Uniform(bound=0.4)),
        "rules": {"feedback_alignment": 0.01},
        "schedule": fa.Schedule(phases=(fa.Phase(steps=5), fa.Phase(steps=4)), batch_size=8),
        "update": fa.Update(optimizer="adam"),
        "record": fa.Record(quantities=("weights",), steps=tuple(range(10))),
        "seeds": 2,
        "precision": "float64",
    }
    return fa.Experiment(**(parts | changes))


def test_feedback_alignment_under_adam_is_the_literal_loop():
    run = fa.simulate(asked()).sel(rule="feedback_alignment", seed=1)
    W0, W = run["weight_1"].values[0], run["weight_2"].values[0]
    B, X, Y = (run[name].values for name in ("feedback_2", "probe_input", "probe_target"))
    for start, stop in ((0, 5), (5, 9)):  # each phase begins without memory
        # Adam looks at all gradients so far, so the last of them is enough.
        seen = []
        for step in range(start, stop):
            e = Y - X @ W0.T @ W.T
            seen.append((-(B @ e.T @ X) / 8, -(e.T @ X @ W0.T) / 8))
            first, second = (list(adam(own))[-1] for own in zip(*seen, strict=True))
            W0, W = W0 - 0.01 * first, W - 0.01 * second
            np.testing.assert_allclose(run["weight_1"].values[step + 1], W0, rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(run["weight_2"].values[step + 1], W, rtol=1e-9, atol=1e-12)


def test_what_remembers_goes_on_in_a_phase_of_its_own():
    before = asked(schedule=fa.Schedule(phases=(fa.Phase(steps=5),), batch_size=8), record={})
    after = before.lengthened(4, snapshots=1)
    assert after.schedule.ends == (5, 9)
    run = fa.simulate(after, continue_from=fa.simulate(before))
    np.testing.assert_array_equal(run["loss"][..., -1], fa.simulate(asked())["loss"][..., -1])
    longer = after.with_settings({"schedule.phases": [{"steps": 9}]})
    with pytest.raises(ArchiveError, match=r"update\.optimizer"):
        fa.simulate(longer, continue_from=run.sel(step=run["step"] <= 5).assign_attrs(
            experiment=before.to_json()))  # fmt: skip


def test_what_knows_nothing_of_it_says_so():
    with pytest.raises(RegimeError, match=r"set update\.optimizer to 'sgd'"):
        fa.solve(asked())
    with pytest.raises(InvalidExperimentError, match="are settings of 'sgd'"):
        fa.Update(optimizer="adam", momentum=0.9)
    with pytest.raises(InvalidExperimentError, match="optimizer"):
        fa.Update(optimizer="adamw")
    assert asked(update={}).content_hash == asked(update={"optimizer": "sgd"}).content_hash
