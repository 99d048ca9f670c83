"""The sweep: an experiment and the axes along which it is changed, to be carried out."""

import os
from typing import TYPE_CHECKING

from fatheory.sweep.answer import SIMULATION, THEORY
from fatheory.sweep.description import SweepDescription
from fatheory.sweep.run import run_sweep

if TYPE_CHECKING:
    import xarray as xr
    from dask.distributed import Client


class Sweep(SweepDescription):
    """An experiment, asked once for every combination of settings.

    It is frozen, compares by content, round-trips through JSON and has a content hash, as an
    `Experiment` does.

    Attributes
    ----------
    experiment : Experiment
        What is asked where no axis says otherwise.
    axes : mapping of str to Axis
        From a name, which becomes a dimension of the results, to the points of the axis:

        - ``{"rules.*.learning_rate": [0.01, 0.02]}``, values for one dotted key, as
          `Experiment.with_settings` takes it; ``*`` stands for every entry there;
        - ``{"width": {"keys": ["network.hidden.0", "network.hidden.1"], "values": [10, 20]}}``,
          values for several keys;
        - ``{"depth": {"2 layers": {"network.hidden": [20]}, "3 layers": {"network.hidden": [20,
          20]}}}``, settings by label;
        - ``{"size": {"network.hidden": [[10], [20]], "rules.*.learning_rate": [0.02, 0.01]}}``,
          keys that move together, each with as many values; results have their labels along the
          one axis ``size``.

        Settings of a later axis are made on top of those of the earlier ones.

    Warns
    -----
    OverwrittenAxisWarning
        If a later axis puts something else in the place of what an earlier one says: cells keep the
        label of the earlier one, and are not run with it.

    Raises
    ------
    InvalidExperimentError
        If an axis is none, has a name that archives give another meaning, or no combination of
        settings is a valid experiment.
    """

    def run(
        self,
        path: str | os.PathLike[str],
        *,
        method: str | None = None,
        workers: int | None = None,
        scheduler: "str | Client | None" = None,
        restart: bool = False,
        progress: bool | None = None,
    ) -> "xr.Dataset":
        """Carry out what is not done yet, and return the results.

        Cells that train in the same compiled program are trained together. The archive at `path`
        grows batch by batch and can be read meanwhile by `fatheory.load`. A sweep that was
        stopped goes on. One that stood there with other axes hands over the cells that both have.
        A cell that fails or diverges says so in ``status`` and ``error``, and the others go on;
        failed ones are tried again when the sweep is run again.

        Parameters
        ----------
        path : path
            The archive.
        method : str, optional
            Solve every cell from theory by this method of `fatheory.solve`; by default cells are
            trained. A cell that the method does not cover has failed, and says why.
        workers : int, optional
            Use so many processes of this machine, by Dask; by default, all cores in this process.
        scheduler : str or dask.distributed.Client, optional
            Use the workers of this Dask scheduler, given by its address or by a client.
        restart : bool
            Whether to replace an archive at `path` instead of going on with it.
        progress : bool, optional
            Show a progress bar with the time left; by default on terminals.

        Returns
        -------
        xarray.Dataset
            What `fatheory.load` reads: the variables of a run with the axes in front, and for
            every cell ``status``, ``error``, ``wall_time_s`` and ``experiment_hash``. Where cells
            differ in rules, seeds, steps or layers the union is taken, and a cell has NaN for what
            it lacks. Variables of other sizes in other cells are left out; the attribute
            ``left_out`` names them. Sweeps from theory also have ``absent_quantities``: what the
            method cannot give in a cell, and why. `fatheory.sweep.cell` returns a cell as a run,
            and `fatheory.sweep.over_cells` applies a metric to all.

        Warns
        -----
        DivergedWarning
            If runs diverged: how many, of which rules, and since when.

        Raises
        ------
        ArchiveWriteError
            If something stands at `path` that is no sweep of some of these experiments with
            answers of this kind, another process writes it, or it cannot be written to.
        UnknownNameError
            If there is no such method.
        FatheoryError
            If Dask is asked for and not installed, or the cluster is lost.
        KeyboardInterrupt
            When interrupted; the message says how far it came.
        """
        return run_sweep(
            self,
            path,
            answer=SIMULATION if method is None else f"{THEORY}{method}",
            workers=workers,
            scheduler=scheduler,
            restart=restart,
            progress=progress,
        )
