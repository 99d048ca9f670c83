# %% [markdown]
# # Pictures
#
# Every kind of picture of `fa.plot`, small, from the code above it. Each takes an archive, or
# values from one, and gives matplotlib's axes; `axes=` draws into yours. From a shell,
# `fatheory plot ARCHIVE --kind angles` makes most of them.

# %%
import matplotlib.pyplot as plt
import numpy as np

import fatheory as fa

asked = fa.Experiment(
    task=fa.LinearTask(inputs=10, outputs=5),
    network=fa.DenseNetwork(hidden=15, start=fa.Uniform(bound=0.2)),
    rules={"backprop": 0.01, "feedback_alignment": 0.01},
    schedule=fa.Schedule(steps=2000),
    record=fa.Record(quantities=("weights", "delta_angle", "weight_angle", "weight_norm")),
    seeds=5,
)
run, theory = fa.simulate(asked, progress=False), fa.solve(asked)

# %% [markdown]
# ## curves
#
# A variable along runs. Bands say over how many seeds they are; diverged seeds are marked.

# %%
axes = plt.subplots(figsize=(5, 3.2))[1]
fa.plot.curves(run, "loss", axes=axes)

# %% [markdown]
# ## angles
#
# Between teaching signals, or between weights and feedback.

# %%
axes = plt.subplots(figsize=(5, 3.2))[1]
fa.plot.angles(run, "delta", layer=1, axes=axes)

# %% [markdown]
# ## units
#
# The angle of every hidden unit of one seed between what it sends out and the feedback it receives.

# %%
axes = plt.subplots(figsize=(5, 3.2))[1]
fa.plot.units(run, rule="feedback_alignment", seed=run.seed.values[0], axes=axes)

# %% [markdown]
# ## compare
#
# Theory over simulation, and the residuals below, seed by seed.

# %%
fa.plot.compare(theory, run)

# %% [markdown]
# ## phase_portrait
#
# The paths of runs in the plane of two quantities.

# %%
axes = plt.subplots(figsize=(5, 3.2))[1]
angle = fa.metrics.angle(run, "weight", layer=2).sel(rule=["feedback_alignment"])
norm = run.weight_norm.sel(layer=2, rule=["feedback_alignment"])
fa.plot.phase_portrait(norm, angle, axes=axes)

# %% [markdown]
# ## lines
#
# What the cells of a sweep end at, along one of its axes.

# %%
base = asked.replaced(schedule=fa.Schedule(steps=500), record=fa.Record(quantities=("weights",)))
swept = fa.Sweep(
    experiment=base,
    axes={"network.hidden": [5, 10, 20, 40], "rules.*.learning_rate": [0.003, 0.01]},
).run("pictures.zarr", progress=False)

axes = plt.subplots(figsize=(5, 3.2))[1]
fa.plot.lines(swept, "loss", x="network.hidden", axes=axes, points={"rules.*.learning_rate": 0.01})

# %% [markdown]
# ## heatmap
#
# The same over two axes, a panel for every rule.

# %%
fa.plot.heatmap(swept, "loss")

# %% [markdown]
# ## kernels
#
# Of wide networks, point by point; here twelve points on a circle.

# %%
around = np.linspace(0, 2 * np.pi, 12, endpoint=False)
points = np.column_stack([np.cos(around), np.sin(around)])
of_rules = [
    fa.theory.lazy_kernel(points, activation="relu", hidden_layers=2, rule=rule)
    for rule in ("backprop", "feedback_alignment")
]
fa.plot.kernels(of_rules)

# %% [markdown]
# ## overlaps
#
# Order parameters of online learning: students that find their teachers.

# %%
solved = fa.theory.order_parameters(
    0.01 * np.eye(2),
    [[0.01, 0.0], [0.0, 0.02]],
    np.eye(2),
    np.full((1, 2), 0.5),
    np.ones((1, 2)),
    B=np.ones((2, 1)),
    activation="erf",
    learning_rate=0.5,
    times=np.linspace(0, 200, 60),
)
axes = plt.subplots(figsize=(5, 3.2))[1]
fa.plot.overlaps(solved, axes=axes)

# %% [markdown]
# ## rasters
#
# Spikes of a spiking network, and below what one of its neurons computes.

# %%
rng = np.random.default_rng(0)
labels = rng.integers(0, 3, 60)
images = np.clip(0.8 * np.eye(3, 12)[labels] + rng.uniform(0, 0.2, (60, 12)), 0, 1)
spikes = fa.Experiment(
    task=fa.ArrayTask(inputs=images, targets=labels),
    network=fa.SpikingNetwork(hidden=(20, 20)),
    rules={"feedback_alignment": 0.01},
    schedule=fa.Schedule(steps=60),
    record=fa.Record(quantities=("traces",), snapshots=2, probe_samples=2),
    seeds=1,
)
fa.plot.rasters(fa.simulate(spikes, progress=False))
