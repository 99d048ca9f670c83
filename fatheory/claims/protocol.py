"""Of which protocol a stored result must be, for a bound to judge it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import xarray as xr

from fatheory import labels
from fatheory.errors import ClaimError

FEEDBACK_ALIGNMENT = "feedback_alignment"


class OlderProtocolError(ClaimError):
    """A result that is known, and is of a protocol that the presets no longer have."""


@dataclass(frozen=True)
class Protocol:
    """What the bounds of one result are about.

    Attributes
    ----------
    rates : tuple of float
        The learning rates that its rules may have; empty for any.
    local_slopes : bool
        Whether feedback alignment must send errors without slopes, as Lillicrap et al. 2016 do.
    older : frozenset of str
        Hashes of experiments that were stored before the presets followed the text.
    """

    rates: tuple[float, ...] = ()
    local_slopes: bool = False
    older: frozenset[str] = frozenset()


# Learning rates are named, since a stored result at another rate has the same file and labels.
PROTOCOLS: Mapping[str, Protocol] = {
    "lillicrap2016/fig2": Protocol(),
    "lillicrap2016/fig3ab": Protocol((0.05,), True, frozenset({"6b404c394296d923"})),
    "lillicrap2016/supp_sparse": Protocol((0.05,), True, frozenset({"5ff1e6b08163bcb3"})),
    "lillicrap2016/supp_features": Protocol((0.05,), True, frozenset({"35def7a62779d306"})),
    "lillicrap2016/fig3d": Protocol(
        (0.0025,), True, frozenset({"fb15abb159225788", "874537fa948d86ed"})
    ),
    "lillicrap2016/supp_frozen": Protocol(
        (0.0025, 0.000625),
        True,
        frozenset(
            {
                *("0e59c3a63d9805f5", "e2446b6b146be463", "f9e707ac40ed23a5"),
                *("30b7b2b24bae0b0e", "7c1ea8b459622ba7", "28645ddcd0114b5a"),
            }
        ),
    ),
    "lillicrap2016/supp_depth_width": Protocol(
        (0.5,),
        True,
        frozenset(
            {
                *("f4d2c2e15cde4de2", "8ae45585b3324e47", "478663d868eefbd2", "0e677c929ed9c732"),
                *("af9f6ef9bb5a0374", "c81a74efe0b9aa81", "226c4a4b1333c7ca"),
            }
        ),
    ),
    "lillicrap2016/supp_pseudoinverse": Protocol(),
    "lillicrap2016/supp_lead": Protocol(),
    "lillicrap2016/supp_rough": Protocol((0.05,), True),
    "lillicrap2016/supp_rates": Protocol((0.00125, 0.0025, 0.005), True),
    "lillicrap2016/fig4": Protocol(),
    "lillicrap2016/fig5a": Protocol(),
    "lillicrap2016/fig5c": Protocol(),
    "liao2016/table_a": Protocol(),
    "liao2016/table_b": Protocol(),
    "liao2016/table_c1": Protocol(),
    "liao2016/table_c2": Protocol(),
    "liao2016/table_bm": Protocol(),
    "liao2016/table_small": Protocol(),
}
"""By result: the paper's folder and the figure's name."""


def require_protocol(name: str, data: xr.Dataset) -> None:
    """Check that a result is of the figure of that name, and of the protocol of its bounds.

    Raises
    ------
    OlderProtocolError
        If it is a result that was stored before the presets followed the text.
    ClaimError
        If it is of another figure or another experiment.
    """
    if name not in PROTOCOLS:
        raise ClaimError(f"no protocol is known of the result {name!r}; known: {list(PROTOCOLS)}")
    wanted, (paper, figure) = PROTOCOLS[name], name.split("/")
    found = data.attrs.get(labels.ATTR_FIGURE)
    if found != figure:
        raise ClaimError(f"it must hold the data of {figure!r}, and says {found!r}")
    hashes = set(experiment_hashes(data).values())
    # By the hash of the description: names and labels stayed the same when the protocol changed.
    if hashes & wanted.older:
        raise OlderProtocolError("protocol of the text not yet run at this scale")
    for label, asked in experiments(data).items():
        problem = _problem(asked, wanted, paper)
        if problem:
            raise ClaimError(f"its experiment {label!r} ({asked.get('name')}) {problem}")


def experiment_hashes(data: xr.Dataset) -> dict[str, str]:
    """Return the content hashes of the experiments behind a result, by name."""
    if labels.ATTR_HASHES in data.attrs:
        return dict(json.loads(data.attrs[labels.ATTR_HASHES]))
    return {"": str(data.attrs.get(labels.ATTR_HASH, ""))}


def experiments(data: xr.Dataset) -> dict[str, dict[str, Any]]:
    """Return the descriptions of the experiments behind a result, by name."""
    if labels.ATTR_EXPERIMENTS in data.attrs:
        return dict(json.loads(data.attrs[labels.ATTR_EXPERIMENTS]))
    return {"": json.loads(data.attrs.get(labels.ATTR_EXPERIMENT, "{}"))}


def _problem(asked: Mapping[str, Any], wanted: Protocol, paper: str) -> str:
    """Say in what an experiment departs from the protocol; empty if in nothing."""
    if not str(asked.get("name", "")).startswith(f"{paper}/"):
        return f"is none of {paper}"
    for label, choice in asked.get("rules", {}).items():
        rate = choice.get("learning_rate")
        if wanted.rates and rate not in wanted.rates:
            allowed = " or ".join(map(str, wanted.rates))
            return f"trains {label!r} at learning rate {rate}, and the bounds are for {allowed}"
        # Variants are labelled otherwise and may transmit slopes: that is what they are there to
        # show.
        of_text = label == FEEDBACK_ALIGNMENT and wanted.local_slopes
        if of_text and choice.get("slopes", "transmitted") != "local":
            return f"transmits slopes in {label!r}, and the bounds are for slopes='local'"
    return ""
