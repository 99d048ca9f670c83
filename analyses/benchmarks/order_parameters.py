# %% [markdown]
# # What the order parameters of online learning cost
#
# Four students of four teachers, one output, up to 1,000 n_i examples, with 101 recorded times:
# `fatheory.theory.order_parameters`, and forward Euler on the same field, as such equations are
# often solved, with its error. Processor time of one thread, the median of some turns.
#
#     OMP_NUM_THREADS=1 python analyses/benchmarks/order_parameters.py

# %%
import os
import statistics
import time
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy: small products gain nothing

import numpy as np
from rows import add_row

from fatheory.theory import order_parameters
from fatheory.theory.order_parameters.arguments import checked_problem
from fatheory.theory.order_parameters.field import motion
from fatheory.theory.order_parameters.path import RTOL
from fatheory.theory.order_parameters.state import OrderParameters

K, END, TURNS = 4, 1000.0, 3
TIMES = np.linspace(0.0, END, 101)
EULER_STEPS = (0.2, 0.1)


def problem(activation: str, rule: str) -> tuple[tuple[np.ndarray, ...], dict[str, object]]:
    """Return the arrays and settings of `order_parameters`."""
    rng = np.random.default_rng(0)
    X = 0.5 * rng.normal(size=(K, 1000))
    arrays = (
        X @ X.T / 1000,
        X[:, :K] / np.sqrt(1000),
        np.eye(K),
        0.3 * rng.normal(size=(1, K)),
        np.ones((1, K)),
    )
    B = rng.normal(size=(K, 1)) if rule == "feedback_alignment" else None
    return arrays, {"activation": activation, "rule": rule, "B": B, "learning_rate": 0.5}


def cpu_seconds(way: Callable[[], object], turns: int = TURNS) -> float:
    """Return the median processor time."""
    taken = []
    for _ in range(turns):
        began = time.process_time()
        way()
        taken.append(time.process_time() - began)
    return statistics.median(taken)


def euler(activation: str, rule: str, step: float) -> OrderParameters:
    """Step forward on the same field."""
    arrays, settings = problem(activation, rule)
    asked, state = checked_problem(
        *arrays, **settings, readout_rate=None, noise=0.0, decay=0.0, input_decay=0.0
    )
    for _ in range(round(END / step)):
        moved = motion(asked, state)
        state = OrderParameters(
            state.Q + step * moved.Q, state.R + step * moved.R, state.W + step * moved.W
        )
    return state


# %%
def main() -> None:
    """Print the table."""
    for activation in ("erf", "relu"):
        for rule in ("backprop", "feedback_alignment"):
            arrays, settings = problem(activation, rule)

            def solve(arrays=arrays, settings=settings):
                return order_parameters(*arrays, **settings, times=TIMES)

            turns = TURNS if activation == "erf" else 1
            taken = cpu_seconds(solve, turns)
            add_row(f"{activation}, {rule}", taken, "s of CPU")
            print(f"{activation}, {rule}: {taken:.2f} s", flush=True)
    arrays, settings = problem("erf", "backprop")
    exact = order_parameters(*arrays, **settings, times=TIMES)["R"].values[-1]
    for step in EULER_STEPS:
        off = np.abs(euler("erf", "backprop", step).R - exact).max()
        taken = cpu_seconds(lambda step=step: euler("erf", "backprop", step), 1)
        print(f"erf, backprop, forward Euler, step {step:g}: {taken:.2f} s, error {off:.1e}")
    print(f"the solver's own tolerance is {RTOL:g}; Euler's error falls with its step")


if __name__ == "__main__":
    main()
