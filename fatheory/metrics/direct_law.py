"""The law of direct feedback alignment: that of feedback from layer to layer which sends the same.

With linear units layer l learns from F_l e and layer l + 1 from F_{l+1} e (F_L = I). Any B with
B F_{l+1} = F_l turns the update of W_{l+1} into that of W_l W_l^T, whatever the error e is, so the
law of feedback alignment through this B holds. At the last hidden layer B is F_{L-1} itself.
"""

import numpy as np

from fatheory import labels
from fatheory.errors import ArchiveError
from fatheory.metrics.archive_view import ArchiveView

_SOLVED = 1e-9
"""Relative residual of B F_{l+1} = F_l up to which rounding explains it."""


def layered_equivalent(view: ArchiveView, hidden: int, place: int) -> np.ndarray:
    """Return B = F_l F_{l+1}^+ of a hidden layer, (seed, 1, unit_l, unit_{l+1}).

    NaN in seeds where no B solves B F_{l+1} = F_l: F_{l+1} must have full column rank, so layer
    l + 1 at least as many units as the output, unless F_l happens to lie in its row space.

    Parameters
    ----------
    view : ArchiveView
        Which archive.
    hidden : int
        l, from 1 on.
    place : int
        Where the rule stands in `ArchiveView.rules`.

    Raises
    ------
    ArchiveError
        If the archive's feedback was taken away.
    """
    F = _sent(view, hidden, place)
    if hidden == view.experiment.layers - 1:
        return F
    above = _sent(view, hidden + 1, place)
    B = F @ np.linalg.pinv(above)
    off = np.linalg.norm(B @ above - F, axis=(-2, -1), keepdims=True)
    size = np.linalg.norm(F, axis=(-2, -1), keepdims=True)
    return np.where(off <= _SOLVED * size, B, np.nan)


def _sent(view: ArchiveView, hidden: int, place: int) -> np.ndarray:
    name = labels.direct_feedback(hidden)
    if name not in view:
        raise ArchiveError(
            f"the archive has no {name!r}, which direct feedback alignment draws; it was taken "
            f"away: read the archive that simulate, solve or load returned"
        )
    # In double precision, in which the residual is compared with 1e-9.
    return view.array(name)[place].astype(np.float64)
