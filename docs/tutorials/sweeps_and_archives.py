# %% [markdown]
# # Sweeps and archives
#
# How do hidden width and the size of the feedback weights change learning? A sweep asks one
# experiment over axes, and one archive has the axes as dimensions. Ten seeds each, by simulation
# and by theory:

# %%
from functools import partial

import matplotlib.pyplot as plt

import fatheory as fa

base = fa.presets["lillicrap2016/fig2"].with_settings(
    {"seeds": 10, "rules": {"feedback_alignment": 0.001}, "schedule.phases": [{"steps": 4500}]}
)
axes = {"network.hidden": [(10,), (20,), (40,)], "rules.*.scale": [0.25, 0.5, 1.0]}
asked = fa.Sweep(experiment=base, axes=axes)
simulation = asked.run("simulation.zarr", progress=False)
theory = asked.run("theory.zarr", method="flow", progress=False)
simulation

# %% [markdown]
# A cell is a run like any other, and every metric goes over all cells:

# %%
angles = fa.sweep.over_cells(partial(fa.metrics.angle, of="delta", layer=1), simulation)
final = angles.isel(step=-1, rule=0).mean("seed", skipna=False)
final.round(1).to_pandas()

# %%
figure, panels = plt.subplots(1, 3, figsize=(12, 3.6), sharey=True)
for panel, hidden in zip(panels, simulation["network.hidden"].values, strict=True):
    both = fa.sweep.side_by_side(theory, simulation).sel({"network.hidden": hidden})
    fa.plot.curves(both.loss.sel(rule="feedback_alignment"), axes=panel)
    panel.set_title(f"{hidden} hidden units")
figure.tight_layout()

# %% [markdown]
# ## Diverged cells
#
# What failed or diverged is marked and stops nothing:

# %%
wild = fa.Sweep(experiment=base, axes={"rules.*.learning_rate": [0.001, 0.03]})
found = wild.run("wild.zarr", progress=False)
found.diverged.sum("seed").isel(rule=0).to_pandas()

# %% [markdown]
# ## Going on
#
# A sweep that was stopped goes on where it was: finished cells are never done again. Here all are,
# so this returns at once with the same archive.

# %%
assert asked.run("simulation.zarr", progress=False).identical(simulation)

# %% [markdown]
# A single run with a `path` is written as it goes and continues alike. Reading needs no more than a
# part of it in memory, and a copy in NetCDF is for other programs:

# %%
run = fa.simulate(base, path="run.zarr", progress=False)
fa.to_netcdf(run, "run.nc")
{name: value for name, value in fa.load("run.zarr").attrs.items() if name != "experiment"}

# %% [markdown]
# And a run that is done goes on for longer, from where it ended:

# %%
longer = fa.simulate(base.lengthened(500), path="run.zarr", progress=False)
print(run.step[-1].item(), "steps, then", longer.step[-1].item())

# %% [markdown]
# From a shell:
#
# ```bash
# fatheory sweep run lillicrap2016/fig2 --axis "network.hidden=[10],[20],[40]" --out sweep.zarr
# fatheory sweep status sweep.zarr
# fatheory archive check run.zarr
# ```
#
# Sweeps also run [on a cluster](../howto/cluster.md).
