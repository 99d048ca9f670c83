# %% [markdown]
# # A rule of your own
#
# A learning rule answers one question: what stands in for W when errors travel back? Backprop
# answers W, and Liao, Leibo & Poggio 2016 answer sign(W). What lies between? V = tanh(g W) is g W
# where weights are small beside 1/g, and sign(W) where they are large: one parameter leads from
# backprop, up to a factor, to sign concordance.

# %%
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np

import fatheory as fa
from fatheory.arrays import namespace
from fatheory.rules import LayeredRule


@fa.rules.register
@dataclass(frozen=True)
class SoftSign(LayeredRule):
    """V = tanh(gain W)."""

    name = "soft_sign"
    summary = "V = tanh(gain W)"
    source = "this tutorial"
    display_name = "soft sign"
    colour = "#7A5195"
    gain: float = 1.0

    def draw(self, sampler, shape):
        """Return the gain as an array: V is a function of W and of what was drawn."""
        return np.full(shape, self.gain)

    @staticmethod
    def backward_weights(W, state):
        """Return V, of NumPy or JAX arrays alike."""
        return namespace(W).tanh(state * W)


# %% [markdown]
# That is all. The rule has a name in descriptions, and its parameter is a key like any other. A
# large gain sends larger errors back, so it takes smaller steps.

# %%
rates = {1: 0.005, 10: 0.0005, 100: 0.0005}
rules = {f"soft_sign {g}": {"gain": g, "learning_rate": rate} for g, rate in rates.items()}
asked = fa.presets["lillicrap2016/fig2"].replaced(
    rules={
        "backprop": 0.005,
        "usf": 0.0005,
        **{k: v | {"rule": "soft_sign"} for k, v in rules.items()},
    },
    seeds=10,
)
run = fa.simulate(asked, progress=False)

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2))
fa.plot.curves(run, "loss", axes=left, x="time")
fa.plot.angles(run, "delta", layer=1, axes=right)
figure.tight_layout()

# %% [markdown]
# The angle between the teaching signals and backprop's, at the start and at the end, mean over
# seeds:

# %%
angle = fa.metrics.angle(run, "delta", layer=1)
angle.mean("seed", skipna=False).isel(step=[0, -1]).round(1).to_pandas()

# %% [markdown]
# The gradient flow of a linear network takes V as it comes, so theory knows the rule, too. Where
# learning rates are small it says what training does:

# %%
theory = fa.solve(asked, method="flow")
error = fa.compare(theory, run).relative_error.sel(variable="loss").median("seed")
error.round(3).to_pandas()

# %% [markdown]
# In a package of yours, an entry point makes the rule known wherever the package is installed: see
# [how to write a rule](../howto/rule.md).
