# %% [markdown]
# # What archives cost: writing while a run goes on, and metrics of more than fits into memory
#
# Two questions. How much of a run's time goes into writing its snapshots and its state as it goes:
# the experiment of Fig. 3 of Lillicrap et al. 2016 at the paper's size (784-1000-10, both rules, 20
# seeds, all images of MNIST), once with an archive and, for a shorter stretch, once in memory. And
# how much memory a metric of an archive of 2 GB takes, in a process of its own.
#
#     python analyses/benchmarks/archive.py [--epochs 15] [--gigabytes 2] [--out DIR]

# %%
import argparse
import multiprocessing
import platform
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import numpy as np
import xarray as xr
from rows import add_row

import fatheory as fa
from fatheory.archive import RunWriter, provenance
from fatheory.initial import coordinates, draw_initial_state, drawn_variables
from fatheory.reproduction import script_arguments

MEGABYTE = 2**20


def figure_3(epochs: float) -> fa.Experiment:
    """Return the paper's experiment for so many epochs, all its snapshots of these kept."""
    preset = fa.presets["lillicrap2016/fig3ab"]
    steps = round(epochs * preset.task.samples)
    recorded = [step for step in preset.record.steps if step < steps]
    return preset.with_settings({"schedule.phases.0.steps": steps, "record.steps": recorded})


# %%
class Stopwatch:
    """Adds up the time that calls of some functions take."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.calls = 0

    def over(self, function: Callable) -> Callable:
        """Return the function, timed."""

        def timed(*args: object, **kwargs: object) -> object:
            began = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self.seconds += time.perf_counter() - began
                self.calls += 1

        return timed

    @contextmanager
    def on_writing(self) -> Iterator[None]:
        """Time what is written while a run goes on."""
        with (
            mock.patch.object(RunWriter, "record", self.over(RunWriter.record)),
            mock.patch.object(RunWriter, "commit", self.over(RunWriter.commit)),
            mock.patch.object(RunWriter, "finish", self.over(RunWriter.finish)),
        ):
            yield


def writing(epochs: float, folder: Path) -> None:
    """Report which share of a run goes into its archive."""
    asked = figure_3(epochs)
    watch = Stopwatch()
    began = time.perf_counter()
    with watch.on_writing():
        fa.simulate(asked, path=folder / "fig3.zarr", restart=True, progress=False)
    whole = time.perf_counter() - began
    add_row("writing, share of a run of Fig. 3", 100 * watch.seconds / whole, "%")
    size = sum(path.stat().st_size for path in (folder / "fig3.zarr").rglob("*"))
    print(
        f"Fig. 3, {epochs:g} epochs, {len(asked.seeds)} seeds, {len(asked.rules)} rules: "
        f"{whole:.1f} s, of which {watch.seconds:.2f} s ({100 * watch.seconds / whole:.2f} %) for "
        f"writing {len(asked.snapshot_steps)} snapshots and the state "
        f"({watch.calls} calls, {size / MEGABYTE:.1f} MB)"
    )


# %%
def large_archive(gigabytes: float, path: Path) -> Path:
    """Write an archive of weights of so many gigabytes, snapshot by snapshot, random numbers."""
    network = fa.DenseNetwork(hidden=(1000,), start=fa.Uniform(bound=0.1))
    asked = fa.Experiment(
        name="weights of a wide network",
        task=fa.LinearTask(inputs=784, outputs=10),
        network=network,
        rules={"feedback_alignment": 1e-3},
        schedule=fa.Schedule(phases=(fa.Phase(steps=10_000),)),
        record=fa.Record(snapshots=2, probe_samples=1),
        seeds=2,
    )
    bytes_each = 2 * 4 * (784 * 1000 + 1000 * 10)
    snapshots = max(2, round(gigabytes * 2**30 / bytes_each))
    asked = asked.with_settings({"record.snapshots": snapshots})
    starts = [draw_initial_state(asked, seed) for seed in asked.seeds]
    origin = provenance("simulation", asked.to_json(), asked.content_hash, "float32", "none", 0.0)
    static = fa.archive.assemble(drawn_variables(asked, starts), coordinates(asked), origin)
    rng = np.random.default_rng(0)
    lasting = np.full((1, 2), -1)
    with RunWriter(path, static, overwrite=True) as writer:
        for place, step in enumerate(asked.snapshot_steps):
            snapshot = {
                "weight_1": rng.standard_normal((1, 2, 1000, 784), np.float32),
                "weight_2": rng.standard_normal((1, 2, 10, 1000), np.float32),
                "loss": np.zeros((1, 2), np.float32),
            }
            writer.record(place, snapshot)
            writer.commit(step, lasting, 0.0, {})
        writer.finish(lasting, 0.0)
    return path


def weight_angles(path: Path) -> tuple[xr.DataArray, float, float]:
    """Compute a metric of an archive; return it, the peak memory in bytes, and seconds."""
    began = time.perf_counter()
    angles = fa.metrics.angle(fa.load(path), "weight")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return angles, peak, time.perf_counter() - began


def metric(gigabytes: float, folder: Path) -> None:
    """Report the memory of a metric over a large archive."""
    began = time.perf_counter()
    path = large_archive(gigabytes, folder / "large.zarr")
    wrote = time.perf_counter() - began
    size = sum(file.stat().st_size for file in path.rglob("*"))
    # A process of its own: memory peaks are those of a whole life.
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        angles, peak, seconds = pool.apply(weight_angles, (path,))
    add_row(f"peak memory of a metric of {size / 2**30:.2f} GB", peak / MEGABYTE, "MB")
    print(
        f"archive of {size / 2**30:.2f} GB, {angles.sizes['step']} snapshots: written in "
        f"{wrote:.0f} s; angle of weights and feedback over all of it in {seconds:.0f} s, with "
        f"{peak / MEGABYTE:.0f} MB of memory at its peak, Python and its libraries included"
    )


# %%
def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What archives cost.")
    parser.add_argument("--epochs", type=float, default=1.0)
    parser.add_argument("--gigabytes", type=float, default=2.0)
    parser.add_argument("--out", type=Path)
    options = script_arguments(parser)
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.out or Path(temporary)
        metric(options.gigabytes, folder)
        writing(options.epochs, folder)


if __name__ == "__main__":
    main()
