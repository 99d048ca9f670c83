# %% [markdown]
# # What the law of online learning costs
#
# `fatheory.theory.online_learning` of seeds of Fig. 2 of Lillicrap et al. 2016 (30-20-10, 2,000
# steps), rule by rule at its tuned rate and at half of it: processor time a seed, beside that of
# knowing the median by brute force, from literal runs of the same seed in NumPy, side by side.
#
#     OMP_NUM_THREADS=1 python analyses/benchmarks/online_theory.py

# %%
import os
import time
import warnings
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy: small products gain nothing

import numpy as np
from rows import add_row

import fatheory as fa
from fatheory.errors import LearningRateWarning
from fatheory.initial import InitialState, draw_initial_state
from fatheory.theory import online_learning

SEEDS, END = 2, 2000
RATES = {"feedback_alignment": (0.01, 0.005), "backprop": (0.013, 0.0065)}
RUNS, TIMED = 100, 100
"""Runs that know a median to an eighth of their spread, and how many of their steps are timed."""


# %%
def cpu_seconds(way: Callable[[], object]) -> float:
    """Return processor time."""
    began = time.process_time()
    way()
    return time.process_time() - began


def law(start: InitialState, rule: str, rate: float) -> float:
    """Solve, and return the last step that is known."""
    B = start.states[rule][1].T if rule == "feedback_alignment" else None
    steps = np.linspace(0, END, 101).astype(int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LearningRateWarning)
        solved = online_learning(
            *start.weights, B, start.T, learning_rate=rate, rule=rule, steps=steps
        )
    return float(steps[np.isfinite(solved["loss_median"].values)][-1])


def literal(start: InitialState, rule: str, rate: float) -> None:
    """Carry out some steps of the runs."""
    rng = np.random.default_rng(0)
    W0, W = (np.repeat(np.asarray(A, dtype=float)[None], RUNS, 0) for A in start.weights)
    B, E = start.states["feedback_alignment"][1].T, start.T - W @ W0
    for _ in range(TIMED):
        x = rng.normal(size=(RUNS, start.T.shape[1], 1))
        e, h = E @ x, W0 @ x
        move, x = rate * ((B if rule == "feedback_alignment" else W.mT) @ e), x.mT
        readout = rate * e @ h.mT
        E = E - readout @ W0 - (W @ move + readout @ move) @ x
        W0, W = W0 + move @ x, W + readout


# %%
def main() -> None:
    """Print the table."""
    asked = fa.presets["lillicrap2016/fig2"]
    starts = [draw_initial_state(asked, seed) for seed in asked.seeds[:SEEDS]]
    for rule, rates in RATES.items():
        for rate in rates:
            ends: list[float] = []

            def solve(rule=rule, rate=rate, ends=ends):
                ends.extend(law(start, rule, rate) for start in starts)

            taken = cpu_seconds(solve) / SEEDS
            run = cpu_seconds(lambda rule=rule, rate=rate: literal(starts[0], rule, rate))
            add_row(f"{rule} {rate:g}, over {RUNS} literal runs", run * END / TIMED / taken)
            print(
                f"{rule} {rate:g}: {taken:.2f} s a seed, known to step {min(ends):g}; "
                f"{RUNS} literal runs {run * END / TIMED:.1f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
