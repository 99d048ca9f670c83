"""Collects snapshots of an ensemble into the variables of an archive."""

from collections.abc import Callable, Sequence
from warnings import warn

import numpy as np

from fatheory import labels
from fatheory.errors import QuantityWarning
from fatheory.experiment import Experiment
from fatheory.initial import InitialState
from fatheory.quantities import (
    WEIGHTS,
    Need,
    Quantity,
    not_kept,
    recorded_quantities,
    source_of,
)
from fatheory.train.group import Group
from fatheory.train.group_view import GroupView
from fatheory.train.loader import on_device
from fatheory.train.memory import activity_bytes
from fatheory.train.own_rules import require_own_signals
from fatheory.train.waiting import always_wanted

_SIDE_BY_SIDE = 2**24
"""Bytes of activities up to which measuring may take its memory all at once."""


class Recorder:
    """Takes snapshots of groups of runs, as arrays (rule, seed, ...) in the run's precision.

    Parameters
    ----------
    experiment : Experiment
        What to record, and when.
    starts : sequence of InitialState
        One per seed; their probes are what teaching signals are measured on, their evaluation
        samples what losses and errors are.
    """

    def __init__(self, experiment: Experiment, starts: Sequence[InitialState]) -> None:
        self._experiment = experiment
        record = experiment.record
        quantities = recorded_quantities(record.quantities, dict(record.sources))
        self._weights_at = frozenset(experiment.weight_steps)
        self._read_off = [q for q in quantities if q.needs <= GroupView.offers]
        self._compiled = tuple(q for q in quantities if not q.needs <= GroupView.offers)
        # What is measured side by side needs memory at the same time.
        small = activity_bytes(experiment) <= _SIDE_BY_SIDE
        self._at_once = small and not any(q.needs & GroupView.offers for q in self._compiled)
        self._views: dict[Group, GroupView] = {}
        self._place = {step: i for i, step in enumerate(experiment.snapshot_steps)}
        dtype = np.dtype(experiment.precision)
        self._probe = on_device([start.probe for start in starts], dtype)
        # Of drawn tasks they are the same samples, which large ensembles need not hold twice.
        same = all(start.evaluation is start.probe for start in starts)
        evaluated = [start.evaluation for start in starts]
        self._evaluation = self._probe if same else on_device(evaluated, dtype)
        self._training = None
        if any(Need.TRAINING in quantity.needs for quantity in quantities):
            # As many as there are to evaluate on, so that both errors cost and vary alike.
            once = starts[:1] if experiment.task.stored else starts
            trains = [start.samples for start in once if start.samples is not None]
            count = len(starts[0].evaluation)
            self._training = on_device([train.first(count) for train in trains], dtype)
        # Once is enough: later snapshots come from the same program.
        self._unchecked = quantities
        self._runs = (len(experiment.rules), len(starts))
        self._dtype = dtype
        self.diverged_at = np.full(self._runs, -1, dtype=np.int64)
        """First steps with a non-finite error, (rule, seed), -1 for none; as far as recorded."""
        self.unwanted: Callable[[], bool] = always_wanted
        """Whether nobody waits for a snapshot any more."""

    def position(self, step: int) -> int | None:
        """Return the position of a step among the recorded ones; None if it is none of them."""
        return self._place.get(step)

    def ask(self, step: int, groups: Sequence[Group]) -> None:
        """Let measuring follow the updates that are under way, where it is small.

        What is between them and `take` costs no time then.
        """
        if self._at_once:
            self._views = {group: self._view(group) for group in groups}
            for view in self._views.values():
                view.ask(step, self._compiled)

    def take(self, step: int, groups: Sequence[Group]) -> dict[str, np.ndarray]:
        """Return what is recorded of the groups at a step: arrays (rule, seed, ...).

        Raises
        ------
        GivenUp
            If it is `unwanted` before it is there.
        """
        snapshot: dict[str, np.ndarray] = {}
        for group in groups:
            measured = self._measured(group, step)
            if step == 0:
                require_own_signals(self._experiment, group, self._probe, measured[labels.LOSS])
            diverged = self._mark_divergence(group, step, measured[labels.LOSS])
            for name, values in measured.items():
                self._write(snapshot, name, group, values, diverged)
        for quantity in self._unchecked:
            self._check(quantity, snapshot)
        self._unchecked = ()
        self._views = {}
        return snapshot

    def _view(self, group: Group) -> GroupView:
        return GroupView(group, self._probe, self._evaluation, self._training, self.unwanted)

    def _check(self, quantity: Quantity, snapshot: dict[str, np.ndarray]) -> None:
        """Hold a quantity to its shapes, and one's own to being a number, at the first snapshot."""
        quantity.require_shapes(snapshot, self._runs, self._experiment)
        if not source_of(quantity.name) or np.isnan(snapshot[labels.LOSS]).all():
            return
        for name in quantity.names(self._experiment):
            if np.isnan(snapshot[name]).all():
                warn(
                    f"{quantity.whose} is NaN for every run at the first recorded step, where "
                    f"losses are finite; the run goes on",
                    QuantityWarning,
                    stacklevel=2,
                )

    def _measured(self, group: Group, step: int) -> dict[str, np.ndarray]:
        seen = self._views.get(group) or self._view(group)
        measured = {labels.LOSS: seen.held_out.loss}
        for quantity in self._read_off:
            if quantity.name != WEIGHTS or step in self._weights_at:
                measured |= quantity.measure(seen)
            else:
                # Not even brought here from the device: they are most of what a run records.
                measured |= not_kept(quantity, measured[labels.LOSS].shape, self._experiment)
        measured |= seen.observed(step, self._compiled)
        return {name: np.asarray(values) for name, values in measured.items()}

    def _write(
        self,
        snapshot: dict[str, np.ndarray],
        name: str,
        group: Group,
        values: np.ndarray,
        diverged: np.ndarray,
    ) -> None:
        if name not in snapshot:
            shape = (*self._runs, *values.shape[2:])
            snapshot[name] = np.full(shape, np.nan, self._dtype)
        # Beyond divergence nothing is a number: infinities would pass for one, and so would what
        # is still finite, such as the gradient of units that are silent because they are NaN.
        behind = diverged.reshape(*diverged.shape, *(1,) * (values.ndim - diverged.ndim))
        known = np.where(behind | ~np.isfinite(values), np.nan, values)
        snapshot[name][list(group.members), group.replicas] = known

    def _mark_divergence(self, group: Group, step: int, loss: np.ndarray) -> np.ndarray:
        """Note since when runs of a group have diverged, and return which have, (rule, seed)."""
        mine = (list(group.members), group.replicas)
        since = np.asarray(group.ensemble.diverged_at, dtype=np.int64)
        # The program looks before each update; what the last one did shows here only.
        since = np.where((since < 0) & ~np.isfinite(loss), step, since)
        known = self.diverged_at[mine]
        # Kept here as well, for the program does not hear of what a snapshot found.
        self.diverged_at[mine] = np.where(known < 0, since, known)
        return self.diverged_at[mine] >= 0
