# %% [markdown]
# # First run
#
# A linear network of 30 inputs, 20 hidden units and 10 outputs learns a random linear map, by
# backprop and by feedback alignment: Fig. 2 of Lillicrap et al. 2016. Everything about it is one
# value, an experiment.

# %%
import matplotlib.pyplot as plt

import fatheory as fa

asked = fa.presets["lillicrap2016/fig2"].with_settings(
    {"seeds": 10, "rules": {"backprop": 0.005, "feedback_alignment": 0.005}}
)
asked

# %% [markdown]
# `simulate` trains it. The answer is an xarray Dataset with a dimension for rules, for seeds and
# for recorded steps.

# %%
run = fa.simulate(asked, progress=False)
run

# %% [markdown]
# Metrics take an archive and return a named array. This is the angle between the teaching signals
# of feedback alignment and those of backprop, averaged over examples: 90 degrees says that random
# feedback points nowhere in particular.

# %%
angle = fa.metrics.angle(run, "delta", layer=1).sel(rule="feedback_alignment")
angle.mean("seed", skipna=False).isel(step=[0, 10, 50, 100]).to_pandas()

# %% [markdown]
# Pictures take an archive, too, and give matplotlib's axes. A line is the mean over seeds or, on a
# logarithmic axis, their median; the legend says what the band is and how many seeds it is of.

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8))
fa.plot.curves(run, "loss", axes=left)
fa.plot.angles(run, "delta", axes=right)
figure.tight_layout()

# %% [markdown]
# Stored, read back, and found to be the same. The archive carries the experiment, so a metric that
# is written in two years runs on it.

# %%
fa.save(run, "first.zarr", overwrite=True)
again = fa.load("first.zarr")
assert again.identical(run)
assert fa.Experiment.from_json(again.attrs["experiment"]) == asked

# %% [markdown]
# The same from a shell:
#
# ```bash
# fatheory run lillicrap2016/fig2 --set rules.backprop.learning_rate=0.005 --out first.zarr
# fatheory inspect first.zarr
# ```
#
# Next: [a rule of your own](own_rule.py), [theory beside simulation](theory_beside_simulation.py),
# [sweeps and archives](sweeps_and_archives.py).
