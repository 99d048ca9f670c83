"""Collects snapshots of an ensemble into the variables of an archive."""

from collections.abc import Mapping, Sequence

import numpy as np

from fatheory import labels
from fatheory.experiment import Experiment
from fatheory.initial import Start
from fatheory.train.group import Group
from fatheory.train.loader import on_device


class Recorder:
    """Takes snapshots of groups of runs, as arrays (rule, seed, ...) in the run's precision.

    Parameters
    ----------
    experiment : Experiment
        What to record, and when.
    starts : sequence of Start
        One per seed; their probes are what teaching signals are measured on, their evaluation
        samples what losses and errors are.
    """

    def __init__(self, experiment: Experiment, starts: Sequence[Start]) -> None:
        self._experiment = experiment
        self._wanted = set(experiment.record.quantities)
        self._place = {step: i for i, step in enumerate(experiment.snapshot_steps)}
        dtype = np.dtype(experiment.precision)
        self._probe = on_device([start.probe for start in starts], dtype)
        self._evaluation = on_device([start.evaluation for start in starts], dtype)
        self._training = None
        if "training_error" in self._wanted:
            # As many as there are to evaluate on, so that both errors cost and vary alike.
            train = starts[0].samples
            assert train is not None  # images are finite samples, the same for all seeds
            self._training = on_device([train.first(len(starts[0].evaluation))], dtype)
        self._runs = (len(experiment.rules), len(starts))
        self._dtype = dtype
        self.diverged_at = np.full(self._runs, -1, dtype=np.int64)
        """First steps with a non-finite error, (rule, seed), -1 for none; as far as recorded."""

    def place(self, step: int) -> int | None:
        """Return the place of a step among the recorded ones; None if it is none of them."""
        return self._place.get(step)

    def take(self, step: int, groups: Sequence[Group]) -> dict[str, np.ndarray]:
        """Return what is recorded of the groups at a step: arrays (rule, seed, ...)."""
        snapshot: dict[str, np.ndarray] = {}
        for group in groups:
            for name, values in self._measured(group, step).items():
                self._write(snapshot, name, group, values)
            self._mark_divergence(group, step, snapshot[labels.LOSS])
        return snapshot

    def _measured(self, group: Group, step: int) -> dict[str, np.ndarray]:
        loss, error = group.evaluate(self._evaluation)
        # A diverged network still has a largest output, which means nothing.
        error = np.where(np.isfinite(loss), error, np.nan)
        measured = {labels.LOSS: loss, **_named(group.observe(self._probe, step))}
        if "classification_error" in self._wanted:
            measured[labels.CLASSIFICATION_ERROR] = error
        if self._training is not None:
            on_train, train_error = group.evaluate(self._training)
            measured[labels.TRAINING_LOSS] = on_train
            measured[labels.TRAINING_ERROR] = np.where(np.isfinite(loss), train_error, np.nan)
        if "weights" in self._wanted:
            measured |= group.weights()
        if "receptive_fields" in self._wanted:
            measured[labels.RECEPTIVE_FIELD] = group.receptive_fields()
        return measured

    def _write(
        self, snapshot: dict[str, np.ndarray], name: str, group: Group, values: np.ndarray
    ) -> None:
        if name not in snapshot:
            shape = (*self._runs, *values.shape[2:])
            snapshot[name] = np.full(shape, np.nan, self._dtype)
        # Beyond divergence nothing is a number: infinities would pass for one.
        finite = np.where(np.isfinite(values), values, np.nan)
        snapshot[name][list(group.members), group.seats] = finite

    def _mark_divergence(self, group: Group, step: int, loss: np.ndarray) -> None:
        mine = (list(group.members), group.seats)
        since = np.asarray(group.ensemble.diverged_at, dtype=np.int64)
        since = np.where((since < 0) & ~np.isfinite(loss[mine]), step, since)
        known = self.diverged_at[mine]
        self.diverged_at[mine] = np.where(known < 0, since, known)


def _named(observed: Mapping) -> dict[str, np.ndarray]:
    """Give observations their names in the archive; teaching signals become one per layer."""
    named = {}
    for name, values in observed.items():
        if name == "teaching_signals":
            for layer, (signal, reference) in enumerate(zip(*values, strict=True), start=1):
                named[labels.teaching_signal(layer)] = np.asarray(signal)
                named[labels.backprop_signal(layer)] = np.asarray(reference)
        else:
            named[name] = np.asarray(values)
    return named
