# %% [markdown]
# # A sweep on a cluster: SLURM, or the cores of this machine
#
# How far feedback alignment follows backprop, over learning rate and scale of the feedback. Where
# `dask-jobqueue` is installed and SLURM is there, workers are SLURM jobs; elsewhere they are
# processes of this machine. Any other launcher of Dask serves alike (Kubernetes, PBS, SSH ...): it
# only has to give a client.
#
#     python analyses/sweep_on_a_cluster.py sweep.zarr [--workers 2] [--steps 500]
#
# Stopped in the middle, it goes on when it is started again; a job that is cancelled or dies is
# replaced, and what it was doing is done again. Meanwhile, anywhere on the same file system:
#
#     fatheory sweep status sweep.zarr
#     fatheory sweep show sweep.zarr --variable delta_angle
#
# The same by the command line, with a scheduler that is already there:
#
#     dask scheduler --scheduler-file scheduler.json
#     sbatch --array=1-8 --wrap "dask worker --scheduler-file scheduler.json --nthreads 1"
#     fatheory sweep run SWEEP.json --scheduler tcp://ADDRESS:8786 --out sweep.zarr

# %%
import argparse
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from dask.distributed import Client

import fatheory as fa
from fatheory.reproduction import script_arguments
from fatheory.sweep import Sweep

# %% [markdown]
# ## Workers
#
# One thread each, for XLA too, which takes their number from NPROC: small programs split over many
# are no faster, and workers would take each other's time. Workers need the same installation as
# this script, and no access to the archive, which this process alone writes.


# %%
@contextmanager
def slurm(workers: int) -> Iterator[Client]:
    """Ask SLURM for so many jobs, and give a client of them."""
    from dask_jobqueue import SLURMCluster

    with (
        SLURMCluster(
            cores=1,
            processes=1,
            memory="4GB",
            walltime="04:00:00",
            job_script_prologue=["export NPROC=1"],
        ) as cluster,
        Client(cluster) as client,
    ):
        cluster.scale(jobs=workers)
        yield client


# %%
def sweep(steps: int) -> Sweep:
    """Return the sweep: 6 learning rates by 6 scales of the feedback."""
    experiment = fa.presets["lillicrap2016/fig2"].with_settings(
        {
            "rules": {"feedback_alignment": {"learning_rate": 0.01}},
            "schedule.phases": [{"steps": steps}],
            "record.quantities": ["delta_angle"],
            "record.snapshots": 11,
            "seeds": 5,
        }
    )
    return Sweep(
        experiment=experiment,
        axes={
            "rate": {
                "keys": ["rules.*.learning_rate"],
                "values": [0.0005 * 2**i for i in range(6)],
            },
            "scale": {"keys": ["rules.*.scale"], "values": [0.1, 0.2, 0.5, 1.0, 2.0, 4.0]},
        },
    )


# %%
def main() -> None:
    """Carry out the sweep and print the final losses."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive", nargs="?", default="out/sweep.zarr")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--steps", type=int, default=500)
    arguments = script_arguments(parser)
    asked = sweep(arguments.steps)
    if find_spec("dask_jobqueue") is not None and shutil.which("sbatch"):
        with slurm(arguments.workers) as client:
            found = asked.run(arguments.archive, scheduler=client)
    else:
        found = asked.run(arguments.archive, workers=arguments.workers)
    final = found["loss"].isel(step=-1, rule=0).median("seed")
    print(final.to_pandas().to_string(float_format="{:.3g}".format))
    print(f"cells that diverged: {int((found['status'] == 2).sum())} of {found['status'].size}")


# Worker processes import this file, and must not start a sweep of their own.
if __name__ == "__main__":
    main()
