"""What rules of one's own are held to once there are numbers, before anything is learned."""

from collections.abc import Iterator, Mapping
from typing import ClassVar

import jax.numpy as jnp
import numpy as np

from fatheory import labels
from fatheory.arrays import Array
from fatheory.errors import PluginError
from fatheory.experiment import Experiment
from fatheory.quantities import Need, Quantity, View, find_quantity
from fatheory.registry import of_fatheory
from fatheory.rules import Rule
from fatheory.rules.guard import whose
from fatheory.train.compiled_view import Known
from fatheory.train.group import Group
from fatheory.train.observe import Probe


class _FiniteSignals(Quantity):
    """Whether all teaching signals of a hidden layer are finite; no archive holds it."""

    name = "finite_signals"
    summary = "whether teaching signals of hidden layers are finite"
    needs = frozenset({Need.SIGNALS})
    variables: ClassVar = {name: labels.Variable((*labels.RUN, "layer"), "", summary)}

    def compute(self, view: View) -> Mapping[str, Array]:
        """Return one boolean a hidden layer; signals themselves may be large."""
        hidden = view.signals[:-1]
        return {self.name: jnp.stack([jnp.isfinite(jnp.asarray(s)).all() for s in hidden])}


_FINITE = _FiniteSignals()


def require_own_signals(
    experiment: Experiment, group: Group, probe: Probe, loss: np.ndarray
) -> None:
    """Hold rules of one's own to finite signals at the start, where the loss is finite.

    Within a compiled program nothing is refused; after its first update, weights that are not
    finite would pass for those of a run that diverged.

    Parameters
    ----------
    experiment : Experiment
        What is trained.
    group : Group
        Runs before their first update.
    probe : pair of arrays
        What signals are measured on.
    loss : array of shape (rule, seed)
        Of the group's runs.

    Raises
    ------
    PluginError
        Naming the rule, its package, the layer and how many runs there are of it.
    """
    own = {i: kind for i in group.members if (kind := _own_rule(experiment, i)) is not None}
    if not own or find_quantity("teaching_signals").undefined_for(experiment):
        return
    finite = group.measured(group.observe(probe, 0, (_FINITE,), Known()))[_FINITE.name]
    for i, kind in own.items():
        place = group.members.index(i)
        lost = ~finite[place] & np.isfinite(loss[place])[:, None]
        if lost.any():
            # Errors come from above: what is lost there is lost below.
            layer = int(np.flatnonzero(lost.any(axis=0))[-1])
            raise PluginError(
                f"{whose(kind)} gives teaching signals of layer {layer + 1} that are not finite "
                f"before the first update, in {lost[:, layer].sum()} of {len(lost)} runs, where "
                f"the loss is finite; they must be finite numbers for finite errors, zero included"
            )


def _own_rule(experiment: Experiment, place: int) -> type[Rule] | None:
    """Return the first rule of a choice that is not fatheory's."""
    _, choice = experiment.rules[place]

    def kinds() -> Iterator[type[Rule]]:
        yield type(choice.make())
        yield from (type(inner.make()) for _, inner in choice.layers)

    return next((kind for kind in kinds() if not of_fatheory(kind)), None)
