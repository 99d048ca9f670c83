"""Collects snapshots of an ensemble into the variables of an archive."""

from collections.abc import Mapping, Sequence

import numpy as np

from fatheory import labels
from fatheory.experiment import Experiment
from fatheory.initial import Start
from fatheory.train.group import Group
from fatheory.train.loader import on_device


class Recorder:
    """Takes a snapshot at each recorded step and writes it to its place (rule, seed, step).

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
        self._variables: dict[str, np.ndarray] = {
            labels.DIVERGED_AT: np.full(self._runs, -1, dtype=np.int64)
        }

    def take(self, step: int, groups: Sequence[Group]) -> None:
        """Record the groups if `step` is one of the recorded steps."""
        if step not in self._place:
            return
        for group in groups:
            for name, values in self._measured(group, step).items():
                self._write(name, group, step, values)
            self._mark_divergence(group, step)

    def variables(self) -> dict[str, np.ndarray]:
        """Return the archive's variables recorded so far."""
        diverged = self._variables[labels.DIVERGED_AT] >= 0
        return self._variables | {labels.DIVERGED: diverged}

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

    def _write(self, name: str, group: Group, step: int, values: np.ndarray) -> None:
        steps, rest = len(self._place), values.shape[2:]
        if name not in self._variables:
            self._variables[name] = np.full((*self._runs, steps, *rest), np.nan, values.dtype)
        # Beyond divergence nothing is a number: infinities would pass for one.
        finite = np.where(np.isfinite(values), values, np.nan)
        self._variables[name][list(group.members), group.seats, self._place[step]] = finite

    def _mark_divergence(self, group: Group, step: int) -> None:
        mine = (list(group.members), group.seats)
        loss = self._variables[labels.LOSS][(*mine, self._place[step])]
        since = np.asarray(group.ensemble.diverged_at, dtype=np.int64)
        since = np.where((since < 0) & ~np.isfinite(loss), step, since)
        known = self._variables[labels.DIVERGED_AT][mine]
        self._variables[labels.DIVERGED_AT][mine] = np.where(known < 0, since, known)


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
