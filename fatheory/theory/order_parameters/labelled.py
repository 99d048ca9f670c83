"""Order parameters along time as a labelled Dataset."""

from collections.abc import Callable

import numpy as np
import xarray as xr
from jaxtyping import Float

from fatheory import labels
from fatheory.theory.order_parameters.alignment import delta_angle, gradient_angle, weight_angle
from fatheory.theory.order_parameters.averages import Averages
from fatheory.theory.order_parameters.field import generalization_error
from fatheory.theory.order_parameters.problem import Problem
from fatheory.theory.order_parameters.state import OrderParameters, Values

ERROR_RESOLUTION = 1e-14
"""Generalization errors below this fraction of the terms that cancel in them are rounding."""

STUDENT, TEACHER, OUTPUT = "student", "teacher", "output"
TIME_ATTRS = {"units": "step / n_i", "long_name": "time", "equation": "alpha = step / n_i"}

_ATTRS: dict[str, tuple[tuple[str, ...], str, str, str]] = {
    "Q": ((STUDENT, labels.twin(STUDENT)), "1", "student-student overlaps", "Q = W0 W0^T / n_i"),
    "R": ((STUDENT, TEACHER), "1", "student-teacher overlaps", "R = W0 A0^T / n_i"),
    "W": ((OUTPUT, STUDENT), "1", "readout", ""),
    "B": ((STUDENT, OUTPUT), "1", "feedback that learns", ""),
    "generalization_error": ((), "1", "generalization error", "1/2 <|A g(A0 x) - W g(W0 x)|^2>"),
    "delta_angle": (
        (),
        "degree",
        "angle between the rule's and backprop's teaching signals, over the law of the input",
        "",
    ),
    "gradient_angle": (
        (),
        "degree",
        "angle between the rule's and backprop's mean update of the input weights",
        "",
    ),
    "weight_angle": ((), "degree", "angle between readout and transposed feedback", ""),
}

Measure = Callable[[Averages], Values]
_ANGLES: dict[str, Measure] = {
    "delta_angle": delta_angle,
    "gradient_angle": gradient_angle,
    "weight_angle": weight_angle,
}


def resolved_error(means: Averages) -> Values:
    """Compute the generalization error, NaN where it is below the rounding of its terms.

    Parameters
    ----------
    means : Averages
        Of the states.
    """
    error, size = generalization_error(means)
    return np.where(error > ERROR_RESOLUTION * size, error, np.nan)


def attributes(name: str) -> dict[str, str]:
    """Return units, long name and equation of a variable."""
    _, units, long_name, equation = _ATTRS[name]
    found = {"units": units, "long_name": long_name}
    return found | {"equation": equation} if equation else found


def dimensions(name: str) -> tuple[str, ...]:
    """Return the dimensions of a variable, time first."""
    return (labels.TIME, *_ATTRS[name][0])


def labelled(
    times: Float[np.ndarray, " time"], problem: Problem, states: OrderParameters, diverged_at: int
) -> xr.Dataset:
    """Label states along time and what follows from them.

    Parameters
    ----------
    times : array
        alpha.
    problem : Problem
        What was learned, and how.
    states : OrderParameters
        One a time; NaN from `diverged_at` on.
    diverged_at : int
        Index of the first time that is not reached, -1 for none.
    """
    means = Averages(problem, states)
    with np.errstate(all="ignore"):  # of states that are NaN, and angles without a direction
        values = {name: part for name, part in states._asdict().items() if part is not None}
        values["generalization_error"] = resolved_error(means)
        values |= {name: measure(means) for name, measure in _ANGLES.items()}
    data = {name: (dimensions(name), value, attributes(name)) for name, value in values.items()}
    one = {"units": "1"}
    overlaps = {"long_name": "teacher-teacher overlaps", "equation": "T = A0 A0^T / n_i"}
    return xr.Dataset(
        data
        | {
            "T": ((TEACHER, labels.twin(TEACHER)), problem.T, one | overlaps),
            "A": ((OUTPUT, TEACHER), problem.A, one | {"long_name": "teacher's readout"}),
            labels.DIVERGED: (
                (),
                diverged_at >= 0,
                one | {"long_name": "whether the solution diverged"},
            ),
        },
        coords={labels.TIME: ((labels.TIME,), times, TIME_ATTRS)},
        attrs={
            labels.ATTR_SOURCE: "theory/order_parameters",
            labels.RULE: problem.feedback.name,
            labels.DIVERGED_AT: diverged_at,
            "activation": problem.integrals.name,
            "learning_rate": problem.eta,
            "readout_rate": problem.eta_readout,
            "noise": problem.noise,
            "decay": problem.decay,
            "input_decay": problem.input_decay,
            "exact_for": "n_i to infinity at fixed numbers of hidden units and outputs",
        },
    )
