# %% [markdown]
# # How fast an ensemble trains, against a plain NumPy loop
#
# The network of Fig. 2 (30-20-10, feedback alignment, online), 20 seeds, 2,000 steps. Both sides
# start from the same draws, draw the same examples and end at the same weights. The trainer is
# timed as `fatheory.simulate` as a whole, once compiled, and by its compiled steps alone; the
# loop with the drawing of its examples, and by its steps alone. Best of several runs each.
#
#     python analyses/benchmarks/linear_ensemble.py [--seeds 20] [--steps 2000]

# %%
import argparse
import os
import platform
import resource
import time

import jax
import numpy as np
from rows import add_row

import fatheory as fa
from fatheory.initial import block_steps, draw_initial_state, examples
from fatheory.reproduction import script_arguments
from fatheory.train.group import Group
from fatheory.train.loader import Loader


# %%
def numpy_loop(asked: fa.Experiment) -> tuple[float, float, np.ndarray]:
    """Train every seed by a plain loop; return seconds in all, of the steps, and the last W."""
    rate = asked.learning_rates[0]
    whole, steps, final = 0.0, 0.0, []
    for seed in asked.seeds:
        start = draw_initial_state(asked, seed)
        W0, W = (weights.copy() for weights in start.weights)
        B = start.states["feedback_alignment"][1].T
        began = time.perf_counter()
        drawn = examples(asked, seed, start, 0, asked.schedule.steps)
        inputs, targets = drawn.inputs[:, 0], drawn.targets[:, 0]
        stepping = time.perf_counter()
        for x, target in zip(inputs, targets, strict=True):
            h = W0 @ x
            e = target - W @ h
            delta = B @ e
            W += rate * np.outer(e, h)
            W0 += rate * np.outer(delta, x)
        ended = time.perf_counter()
        whole, steps = whole + ended - began, steps + ended - stepping
        final.append(W)
    return whole, steps, np.array(final)


def simulated(asked: fa.Experiment, repeats: int) -> tuple[float, float, np.ndarray]:
    """Train by the package; return seconds of the first call, the best of the others, last W."""
    seconds = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        archive = fa.simulate(asked, progress=False)
        seconds.append(time.perf_counter() - began)
    return seconds[0], min(seconds[1:]), archive["weight_2"].values[0, :, -1]


def compiled_steps(asked: fa.Experiment, repeats: int) -> float:
    """Return the best seconds of a block of compiled steps, scaled to the whole run."""
    with jax.enable_x64(asked.precision == "float64"):
        starts = [draw_initial_state(asked, seed) for seed in asked.seeds]
        (group,) = Group.all_of(asked, starts)
        batches, _ = Loader(asked, starts).block(0)
        steps = min(block_steps(asked), asked.schedule.steps)
        seconds = []
        for _ in range(repeats + 1):
            began = time.perf_counter()
            group.advance(batches, 0, 0, 0, steps)
            jax.block_until_ready(group.ensemble)
            seconds.append(time.perf_counter() - began)
    return min(seconds[1:]) * asked.schedule.steps / steps


# %%
def main() -> None:
    """Time both and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--steps", type=int, default=2000)
    arguments = script_arguments(parser)
    asked = fa.presets["lillicrap2016/fig2"].replaced(
        rules={"feedback_alignment": 0.01},
        seeds=arguments.seeds,
        schedule=fa.Schedule(phases=(fa.Phase(steps=arguments.steps),)),
        record=fa.Record(snapshots=2),
    )
    work = arguments.seeds * arguments.steps
    loops = [numpy_loop(asked) for _ in range(3)]
    whole, steps = min(loop[0] for loop in loops), min(loop[1] for loop in loops)
    expected = loops[0][2]
    print(f"{platform.machine()}, {os.cpu_count()} cores; {work} steps in all")
    print(f"{'':22} {'us a step':>10} {'ratio':>6} {'us, steps alone':>16} {'ratio':>6}")
    print(f"{'NumPy loop':22} {1e6 * whole / work:10.2f} {1:6} {1e6 * steps / work:16.2f} {1:6}")
    for precision in ("float64", "float32"):
        same = asked.replaced(precision=precision)
        first, best, found = simulated(same, repeats=7)
        alone = compiled_steps(same, repeats=7)
        add_row(f"simulate over the NumPy loop, {precision}", whole / best)
        add_row(f"compiled steps over those of the NumPy loop, {precision}", steps / alone)
        apart = np.abs(found - expected).max() / np.abs(expected).max()
        print(
            f"{f'simulate, {precision}':22} {1e6 * best / work:10.2f} {whole / best:6.1f} "
            f"{1e6 * alone / work:16.2f} {steps / alone:6.1f}   "
            f"(first call {first:.1f} s with compilation; W differs by {apart:.0e})"
        )
    # Linux reports kilobytes.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory {peak:.0f} MB")


if __name__ == "__main__":
    main()
