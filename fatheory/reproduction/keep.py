"""Where the runs behind a figure are kept while they go on."""

from collections.abc import Callable
from pathlib import Path

from fatheory.experiment import Experiment

Keep = Callable[[Experiment], Path | None]
"""From an experiment to the archive that `fatheory.simulate` continues; None for none."""


def kept_in(folder: Path | None) -> Keep:
    """Return the rule by which runs are kept in a folder, by content hash; None keeps none."""

    def keep(asked: Experiment) -> Path | None:
        return None if folder is None else folder / f"{asked.content_hash}.zarr"

    return keep
