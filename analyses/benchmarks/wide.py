# %% [markdown]
# # What the theory of wide networks costs
#
# The lazy kernel of three hidden layers on 2,000 points, and the mean field of the rich regime (20
# points, 100 steps, 20,000 samples) beside training the ensemble of networks that it replaces:
# twelve of width 1,024, by plain NumPy.
#
#     python analyses/benchmarks/wide.py [--samples N]

# %%
import argparse
import resource
import time
from collections.abc import Callable

import numpy as np
from rows import add_row

from fatheory.theory import dmft, lazy_kernel

POINTS, HIDDEN_LAYERS = 2000, 3
P, STEPS, WIDTH, NETWORKS = 20, 100, 1024, 12


# %%
def seconds(way: Callable[[], object]) -> float:
    """Return the time that a call takes."""
    began = time.perf_counter()
    way()
    return time.perf_counter() - began


def kernel(activation: str) -> None:
    """Compute the lazy kernel."""
    X = np.random.default_rng(0).normal(size=(POINTS, 100))
    lazy_kernel(X, activation=activation, hidden_layers=HIDDEN_LAYERS, rule="usf")


def mean_field(samples: int) -> None:
    """Follow outputs, kernels and angles of infinitely wide networks."""
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(P, 30)), rng.normal(size=(P, 2))
    dmft(
        X, Y, activation="tanh", hidden_layers=2, richness=1.0, learning_rate=0.02, steps=STEPS,
        samples=samples, alignment=False,
    )  # fmt: skip


def network(seed: int) -> None:
    """Train one network of two hidden layers by feedback alignment."""
    rng, n = np.random.default_rng(seed), WIDTH
    X, Y = rng.normal(size=(P, 30)), rng.normal(size=(P, 2))
    W0, W1, W = rng.normal(size=(n, 30)), rng.normal(size=(n, n)), rng.normal(size=(2, n))
    B1, B = rng.normal(size=(n, n)), rng.normal(size=(2, n))
    for _ in range(STEPS):
        first = np.tanh(W0 @ X.T / np.sqrt(30))
        second = np.tanh(W1 @ first / np.sqrt(n))
        e = Y.T - W @ second / n
        above = (1 - second**2) * (B.T @ e)
        below = (1 - first**2) * (B1.T @ above / np.sqrt(n))
        W += 0.02 * e @ second.T
        W1 += 0.02 / np.sqrt(n) * above @ first.T
        W0 += 0.02 / np.sqrt(30) * below @ X


# %%
def main() -> None:
    """Time everything and print it."""
    parser = argparse.ArgumentParser(description="What the theory of wide networks costs.")
    parser.add_argument("--samples", type=int, default=20_000)
    samples = parser.parse_args().samples
    for activation in ("relu", "erf", "tanh"):
        taken = seconds(lambda activation=activation: kernel(activation))
        add_row(f"lazy kernel, {activation}, {POINTS} points", taken, "s")
        print(
            f"lazy kernel, {POINTS:,} points, {HIDDEN_LAYERS} layers, {activation}: {taken:.2f} s"
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"peak memory so far: {peak:.2f} GB")
    taken = seconds(lambda: mean_field(samples))
    print(f"mean field, {P} points, {STEPS} steps, {samples:,} samples: {taken:.1f} s")
    one = seconds(lambda: network(0))
    add_row(f"mean field of {samples} samples over {NETWORKS} networks", NETWORKS * one / taken)
    print(f"networks that it replaces, {NETWORKS} of width {WIDTH:,}: {NETWORKS * one:.1f} s")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"peak memory: {peak:.2f} GB")


if __name__ == "__main__":
    main()
