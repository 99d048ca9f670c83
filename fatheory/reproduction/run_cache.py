"""Where the runs behind a figure are kept: a cache of archives, by content hash."""

from collections.abc import Callable
from pathlib import Path

from fatheory.experiment import Experiment

RunCache = Callable[[Experiment], Path | None]
"""From an experiment to the archive that `fatheory.simulate` continues; None for none."""


def run_cache(folder: Path | None) -> RunCache:
    """Return the cache of runs in a folder, by content hash; None keeps none.

    Runs that an earlier version has kept there stay where they are.
    """

    def place_of(experiment: Experiment) -> Path | None:
        if folder is None:
            return None
        # Former hashes too, or a run of hours would be trained anew for a change in how it is said.
        paths = [
            folder / f"{name}.zarr" for name in (experiment.content_hash, *experiment.former_hashes)
        ]
        return next((path for path in paths if path.exists()), paths[0])

    return place_of
