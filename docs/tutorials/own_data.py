# %% [markdown]
# # Own data and own network
#
# Arrays of your own are a task: inputs, and classes or real targets. Here are two spirals, which no
# linear network can tell apart.

# %%
import matplotlib.pyplot as plt
import numpy as np

import fatheory as fa

rng = np.random.default_rng(0)
turn = np.sqrt(rng.uniform(0.04, 1, 2000)) * 3.2 * np.pi
side = rng.integers(0, 2, 2000)
X = (np.array([np.cos(turn), np.sin(turn)]) * turn * (1 - 2 * side)).T / 5
X += 0.05 * rng.normal(size=X.shape)

task = fa.ArrayTask(inputs=X, targets=side, validation=0.2)
task

# %% [markdown]
# A fifth of the examples is held out, and errors are measured on it. The description carries a
# digest of the arrays, and an archive the arrays themselves.
#
# The network is described field by field; what is wrong is said at once, with what is allowed.

# %%
asked = fa.Experiment(
    task=task,
    network=fa.DenseNetwork(
        hidden=(40, 40),
        activation="tanh",
        output="softmax",
        start=fa.Scaled(),
        biases=fa.Normal(std=0.1),
    ),
    rules={"backprop": 0.1, "feedback_alignment": {"learning_rate": 0.1, "scale": 0.3}},
    schedule=fa.Schedule(phases=[{"steps": 4000}], batch_size=20),
    record=fa.Record(quantities=["classification_error", "delta_angle", "weights"]),
    seeds=5,
)
run = fa.simulate(asked, progress=False)

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4))
fa.plot.curves(run, "classification_error", axes=left)
fa.plot.angles(run, "delta", axes=right)
figure.tight_layout()

# %% [markdown]
# What has each rule learned? `predict` takes an archive and inputs, and answers with the recorded
# weights.

# %%
axis = np.linspace(-2, 2, 80)
grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
predicted = fa.predict(run, grid)
predicted

# %%
share = predicted.output.isel(unit_3=1).mean("seed")
figure, panels = plt.subplots(1, 2, figsize=(9, 4.2), sharey=True)
for panel, rule in zip(panels, run.rule.values, strict=True):
    image = share.sel(rule=rule).values.reshape(80, 80)
    panel.pcolormesh(axis, axis, image, cmap="RdBu", vmin=0, vmax=1)
    panel.plot(*X[side == 0].T, ",", color="0.1")
    panel.plot(*X[side == 1].T, ",", color="0.9")
    panel.set(title=rule, aspect="equal")
figure.tight_layout()

# %% [markdown]
# ## Feedback of your own
#
# Weights and feedback need not be drawn: what you give is taken, by the names that archives have.
# `feedback_l` carries errors from layer l and is oriented like B, (unit below, unit above). Is it
# enough for feedback to have two values, 0.2 and -0.2?

# %%
signs = {
    "feedback_2": 0.2 * rng.choice([-1.0, 1.0], size=(40, 40)),
    "feedback_3": 0.2 * rng.choice([-1.0, 1.0], size=(40, 2)),
}
given = asked.replaced(
    initial=fa.OwnStart(signs), rules={"feedback_alignment": {"learning_rate": 0.1}}
)
binary = fa.simulate(given, progress=False)
print("drawn: ", run.classification_error.sel(rule="feedback_alignment").isel(step=-1).values, "%")
print("given: ", binary.classification_error.isel(rule=0, step=-1).values, "%")

# %% [markdown]
# Start weights come from arrays as well (`weight_l`, `bias_l`), by rule and seed if they differ, or
# from where another run was: `fa.OwnStart.from_archive(run, step=1000)`.
#
# ## Theory of your own data
#
# Where the network is linear, theory answers given examples, too: by their second moment
# $X^\top X / N$ and the linear map that fits them best. Losses are those of the held-out examples,
# and `training_loss` has the others.

# %%
Y = np.column_stack([np.sin(X[:, 0]), X.sum(axis=1)])
linear = asked.replaced(
    task=fa.ArrayTask(inputs=X, targets=Y, validation=0.2),
    network=fa.DenseNetwork(hidden=20, start=fa.Uniform(bound=0.1)),
    rules={"backprop": 0.02, "feedback_alignment": 0.02},
    schedule=fa.Schedule(phases=[{"steps": 1000}], batch_size=1600),
    record=fa.Record(quantities=["training_loss", "delta_angle"]),
)
fa.plot.compare(fa.solve(linear), fa.simulate(linear, progress=False))
