"""Collects snapshots of an ensemble into the variables of an archive."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from fatheory import labels
from fatheory.experiment import Experiment
from fatheory.initial import Start
from fatheory.train.group import Group


class Recorder:
    """Takes a snapshot at each recorded step and writes it to its place (rule, seed, step).

    Parameters
    ----------
    experiment : Experiment
        What to record, and when.
    starts : sequence of Start
        One per seed; their probes are what losses and teaching signals are measured on.
    """

    def __init__(self, experiment: Experiment, starts: Sequence[Start]) -> None:
        self._experiment = experiment
        self._place = {step: i for i, step in enumerate(experiment.snapshot_steps)}
        dtype = np.dtype(experiment.precision)
        self._probe = (
            jnp.asarray(np.stack([start.probe for start in starts]), dtype),
            jnp.asarray(np.stack([start.probe_target for start in starts]), dtype),
        )
        self._runs = (len(experiment.rules), len(starts))
        self._variables: dict[str, np.ndarray] = {
            labels.DIVERGED_AT: np.full(self._runs, -1, dtype=np.int64)
        }

    def take(self, step: int, groups: Sequence[Group]) -> None:
        """Record the groups if `step` is one of the recorded steps."""
        if step not in self._place:
            return
        for group in groups:
            for name, values in _named(group.observe(self._probe, step)).items():
                self._write(name, group, step, values)
            if "weights" in self._experiment.record.quantities:
                for layer, W in enumerate(group.ensemble.weights, start=1):
                    self._write(labels.weight(layer), group, step, np.asarray(W))
            self._mark_divergence(group, step)

    def variables(self) -> dict[str, np.ndarray]:
        """Return the archive's variables recorded so far."""
        diverged = self._variables[labels.DIVERGED_AT] >= 0
        return self._variables | {labels.DIVERGED: diverged}

    def _write(self, name: str, group: Group, step: int, values: np.ndarray) -> None:
        steps, rest = len(self._place), values.shape[2:]
        if name not in self._variables:
            self._variables[name] = np.full((*self._runs, steps, *rest), np.nan, values.dtype)
        # Beyond divergence nothing is a number: infinities would pass for one.
        finite = np.where(np.isfinite(values), values, np.nan)
        self._variables[name][list(group.members), :, self._place[step]] = finite

    def _mark_divergence(self, group: Group, step: int) -> None:
        members = list(group.members)
        loss = self._variables[labels.LOSS][members, :, self._place[step]]
        since = np.asarray(group.ensemble.diverged_at, dtype=np.int64)
        since = np.where((since < 0) & ~np.isfinite(loss), step, since)
        known = self._variables[labels.DIVERGED_AT][members]
        self._variables[labels.DIVERGED_AT][members] = np.where(known < 0, since, known)


def _named(observed: dict) -> dict[str, np.ndarray]:
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
