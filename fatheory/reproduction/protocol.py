"""Which protocol stored data of a figure are of, where the presets have changed since."""

import json
from typing import Any

import xarray as xr

from fatheory import labels

OLDER_PROTOCOL = "older protocol: slopes transmitted, a learning rate for every rule"

OLDER_DEPTH = "older protocol: slopes transmitted, orthogonal feedback"


def protocol_note(data: xr.Dataset) -> str:
    """Say whether feedback alignment in a figure's data transmitted slopes; empty if it did not.

    Data that were stored before the presets followed the text of Lillicrap et al. 2016 keep their
    labels, and ``feedback_alignment`` means another rule there: B (e o y') in the place of B e.

    Parameters
    ----------
    data : Dataset
        With the attributes of `fatheory.reproduction.origin`.
    """
    attrs = data.attrs
    if labels.ATTR_EXPERIMENT in attrs:
        experiments = [json.loads(attrs[labels.ATTR_EXPERIMENT])]
    else:
        experiments = list(json.loads(attrs.get(labels.ATTR_EXPERIMENTS, "{}")).values())
    bent = [e for e in experiments if _errors_pass_slopes(e["network"])]
    choices = [e["rules"]["feedback_alignment"] for e in bent if "feedback_alignment" in e["rules"]]
    # Descriptions written before the choice existed say nothing of it, and transmitted.
    transmitted = [c for c in choices if c.get("slopes", "transmitted") == "transmitted"]
    if any(c["rule"] == "orthogonal_feedback" for c in transmitted):
        return OLDER_DEPTH
    return OLDER_PROTOCOL if transmitted else ""


def _errors_pass_slopes(network: dict[str, Any]) -> bool:
    """Whether an error passes a unit that has a slope on its way to some hidden layer.

    From linear output units to the only hidden layer it passes none: B e either way.
    """
    deep = len(network.get("hidden", ())) > 1
    bent_hidden = network.get("activation", "linear") != "linear"
    return network.get("output", "linear") != "linear" or (deep and bent_hidden)
