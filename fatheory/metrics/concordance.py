"""Sign concordance along a run."""

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.geometry import count_signless, sign_concordances
from fatheory.metrics.archive_view import ArchiveView
from fatheory.metrics.labelled_archive import RUN
from fatheory.metrics.metric import chunked_metric


@chunked_metric
def sign_concordance(view: ArchiveView) -> xr.Dataset:
    """Compute how often forward weights and their stand-ins V agree in sign, layer by layer.

    Parameters
    ----------
    archive : Dataset
        A run archive with recorded weights, or a selection from one.

    Returns
    -------
    Dataset
        ``sign_concordance (rule, seed, step, layer)``, a fraction over the entries that have a
        sign on both sides, and ``signless_entries``, how many were left out because one side is
        exactly zero. NaN concordance, and none left out, at layer 1 and for rules without V; NaN
        where no entry has two signs.

    Raises
    ------
    ArchiveError
        If the weights were not recorded.

    References
    ----------
    Liao, Leibo & Poggio 2016.
    """
    weights, V = view.weights, view.backward_weights
    dims = (*RUN, labels.LAYER)
    left_out = [
        np.zeros(W.shape[:3], int) if v is None else count_signless(W, v, axis=(-2, -1))
        for W, v in zip(weights, V, strict=True)
    ]
    # Of the weights, also where it was recorded: what is counted beside it is of the weights.
    concordance = view.labelled(
        "sign_concordance",
        sign_concordances(weights, V),
        dims,
        **labels.variable("sign_concordance").attrs,
    )
    signless = view.labelled(
        "signless_entries",
        np.stack(left_out, axis=-1),
        dims,
        units="entries",
        long_name="entries that are zero on either side",
    )
    return xr.Dataset({"sign_concordance": concordance, "signless_entries": signless})
