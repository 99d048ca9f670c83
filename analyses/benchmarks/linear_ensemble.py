# %% [markdown]
# # How fast an ensemble trains, against a plain NumPy loop
#
# The network of Fig. 2 (30-20-10, feedback alignment, online), 20 seeds, 2,000 steps. Both sides do
# the same work on the same examples, drawn outside the clock, and end at the same weights. The
# trainer's figure is `fatheory.simulate` as a whole, drawing the examples included, once compiled.
#
#     python analyses/benchmarks/linear_ensemble.py [--seeds 20] [--steps 2000]

# %%
import argparse
import os
import platform
import resource
import time

import numpy as np

import fatheory as fa
from fatheory.initial import draw_start, examples


# %%
def numpy_loop(asked: fa.Experiment) -> tuple[float, np.ndarray]:
    """Train every seed by a plain loop; return the seconds and the last output weights."""
    rate = asked.learning_rates[0]
    began, final = 0.0, []
    for seed in asked.seeds:
        start = draw_start(asked, seed)
        W0, W = (weights.copy() for weights in start.weights)
        B = start.states["feedback_alignment"][1].T
        drawn = examples(asked, seed, start, 0, asked.schedule.steps)
        inputs, targets = drawn.inputs[:, 0], drawn.targets[:, 0]
        clock = time.perf_counter()
        for x, target in zip(inputs, targets, strict=True):
            h = W0 @ x
            e = target - W @ h
            delta = B @ e
            W += rate * np.outer(e, h)
            W0 += rate * np.outer(delta, x)
        began += time.perf_counter() - clock
        final.append(W)
    return began, np.array(final)


def simulated(asked: fa.Experiment, repeats: int) -> tuple[float, float, np.ndarray]:
    """Train by the package; return seconds of the first call, the best of the others, weights."""
    seconds = []
    for _ in range(repeats + 1):
        clock = time.perf_counter()
        archive = fa.simulate(asked, progress=False)
        seconds.append(time.perf_counter() - clock)
    return seconds[0], min(seconds[1:]), archive["weight_2"].values[0, :, -1]


# %%
def main() -> None:
    """Time both and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--steps", type=int, default=2000)
    arguments = parser.parse_args()
    asked = fa.presets["lillicrap2016/fig2"].replaced(
        rules={"feedback_alignment": 0.01},
        seeds=arguments.seeds,
        schedule=fa.Schedule(phases=(fa.Phase(steps=arguments.steps),)),
        record=fa.Record(snapshots=2),
    )
    work = arguments.seeds * arguments.steps
    loop, expected = min((numpy_loop(asked) for _ in range(3)), key=lambda result: result[0])
    print(f"{platform.machine()}, {os.cpu_count()} cores; {work} steps in all")
    print(f"{'NumPy loop':24} {loop:8.3f} s {1e6 * loop / work:8.2f} us a step and seed")
    for precision in ("float64", "float32"):
        first, best, found = simulated(asked.replaced(precision=precision), repeats=5)
        apart = np.abs(found - expected).max() / np.abs(expected).max()
        print(
            f"{f'simulate, {precision}':24} {best:8.3f} s {1e6 * best / work:8.2f} us a step and "
            f"seed; {loop / best:5.1f} times as fast (first call {first:.1f} s with compilation; "
            f"largest relative difference of W {apart:.1e})"
        )
    # Linux reports kilobytes.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory {peak:.0f} MB")


if __name__ == "__main__":
    main()
