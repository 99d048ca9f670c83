# %% [markdown]
# # Theory beside simulation
#
# One description, two answers. This tutorial finds out when they agree, and what it means when they
# do not.

# %%
import matplotlib.pyplot as plt
import numpy as np

import fatheory as fa

base = fa.presets["lillicrap2016/fig2"].replaced(
    seeds=10,
    rules={"feedback_alignment": 0.005},
    schedule=fa.Schedule(phases=[{"steps": 2000}]),
)
simulation = fa.simulate(base, progress=False)
theory = fa.solve(base, method="flow")

above, below = fa.plot.compare(theory, simulation)

# %% [markdown]
# Both are of the same seeds: seed 3 has the same target, start weights and feedback in both, so the
# residual below is that of each seed with itself. The gradient flow is the limit of small learning
# rates. Training learns from one example at a time and fluctuates around it.
#
# ## The step
#
# If that is all, the distance must fall with the learning rate, and at a rate that is known:
# fluctuations are of the order of its square root. So ask at several rates, each over the same
# time.

# %%
rates = [0.004, 0.001, 0.00025, 0.0000625]
asked = [
    base.replaced(
        rules={"feedback_alignment": rate},
        schedule=fa.Schedule(phases=[{"steps": round(3 / rate)}]),
        record=fa.Record(quantities=["weights"], snapshots=7),
    )
    for rate in rates
]
trained = [fa.simulate(one, progress=False) for one in asked]
solved = [fa.solve(one, method="flow") for one in asked]
found = fa.compare(solved, trained)

error = found.relative_error.sel(variable="weight_2", rule="feedback_alignment")
mean = error.mean("seed", skipna=False).values
slopes = np.diff(np.log(mean)) / np.diff(np.log(rates))
print("slopes from the largest rate to the smallest:", slopes.round(2))

figure, axes = plt.subplots(figsize=(5, 3.6))
axes.loglog(rates, mean, "o-", label="training against flow")
axes.loglog(rates, mean[-1] * np.sqrt(rates / np.min(rates)), ":", label="slope ½")
axes.set_xticks(rates, [f"{rate:g}" for rate in rates])
axes.minorticks_off()
axes.set(xlabel="learning rate", ylabel="relative error of W")
axes.legend()
figure.tight_layout()

# %% [markdown]
# The slope tends to ½ as the rates become small; at larger ones terms of higher order join in. A
# wrong equation would leave a distance that stays, and a slope that tends to 0.

# %% [markdown]
# ## The method
#
# There are methods for finite rates, too. `online` predicts what training does on average at the
# rates themselves:

# %%
online = fa.solve(base, method="online")
mean_loss = simulation.loss.isel(rule=0).mean("seed", skipna=False)
figure, axes = plt.subplots(figsize=(6, 3.8))
axes.semilogy(simulation.step, mean_loss, label="training, mean of 10 seeds")
axes.semilogy(online.step, online.loss.isel(rule=0).mean("seed"), "--", label="online")
axes.semilogy(theory.step, theory.loss.isel(rule=0).mean("seed"), ":", label="flow")
axes.set(xlabel="update steps", ylabel="loss")
axes.legend()
figure.tight_layout()

# %% [markdown]
# ## The regime
#
# A method that does not know a network, task or update says so instead of answering another
# question:

# %%
nonlinear = base.replaced(network=base.network.replaced(activation="tanh"))
try:
    fa.solve(nonlinear, method="flow")
except fa.FatheoryError as refused:
    print(refused)

# %% [markdown]
# ## The problem
#
# And archives of two different problems are not compared at all:

# %%
other = base.replaced(network=base.network.replaced(hidden=(25,)))
try:
    fa.compare(fa.solve(other, method="flow"), simulation)
except fa.FatheoryError as refused:
    print(refused)

# %% [markdown]
# [The theory, statement by statement](../generated/theory.md), says for each what it assumes, and
# how far tests found it from what it predicts.
