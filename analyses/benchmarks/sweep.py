# %% [markdown]
# # How fast a sweep is, against one call of `simulate` after another
#
# 200 small cells: the task and network of Fig. 2 (30-20-10, linear, online), feedback alignment, 20
# learning rates by 10 scales of the feedback, one seed, 11 snapshots of loss and angle.
# On one side 200 calls of `fatheory.simulate`, one after another, which keep their results in
# memory. On the other one sweep, which plans, trains, and stores all of it durably in one archive.
# All programs are compiled in both cases. Then a sweep of cells that take longer, with one worker
# process and with two, timed by what the workers do once they are up.
#
#     python analyses/benchmarks/sweep.py [--steps 10000] [--rounds 3] [--long 40000]

# %%
import argparse
import os
import platform
import tempfile
import time
from pathlib import Path

import dask
import numpy as np
from dask.distributed import Client, LocalCluster

import fatheory as fa
from fatheory.sweep import Sweep

RATES = [0.0005 * (i + 1) for i in range(20)]
SCALES = [0.1 * (i + 1) for i in range(10)]


# %%
def sweep(steps: int, seeds: int = 1, rates: list[float] = RATES, **settings: object) -> Sweep:
    """Return the sweep over learning rates and scales."""
    experiment = fa.presets["lillicrap2016/fig2"].with_settings(
        {
            "rules": {"feedback_alignment": {"learning_rate": 0.01}},
            "schedule.phases": [{"steps": steps}],
            "record.quantities": ["delta_angle"],
            "record.snapshots": 11,
            "seeds": seeds,
            **settings,
        }
    )
    return Sweep(
        experiment=experiment,
        axes={
            "rate": {"keys": ["rules.*.learning_rate"], "values": rates},
            "scale": {"keys": ["rules.feedback_alignment.scale"], "values": SCALES},
        },
    )


def one_by_one(asked: Sweep) -> tuple[float, np.ndarray]:
    """Simulate every cell; return seconds and losses."""
    began = time.perf_counter()
    experiments = [cell.experiment for cell in asked.cells() if cell.experiment is not None]
    losses = [fa.simulate(experiment, progress=False)["loss"].values for experiment in experiments]
    return time.perf_counter() - began, np.array(losses)


def together(asked: Sweep, client: Client | None = None) -> tuple[float, np.ndarray]:
    """Carry out the sweep into a new archive; return seconds and losses."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        found = asked.run(Path(folder) / "sweep.zarr", scheduler=client, progress=False)
        seconds = time.perf_counter() - began
        return seconds, found["loss"].values.reshape(-1, *found["loss"].shape[2:])


# %%
def against_single_calls(steps: int, rounds: int) -> None:
    """Print the seconds of both, best of several rounds taken in turn, and their ratio."""
    asked = sweep(steps)
    single, whole = [], []
    for _ in range(rounds + 1):  # the first compiles
        seconds, expected = one_by_one(asked)
        single.append(seconds)
        seconds, found = together(asked)
        whole.append(seconds)
    apart = np.nanmax(np.abs(found - expected) / np.nanmax(np.abs(expected)))
    best = min(single[1:]), min(whole[1:])
    print(f"200 cells of {steps} steps, compiled ({apart:.0e} apart):")
    print(f"{'  200 simulate calls':24} {best[0]:8.2f} s")
    print(f"{'  one sweep':24} {best[1]:8.2f} s    {best[0] / best[1]:.1f} times as fast")


def on_workers(steps: int) -> None:
    """Print the seconds of a longer sweep on one worker and on two, and their ratio."""
    # Examples drawn online would keep threads of their own busy beside the training.
    finite = {"task.samples": 200, "network.hidden": [40]}
    asked, warm = (sweep(n, seeds=8, rates=RATES[:8], **finite) for n in (steps, 10))
    seconds = {}
    for workers in (1, 2):
        # One thread for each worker's programs, too: otherwise one alone would use every core.
        flags = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        with (
            dask.config.set({"distributed.nanny.pre-spawn-environ.XLA_FLAGS": flags}),
            LocalCluster(
                n_workers=workers, threads_per_worker=1, memory_limit=None, dashboard_address=":0"
            ) as cluster,
            Client(cluster) as client,
        ):
            for _ in range(2):
                together(warm, client)
            seconds[workers] = together(asked, client)[0]
    print(f"{len(list(asked.cells()))} cells of {steps} steps and 8 seeds:")
    for workers, taken in seconds.items():
        ratio = seconds[1] / taken
        print(f"  {workers} worker{'s' if workers > 1 else ' '} {taken:12.2f} s    {ratio:.2f}")


# %%
def main() -> None:
    """Time both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--long", type=int, default=40_000)
    arguments = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores")
    against_single_calls(arguments.steps, arguments.rounds)
    on_workers(arguments.long)


if __name__ == "__main__":
    main()
