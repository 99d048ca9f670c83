# %% [markdown]
# # A study in ten lines
#
# Four studies, each in one cell of at most ten lines, and with the time it took where this page was
# made. Every line counts, imports too; bands are of ten seeds.
#
# ## Width and feedback scale, theory overlaid
#
# What is the loss of feedback alignment after 1,000 steps, by the number of hidden units and the
# size of the feedback weights? Simulation with its bands; theory, the gradient flow of the same
# seeds, is dashed. The flow is the limit of small rates: where little error is left, training's own
# fluctuations keep it above.

# %%
# %%time
import fatheory as fa

preset = fa.presets["lillicrap2016/fig2"]
base = preset.replaced(rules={"feedback_alignment": 0.001}, seeds=10)
base = base.replaced(schedule=fa.Schedule(steps=1000))
axes = {"rules.*.scale": [0.25, 0.5, 1.0], "network.hidden": [10, 20, 40]}
asked = fa.Sweep(experiment=base, axes=axes)
simulation = asked.run("simulation.zarr", progress=False)
theory = asked.run("theory.zarr", method="flow", progress=False)
fa.plot.lines(fa.sweep.side_by_side(theory, simulation), "loss")

# %% [markdown]
# ## Data of your own
#
# Three rings in the plane, told apart by a network with one hidden layer; a fifth of the examples
# is held out. What it takes is arrays: [more on them](own_data.py).

# %%
# %%time
import numpy as np

import fatheory as fa

X = np.random.default_rng(0).normal(size=(2000, 2))
task = fa.ArrayTask(inputs=X, targets=np.digitize(np.hypot(*X.T), [0.8, 1.5]), validation=0.2)
net = fa.DenseNetwork(hidden=40, activation="tanh", output="softmax", biases=fa.Normal(std=0.1))
rules = {"backprop": 0.1, "feedback_alignment": 0.1}
schedule = fa.Schedule(steps=3000, batch_size=20)
record = fa.Record(quantities=["classification_error"])
asked = fa.Experiment(task=task, network=net, rules=rules, schedule=schedule, record=record)
fa.plot.curves(fa.simulate(asked.replaced(seeds=10), progress=False), "classification_error")

# %% [markdown]
# ## A rule of your own
#
# What stands in for W when errors travel back? Here W itself, but no entry of it beyond 0.1: far
# less than its weights become. [More on rules](own_rule.py).

# %%
# %%time
import fatheory as fa


@fa.rules.register
class Capped(fa.rules.LayeredRule):
    name, summary, source = "capped", "W within [-0.1, 0.1]", "this tutorial"
    backward_weights = staticmethod(lambda W, _: W.clip(-0.1, 0.1))


rates = {"backprop": 0.005, "feedback_alignment": 0.005, "capped": 0.005}
asked = fa.presets["lillicrap2016/fig2"].replaced(rules=rates, seeds=10)
fa.plot.angles(fa.simulate(asked, progress=False), "delta", layer=1)

# %% [markdown]
# ## A run of PyTorch
#
# While PyTorch trains, a copy of the network's state dict is kept now and then, by step:
# [the whole script](from_pytorch.py) is short. This build has no PyTorch. So a loop in NumPy stands
# in for it and keeps what PyTorch would: arrays of shape (out, in) by the names of a state dict.

# %%
import numpy as np


def state_dicts(seed, steps=2000, rate=0.02):
    """Train 20-40-10 ReLU units by feedback alignment; keep state dicts and losses by step."""
    rng = np.random.default_rng(seed)
    T, B = rng.normal(size=(10, 20)) / 20**0.5, rng.uniform(-0.5, 0.5, (40, 10))
    W0, W = rng.uniform(-0.2, 0.2, (40, 20)), rng.uniform(-0.2, 0.2, (10, 40))
    kept, losses = {}, {}
    for step in range(steps + 1):
        x = rng.normal(size=(50, 20))
        h = np.maximum(x @ W0.T, 0)
        e = x @ T.T - h @ W.T
        if step % 100 == 0:
            kept[step] = {"0.weight": W0.copy(), "2.weight": W.copy()}
            losses[step] = (e**2).sum(1).mean() / 2
        W, W0 = W + rate * e.T @ h / 50, W0 + rate * ((e @ B.T) * (h > 0)).T @ x / 50
    return kept, losses, B


seeds = {("feedback_alignment", seed): state_dicts(seed) for seed in range(10)}

# %%
# %%time
import fatheory as fa

weights = {run: kept for run, (kept, _, _) in seeds.items()}
losses = {run: losses for run, (_, losses, _) in seeds.items()}
feedback = {run: {2: B} for run, (_, _, B) in seeds.items()}
run = fa.interchange.from_arrays(
    weights, losses=losses, feedback=feedback, learning_rate=0.02, activation="relu"
)
fa.plot.angles(run, "weight", layer=2)

# %% [markdown]
# Next: [the first run](first_run.py) step by step.
