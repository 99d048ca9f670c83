"""Where the runs behind a figure are kept while they go on."""

from collections.abc import Callable
from pathlib import Path

from fatheory.experiment import Experiment

Keep = Callable[[Experiment], Path | None]
"""From an experiment to the archive that `fatheory.simulate` continues; None for none."""


def kept_in(folder: Path | None) -> Keep:
    """Return the rule by which runs are kept in a folder, by content hash; None keeps none.

    Runs that an earlier version has kept there stay where they are.
    """

    def keep(asked: Experiment) -> Path | None:
        if folder is None:
            return None
        places = [folder / f"{name}.zarr" for name in (asked.content_hash, *asked.former_hashes)]
        return next((place for place in places if place.exists()), places[0])

    return keep
