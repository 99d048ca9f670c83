"""Stable learning rates as theory predicts them, for rooms that may not see theory.

A run that diverged is announced by the archive that holds it, and by training, which both know no
theory. The package, which sees all rooms, says who predicts; importing this costs nothing.
"""

import warnings
from collections.abc import Callable, Mapping
from typing import Any

from fatheory.errors import FatheoryError

Runs = tuple[tuple[str, int], ...]
Predict = Callable[[Any, Runs], Mapping[str, float]]
"""From an archive and (rule, seed) of runs to stable rates of the rules, in 1 / step."""

_EXPECTED = (FatheoryError, ArithmeticError, MemoryError)
"""What a run that theory does not know, or whose numbers it cannot follow, ends a prediction by."""

_predict: list[Predict] = []


def predicted_by(predict: Predict) -> None:
    """Let a room above this one predict stable rates."""
    _predict[:] = [predict]


def predicted_rates(archive: Any, runs: Runs) -> dict[str, float]:
    """Return the largest stable learning rates of runs, by rule, in 1 / step.

    Parameters
    ----------
    archive : Dataset
        A run archive.
    runs : tuple of (rule, seed)
        One of each rule.

    Returns
    -------
    dict
        Only of the rules of which theory knows one.

    Warns
    -----
    RuntimeWarning
        If a prediction fails as none should. It is advice: what is announced must be announced,
        and the run that it is about kept, whatever becomes of it.
    """
    found: dict[str, float] = {}
    for predict in _predict:
        try:
            found |= predict(archive, runs)
        except _EXPECTED:
            continue
        except Exception as error:
            warnings.warn(
                f"no stable learning rate is predicted, as the prediction fails by "
                f"{type(error).__name__}: {error}",
                RuntimeWarning,
                stacklevel=2,
            )
    return found
