"""Which rules of which experiments are held against a literal loop, and the runs of both."""

from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple

import pytest
import xarray as xr

from fatheory import Experiment, simulate


def literal_cases(experiments, by_default, quantity=None):
    """List experiments with the rules of the default run (none, for some), and of the whole one."""
    found = []
    for name, asked in experiments.items():
        if quantity is None or quantity in asked.record.quantities:
            few = by_default.get(name, asked.rule_labels)
            found += [pytest.param(name, few, label, id=f"{name}-{label}") for label in few]
            if name in by_default:
                found += [
                    pytest.param(
                        name,
                        asked.rule_labels,
                        label,
                        id=f"all rules: {name}-{label}",
                        marks=pytest.mark.slow,
                    )
                    for label in asked.rule_labels
                ]
    return found


class Case(NamedTuple):
    experiment: Experiment
    archive: xr.Dataset
    literal: Callable


def answered_by(experiments, literal_run):
    """Return what finds a case by name and rules: its archive, and its literal runs by seed."""

    @cache
    def answered(name, labels):
        asked = experiments[name]
        asked = asked.replaced(rules={name: rule for name, rule in asked.rules if name in labels})
        return Case(asked, simulate(asked), cache(partial(literal_run, asked)))

    return answered
