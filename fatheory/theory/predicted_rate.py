"""The largest stable learning rate of a described experiment, where learning would end."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import ceil

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.errors import FatheoryError
from fatheory.experiment import Experiment, Phase, Record
from fatheory.initial import draw_initial_state
from fatheory.rules import Rule, find_rule
from fatheory.theory.methods.scope import Scope
from fatheory.theory.methods.two_layers import depth_refusals
from fatheory.theory.solve import solved
from fatheory.theory.stability import largest_stable_learning_rate

_SCOPE = Scope(
    tasks={
        "linear": frozenset({"kind", "inputs", "outputs", "target", "noise", "spectrum_decay"}),
    },
    schedule=frozenset({"phases"}),
    phase=frozenset({"steps"}),
)
_SIMULATION = "simulation"
_MOST_UNITS = 40
"""Of any layer: within a second or so. With 100 it takes ten, with 300 a minute."""
_LONGEST_FLOW = 300.0
"""Time, learning rate x step, after which the flow is looked at: high rates ask for more."""
_LEARNED = 1e-2
"""The largest error of the map, relative to the target, that counts as the end of learning."""


def predicted_rates(archive: xr.Dataset, runs: Sequence[tuple[str, int]]) -> dict[str, float]:
    """Predict the largest stable learning rates of runs of a simulation.

    They are `largest_stable_learning_rate` at the weights at which the flow of the run's own start,
    target and feedback ends. Known are two-layer linear networks that learn a linear task online
    from single examples, without momentum, decay or frozen layers, with up to 40 units a layer.

    Parameters
    ----------
    archive : Dataset
        A run archive.
    runs : sequence of (rule, seed)
        Which.

    Returns
    -------
    dict of str to float
        By rule, in 1 / step; rules of which no rate is known are left out.
    """
    if archive.attrs.get(labels.ATTR_SOURCE) != _SIMULATION:
        return {}
    text = archive.attrs.get(labels.ATTR_EXPERIMENT)
    if not isinstance(text, str):
        return {}
    choices = dict(Experiment.from_json(text).rules)
    found = {}
    for label, seed in runs:
        if label in choices:
            # A rule of one's own may be registered anew under its name, with other feedback.
            rule: Callable[..., Rule] = find_rule(choices[label].rule)
            found[label] = _rate_of(text, label, seed, rule)
    return {label: rate for label, rate in found.items() if rate is not None}


# Every metric of an archive announces its divergence anew.
@lru_cache(maxsize=64)
def _rate_of(text: str, label: str, seed: int, rule: Callable[..., Rule]) -> float | None:
    asked = Experiment.from_json(text)
    choice = dict(asked.rules)[label]
    if list(_SCOPE.problems(asked)) or list(depth_refusals(asked, "this")):
        return None
    if asked.schedule.batch_size != 1 or max(asked.sizes) > _MOST_UNITS:
        return None
    steps = min(asked.schedule.steps, ceil(_LONGEST_FLOW / choice.learning_rate))
    # By its fields: they are valid already, and of no archive.
    run = asked.model_copy(
        update={
            "rules": ((label, choice),),
            "seeds": (seed,),
            "schedule": asked.schedule.model_copy(update={"phases": (Phase(steps=steps),)}),
            "record": Record(snapshots=2),
        }
    )
    try:
        # Of this thread alone, unlike filters of warnings: others may be learning.
        with np.errstate(all="ignore"):
            end = solved(run, "flow").isel({labels.RULE: 0, labels.SEED: 0, labels.STEP: -1})
        W0, W = (end[labels.weight(layer)].values.astype(float) for layer in (1, 2))
        start = draw_initial_state(run, seed)
        # Not `>`: a flow that was lost has NaN here.
        if not np.linalg.norm(start.T - W @ W0) <= _LEARNED * np.linalg.norm(start.T):
            return None
        drawn = start.states[label][-1]
        B = None if drawn is None else drawn.T
        made = rule(**dict(choice.parameters))
        return largest_stable_learning_rate(W0, W, B, start.Sigma, rule=made)
    except FatheoryError:  # outside what the flow, or the rate, is known for
        return None
