# %% [markdown]
# # What the theory of linear networks costs
#
# Ways to the same answer, timed in turns in one run on one thread. What counts is the median over
# the turns of the processor time, which other work on the machine disturbs less than the clock.
# Ratios carry over to other machines, milliseconds do not.
#
#     OMP_NUM_THREADS=1 python analyses/benchmarks/linear_theory.py

# %%
import os
import platform
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy: small products gain nothing

import numpy as np
from rows import add_row

import fatheory as fa
from fatheory.initial import draw_initial_state
from fatheory.theory import find_method
from fatheory.theory.flow import flow
from fatheory.theory.gram import hidden_gram
from fatheory.theory.modes import ModeSolution
from fatheory.theory.reduced_sgd import reduced_sgd
from fatheory.theory.reduction import solve_gram

N_I, N_O = 30, 10
TIMES = np.linspace(0.0, 5.0, 51)


class Line(NamedTuple):
    """One line of the table."""

    what: str
    milliseconds: float
    ratio: str = ""


def median_ms(*ways: Callable[[], object], turns: int) -> list[float]:
    """Time the ways in turns, after one call of each to warm up; return the medians."""
    for way in ways:
        way()
    seconds: list[list[float]] = [[] for _ in ways]
    for _ in range(turns):
        for way, taken in zip(ways, seconds, strict=True):
            began = time.process_time()
            way()
            taken.append(time.process_time() - began)
    return [1e3 * statistics.median(taken) for taken in seconds]


def weights(n_h: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Draw W0, W, B and T; inner products over hidden units have the same mean at every width."""
    rng = np.random.default_rng(0)
    size = n_h**-0.5
    return (
        rng.normal(0.0, 0.1 * size, (n_h, N_I)),
        rng.normal(0.0, 0.1 * size, (N_O, n_h)),
        rng.normal(0.0, size, (n_h, N_O)),
        rng.normal(0.0, N_I**-0.5, (N_O, N_I)),
    )


# %% [markdown]
# ## Flow: reduced against full


# %%
def flow_lines() -> list[Line]:
    """Time the reduced flow and the flow of the full weights at three widths, all in turns."""
    widths = (20, 200, 2000)
    ways: list[Callable[[], object]] = []
    for n_h in widths:
        W0, W, B, T = weights(n_h)
        gram = hidden_gram(W0, W, B)
        ways += [
            partial(flow, W0, W, B, T, times=TIMES),
            partial(solve_gram, gram, T, times=TIMES),
            partial(hidden_gram, W0, W, B),
        ]
    taken = median_ms(*ways, turns=7)
    lines = []
    for n_h, full, solve, set_up in zip(widths, taken[::3], taken[1::3], taken[2::3], strict=True):
        lines += [
            Line(f"flow, n_h = {n_h}: full ODE", full),
            Line(f"flow, n_h = {n_h}: reduced", solve, f"{full / solve:.1f} x faster"),
            Line(f"flow, n_h = {n_h}: set-up of reduced (inner products)", set_up),
        ]
    growth = f"{taken[7] / taken[1]:.2f}"
    return [*lines, Line("flow, reduced: n_h = 2000 over n_h = 20", taken[7], growth)]


# %% [markdown]
# ## Online SGD: reduced against direct


# %%
def sgd_lines(n_h: int = 2000, steps: int = 3000, eta: float = 0.002) -> list[Line]:
    """Time online SGD in the reduced state, with its set-up, and in the full weights."""
    start = weights(n_h)
    inputs = np.random.default_rng(1).normal(size=(steps, 1, N_I))

    def reduced() -> np.ndarray:
        return reduced_sgd(*start, inputs, learning_rate=eta, snapshot_steps=[steps]).K

    direct, short = median_ms(lambda: direct_sgd(*start, inputs[:, 0], eta), reduced, turns=5)
    return [
        Line(f"online SGD, n_h = {n_h}, {steps} steps: direct", direct),
        Line(
            f"online SGD, n_h = {n_h}, {steps} steps: reduced",
            short,
            f"{direct / short:.1f} x faster",
        ),
    ]


def direct_sgd(
    W0: np.ndarray, W: np.ndarray, B: np.ndarray, T: np.ndarray, inputs: np.ndarray, eta: float
) -> tuple[np.ndarray, np.ndarray]:
    """Run online SGD in the full weights, in place."""
    W0, W = W0.copy(), W.copy()
    for x in inputs:
        h = W0 @ x
        e = eta * (T @ x - W @ h)
        W0 += np.outer(B @ e, x)
        W += np.outer(e, h)
    return W0, W


# %% [markdown]
# ## Closed form: all modes at all times


# %%
def mode_lines(n_modes: int = 1000, n_times: int = 1000) -> list[Line]:
    """Time the closed form of many modes at many times, from a zero start."""
    s = np.random.default_rng(2).uniform(0.1, 3.0, n_modes)
    times = np.geomspace(1e-3, 1e2, n_times)
    x0, y0 = np.random.default_rng(3).normal(0.0, 0.3, (2, n_modes))
    zero, spectral = median_ms(
        lambda: ModeSolution(s, 1.0).x(times),
        lambda: ModeSolution(s, 1.0, x0, y0).x(times),
        turns=9,
    )
    what = f"closed form: {n_modes} modes x {n_times} times"
    return [Line(f"{what}, zero start", zero), Line(f"{what}, spectral starts", spectral)]


# %% [markdown]
# ## Seeds: one pass against one after another


# %%
def seed_lines(seeds: int = 20) -> list[Line]:
    """Time the flow of the seeds of Fig. 2 together, and one by one."""
    asked = fa.presets["lillicrap2016/fig2"].with_settings({"seeds": seeds})
    label, choice = next(pair for pair in asked.rules if pair[0] == "feedback_alignment")
    starts = [draw_initial_state(asked, seed) for seed in asked.seeds]
    method = find_method("flow")
    together, apart = median_ms(
        lambda: method.paths(asked, starts, label, choice),
        lambda: [method.paths(asked, [start], label, choice) for start in starts],
        turns=5,
    )
    return [
        Line(f"flow, Fig. 2, {seeds} seeds: one by one", apart),
        Line(
            f"flow, Fig. 2, {seeds} seeds: in one pass",
            together,
            f"{apart / together:.1f} x faster",
        ),
    ]


# %%
def main() -> None:
    """Print the table."""
    print(
        f"{os.cpu_count()} cores ({platform.machine()}), "
        f"OMP_NUM_THREADS={os.environ['OMP_NUM_THREADS']}, NumPy {np.__version__}, "
        f"{N_I} inputs, {N_O} outputs"
    )
    print(f"{'':60s}{'ms':>10s}   ratio")
    for lines in (flow_lines, sgd_lines, mode_lines, seed_lines):
        for line in lines():
            add_row(line.what, line.milliseconds, "ms")
            if line.ratio:
                add_row(f"{line.what}, ratio", float(line.ratio.split()[0]))
            print(f"{line.what:60s}{line.milliseconds:10.2f}   {line.ratio}")


if __name__ == "__main__":
    main()
