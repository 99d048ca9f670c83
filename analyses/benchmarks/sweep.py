# %% [markdown]
# # How fast a sweep is, against one call of `simulate` after another
#
# 200 small cells: the task and network of Fig. 2 (30-20-10, linear, online), feedback alignment, 20
# learning rates by 10 scales of the feedback, one seed, 11 snapshots of loss and angle.
# On one side 200 calls of `fatheory.simulate`, one after another: once each stores its run, as the
# sweep does, and once they keep their results in memory and store nothing. On the other side one
# sweep, which plans, trains, and stores all of it durably in one archive. All programs are compiled
# in all cases. Then a sweep of cells that take longer, with one worker process and with two, timed
# by what the workers do once they are up.
#
#     python analyses/benchmarks/sweep.py [--steps 10000] [--rounds 3] [--long 40000]

# %%
import argparse
import math
import os
import platform
import tempfile
import time
from pathlib import Path

import numpy as np
from dask.distributed import Client
from rows import add_row

import fatheory as fa
from fatheory.reproduction import script_arguments
from fatheory.sweep import Sweep
from fatheory.sweep.cluster import cluster_client

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


def one_by_one(asked: Sweep, *, stored: bool) -> tuple[float, np.ndarray]:
    """Simulate every cell, into archives or not; return seconds and losses."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        losses = []
        for i, cell in enumerate(asked.cells()):
            assert cell.experiment is not None
            path = Path(folder) / f"{i}.zarr" if stored else None
            losses.append(fa.simulate(cell.experiment, path=path, progress=False)["loss"].values)
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
    """Print the seconds of all, best of several rounds taken in turn, and their ratios."""
    asked = sweep(steps)
    _, expected = one_by_one(asked, stored=False)  # the first of each compiles
    _, found = together(asked)
    apart = np.nanmax(np.abs(found - expected) / np.nanmax(np.abs(expected)))
    ways = {
        "200 calls that store": lambda: one_by_one(asked, stored=True),
        "200 calls in memory": lambda: one_by_one(asked, stored=False),
        "one sweep": lambda: together(asked),
    }
    taken = {name: math.inf for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            taken[name] = min(taken[name], way()[0])
    print(f"200 cells of {steps} steps, compiled (losses {apart:.0e} apart):")
    for name, seconds in taken.items():
        if name != "one sweep":
            add_row(f"one sweep over {name}", seconds / taken["one sweep"])
        print(f"  {name:22} {seconds:8.2f} s    {seconds / taken['one sweep']:.1f}")


def on_workers(steps: int) -> None:
    """Print the seconds of a longer sweep on one worker and on two, and their ratio."""
    # Examples drawn online would keep threads of their own busy beside the training.
    finite = {"task.samples": 200, "network.hidden": [40]}
    asked, warm = (sweep(n, seeds=8, rates=RATES[:8], **finite) for n in (steps, 10))
    seconds = {}
    for workers in (1, 2):
        with cluster_client(workers, None) as client:
            for _ in range(2):
                together(warm, client)
            seconds[workers] = together(asked, client)[0]
    print(f"{len(list(asked.cells()))} cells of {steps} steps and 8 seeds:")
    for workers, taken in seconds.items():
        ratio = seconds[1] / taken
        if workers > 1:
            add_row(f"{workers} workers over one", ratio)
        print(f"  {workers} worker{'s' if workers > 1 else ' '} {taken:12.2f} s    {ratio:.2f}")


# %%
def main() -> None:
    """Time both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--long", type=int, default=40_000)
    arguments = script_arguments(parser)
    print(f"{platform.machine()}, {os.cpu_count()} cores")
    against_single_calls(arguments.steps, arguments.rounds)
    on_workers(arguments.long)


if __name__ == "__main__":
    main()
