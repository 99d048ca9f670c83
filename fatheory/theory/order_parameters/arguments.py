"""What the public functions are given, checked before any work."""

import numpy as np

from fatheory.arrays import ArrayLike
from fatheory.checks import matching_shapes, not_negative_number, real_array
from fatheory.errors import ArrayError
from fatheory.rules import Rule
from fatheory.theory.order_parameters.activation import find_integrals
from fatheory.theory.order_parameters.feedback import resolve_feedback
from fatheory.theory.order_parameters.problem import Problem
from fatheory.theory.order_parameters.state import OrderParameters

TOLERANCE = 1e-10
"""Of symmetry and of eigenvalues, relative to the largest overlap."""


def checked_problem(
    Q: ArrayLike,
    R: ArrayLike,
    T: ArrayLike,
    W: ArrayLike,
    A: ArrayLike,
    *,
    activation: str,
    rule: str | Rule,
    B: ArrayLike | None,
    learning_rate: float,
    readout_rate: float | None,
    noise: float,
    decay: float,
    input_decay: float,
) -> tuple[Problem, OrderParameters]:
    """Return the problem and its start, as `order_parameters` describes its arguments.

    Raises
    ------
    ArrayError
        If overlaps do not fit each other, are no covariance, or T is singular.
    RegimeError
        If a rate, the noise or a decay is negative or not finite, or the rule and B do not fit.
    UnknownNameError
        If there is no such activation or rule.
    """
    integrals = find_integrals(activation)
    start, teachers, target = _checked_overlaps(Q, R, T, W, A)
    readout_rate = learning_rate if readout_rate is None else readout_rate
    numbers = {
        "learning_rate": learning_rate,
        "readout_rate": readout_rate,
        "noise": noise,
        "decay": decay,
        "input_decay": input_decay,
    }
    numbers = {name: not_negative_number(name, value) for name, value in numbers.items()}
    feedback = resolve_feedback(rule, B, target, start.Q.shape[0])
    problem = Problem(
        integrals,
        feedback,
        teachers,
        target,
        *numbers.values(),
    )
    return problem, start._replace(B=feedback.B) if feedback.learns else start


def _checked_overlaps(
    Q: ArrayLike, R: ArrayLike, T: ArrayLike, W: ArrayLike, A: ArrayLike
) -> tuple[OrderParameters, np.ndarray, np.ndarray]:
    arrays = {
        "Q": (real_array("Q", Q, 2), ("K", "K")),
        "R": (real_array("R", R, 2), ("K", "M")),
        "T": (real_array("T", T, 2), ("M", "M")),
        "W": (real_array("W", W, 2), ("n_o", "K")),
        "A": (real_array("A", A, 2), ("n_o", "M")),
    }
    numbers = (("Q", "K", "students"), ("T", "M", "teachers"), ("W", "n_o", "outputs"))
    for name, letter, what in numbers:
        if len(arrays[name][0]) == 0:
            raise ArrayError(f"there must be {what}; their number {letter} is 0")
    matching_shapes(arrays)
    students, cross, teachers, readout, target = (array for array, _ in arrays.values())
    for name, overlaps in (("Q", students), ("T", teachers)):
        asymmetry = np.abs(overlaps - overlaps.T).max()
        if asymmetry > TOLERANCE * np.abs(overlaps).max():
            raise ArrayError(
                f"{name} must be symmetric; its entries differ by up to {asymmetry:.3g}"
            )
    # To the last bit, for `eigvalsh` reads one triangle and the equations of motion read both.
    students, teachers = (students + students.T) / 2, (teachers + teachers.T) / 2
    values = np.linalg.eigvalsh(teachers)
    # Linearly dependent teachers have no order parameters of their own, and no inverse of T.
    if values[0] <= TOLERANCE * max(values[-1], 0):
        raise ArrayError(
            f"T is singular: its smallest eigenvalue is {values[0]:.3g}, so a teacher vector is a "
            f"combination of the others: give linearly independent ones"
        )
    smallest = float(np.linalg.eigvalsh(np.block([[students, cross], [cross.T, teachers]]))[0])
    if smallest < -TOLERANCE * max(np.abs(students).max(), values[-1]):
        raise ArrayError(
            f"Q, R and T are not the overlaps of any vectors: the smallest eigenvalue of "
            f"[[Q, R], [R^T, T]] is {smallest:.3g}, and a covariance has none below 0"
        )
    return OrderParameters(students, cross, readout), teachers, target
