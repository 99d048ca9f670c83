"""Runs of other programs, brought into the form of archives."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.archive import (
    assemble,
    provenance,
    require_possible,
    validate,
    warn_of_divergence,
)
from fatheory.checks import one_number, real_array
from fatheory.errors import ArrayError
from fatheory.interchange.foreign_layers import layers_of, sizes_of
from fatheory.interchange.shared_memory import require_own_memory

_Run = tuple[str, int]


def from_arrays(
    weights: Mapping[Any, Any],
    *,
    learning_rate: float | Mapping[str, float],
    activation: str,
    output: str = "linear",
    rules: str | Mapping[str, str] = "feedback_alignment",
    feedback: Mapping[Any, Any] | None = None,
    losses: Mapping[Any, Any] | None = None,
    program: str = "another program",
) -> xr.Dataset:
    """Make a run archive of what another program recorded while a dense network learned.

    Metrics read it as they read others: angles between weights and feedback, concordance of signs,
    norms; `fatheory.predict` answers with its weights. Its source says ``not simulated here``, and
    what is not given (losses) is NaN. A run has diverged from the first step on at which one of its
    weights, or a loss that is given, is not finite: from there on all of its values are NaN, as in
    runs that are trained here, also where another program has written numbers.

    Parameters
    ----------
    weights : mapping
        From the step to the layers then: a sequence of matrices W_1 ... W_L of shape (out, in), as
        PyTorch has them, or a state dict with ``...weight`` and ``...bias`` in the order of the
        layers. Of several runs, a mapping from (rule, seed) to such a mapping, each with the same
        steps.
    learning_rate : float or mapping
        In units of 1 / step; by rule where they differ. ``time`` is learning rate x step.
    activation, output : str
        Functions of the hidden units and of the output units.
    rules : str or mapping
        Which of fatheory's rules the network learned by: a name, or one for every label in
        `weights`.
    feedback : mapping, optional
        From layer l (2 to L) to the fixed feedback from it, oriented like B: (unit_{l-1}, unit_l),
        which is the shape of W_l transposed. Of several runs that differ in it, a mapping from
        (rule, seed) to such a mapping.
    losses : mapping, optional
        From the step to the loss, or from (rule, seed) to such a mapping. In archives a loss is
        half the squared error, summed over outputs and averaged over samples, or the cross-entropy
        of softmax outputs: PyTorch's mean squared error, which averages over outputs, too, is that
        times 2 / n_o.
    program : str
        What trained, such as ``"PyTorch 2.4"``.

    Returns
    -------
    xarray.Dataset
        A valid run archive in double precision, or in single where all weights are.

    Raises
    ------
    ArrayError
        If steps are missing, or shapes do not fit: a transposed matrix is named with its shape and
        that which it should have. If two steps are one array, as when ``state_dict()`` is kept
        without a copy: all steps then hold the last weights.
    SchemaError
        If a value is impossible, as a negative loss is: the message says which, where, and what is
        allowed.

    Warns
    -----
    DivergedWarning
        If runs diverged: which, and since when.

    Examples
    --------
    State dicts along a training, each tensor copied (``W.detach().clone()``: the network changes
    its own in place), the rule's fixed feedback in hand:

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> state = lambda: {"0.weight": rng.normal(size=(5, 8)), "0.bias": np.zeros(5),
    ...                  "2.weight": rng.normal(size=(3, 5)), "2.bias": np.zeros(3)}
    >>> archive = from_arrays(
    ...     {0: state(), 100: state()}, feedback={2: rng.normal(size=(5, 3))},
    ...     learning_rate=0.01, activation="relu", program="PyTorch",
    ... )
    >>> archive.attrs["source"]
    'not simulated here: PyTorch'
    >>> archive["weight_1"].shape
    (1, 1, 2, 5, 8)
    """
    runs = _by_run("weights", weights, rules)
    grid = _Grid.of(runs)
    variables = _stacked(runs, grid)
    for run, steps in runs.items():
        # After the shapes, so that what is not an array at all has its own message.
        require_own_memory(f"weights{list(run)}", steps)
    first = {name: array[0, 0, 0] for name, array in variables.items()}
    sizes = sizes_of(first)
    rates = _rates(learning_rate, grid.rules)
    named = {label: rules if isinstance(rules, str) else rules[label] for label in grid.rules}
    description = _description(sizes, activation, output, named, rates, grid, first)
    variables[labels.LOSS] = _losses(losses, grid, rules)
    since = _divergence(variables, grid, unknown=() if losses is not None else (labels.LOSS,))
    archive = assemble(
        {
            **variables,
            **_feedback(feedback, grid, sizes),
            labels.DIVERGED: since >= 0,
            labels.DIVERGED_AT: since,
        },
        {
            labels.RULE: np.asarray(grid.rules),
            labels.SEED: np.asarray(grid.seeds, dtype=np.int64),
            labels.STEP: np.asarray(grid.steps, dtype=np.int64),
            labels.LAYER: np.arange(1, len(sizes)),
            labels.TIME: np.asarray(rates)[:, None] * np.asarray(grid.steps),
            labels.LEARNING_RATE: np.asarray(rates),
        },
        provenance(
            source=f"{labels.FOREIGN}: {program}",
            experiment_json=description,
            # Not a content hash of ours, which stands for a run that can be repeated; it only tells
            # archives apart.
            experiment_hash=hashlib.sha256(description.encode()).hexdigest()[:16],
            # Of the weights as given: losses are double precision whatever the network is.
            precision=str(first[labels.weight(1)].dtype),
            device="not known",
            wall_time_s=0.0,
        ),
        n_layers=len(sizes) - 1,
    )
    # The same check that stored archives pass, so that no metric meets a form of its own.
    validate(archive)
    require_possible(archive)
    # Only now: what stands behind a divergence is looked at, too.
    for name, values in _blank_from(since, variables, grid).items():
        archive[name].values = values
    warn_of_divergence(archive)
    return archive


@dataclass(frozen=True)
class _Grid:
    """The labels of an archive's runs and steps."""

    rules: tuple[str, ...]
    seeds: tuple[int, ...]
    steps: tuple[int, ...]

    @classmethod
    def of(cls, runs: Mapping[_Run, Mapping[Any, Any]]) -> "_Grid":
        rules = tuple(dict.fromkeys(rule for rule, _ in runs))
        found = cls(rules, tuple(sorted({seed for _, seed in runs})), _steps(runs))
        missing = [run for run in found.runs if run not in runs]
        if missing:
            raise ArrayError(f"weights lack the runs {missing}: every rule needs every seed")
        return found

    @property
    def runs(self) -> list[_Run]:
        """All runs, the seed running fastest."""
        return [(rule, seed) for rule in self.rules for seed in self.seeds]

    @property
    def shape(self) -> tuple[int, int]:
        """How many rules and seeds there are."""
        return len(self.rules), len(self.seeds)


def _stacked(runs: Mapping[_Run, Mapping[Any, Any]], grid: _Grid) -> dict[str, np.ndarray]:
    """Return weights and biases by name, (rule, seed, step, ...)."""
    rows: dict[str, list[np.ndarray]] = {}
    first: dict[str, tuple[int, ...]] = {}
    for run in grid.runs:
        for step in grid.steps:
            where = f"weights{list(run)}[{step}]"
            found = layers_of(where, runs[run][step])
            shapes = {name: array.shape for name, array in found.items()}
            first = first or shapes
            if shapes != first:
                raise ArrayError(
                    f"{where} has the arrays {shapes}; those of the first step are {first}"
                )
            for name, array in found.items():
                rows.setdefault(name, []).append(array)
    # One for all, which the archive says of itself.
    precision = np.result_type(*(array for own in rows.values() for array in own))
    return {
        name: np.array(own, precision).reshape(*grid.shape, len(grid.steps), *first[name])
        for name, own in rows.items()
    }


def _divergence(
    recorded: Mapping[str, np.ndarray], grid: _Grid, unknown: Sequence[str]
) -> np.ndarray:
    """Return the first step of each run at which something known is not finite, -1 for none."""
    runs = (*grid.shape, len(grid.steps))
    known = [a for name, a in recorded.items() if name not in unknown]
    finite = np.all([np.isfinite(a).reshape(*runs, -1).all(-1) for a in known], axis=0)
    # The argmin of booleans is the first that is false.
    return np.where(finite.all(-1), -1, np.asarray(grid.steps)[np.argmin(finite, axis=-1)])


def _blank_from(
    since: np.ndarray, recorded: Mapping[str, np.ndarray], grid: _Grid
) -> dict[str, np.ndarray]:
    """Put NaN in the place of what stands behind a divergence."""
    lost = (since[..., None] >= 0) & (np.asarray(grid.steps) >= since[..., None])
    return {
        name: np.where(lost.reshape(*lost.shape, *(1,) * (a.ndim - 3)), a.dtype.type(np.nan), a)
        for name, a in recorded.items()
    }


def _by_run(
    what: str, given: Mapping[Any, Any], rules: str | Mapping[str, str]
) -> dict[_Run, Mapping[Any, Any]]:
    """Return what is given by (rule, seed); what has no such keys is of the only run."""
    if not isinstance(given, Mapping) or not given:
        raise ArrayError(f"{what} must be a mapping by step, or by (rule, seed); got {given!r:.60}")
    if all(isinstance(key, tuple) and len(key) == 2 for key in given):
        found = {(str(rule), int(seed)): inner for (rule, seed), inner in given.items()}
    elif not isinstance(rules, str) and len(rules) > 1:
        raise ArrayError(f"{what} of the rules {', '.join(rules)} must be given by (rule, seed)")
    else:
        found = {(rules if isinstance(rules, str) else next(iter(rules)), 0): given}
    if not isinstance(rules, str):
        strange = sorted({rule for rule, _ in found} - set(rules))
        if strange:
            raise ArrayError(f"rules say nothing of {', '.join(strange)}, which {what} has")
    return found


def _steps(runs: Mapping[_Run, Mapping[Any, Any]]) -> tuple[int, ...]:
    """Return the steps, which all runs must have."""
    every: set[int] = set()
    for run, own in runs.items():
        for step in own:
            if isinstance(step, bool) or not isinstance(step, int | np.integer) or step < 0:
                raise ArrayError(f"steps are whole numbers from 0; weights{list(run)} has {step!r}")
        every |= set(map(int, own))
    for run, own in runs.items():
        missing = sorted(every - set(map(int, own)))
        if missing:
            raise ArrayError(
                f"weights{list(run)} lacks the steps {missing}, which another run has; an archive "
                f"holds all runs at the same steps"
            )
    # A run of the start alone shows no learning, and an experiment of no steps cannot be described.
    if max(every) == 0:
        raise ArrayError("weights hold one step, 0; give those of a later one, too")
    return tuple(sorted(every))


def _feedback(
    given: Mapping[Any, Any] | None,
    grid: _Grid,
    sizes: Sequence[int],
) -> dict[str, np.ndarray]:
    """Return fixed feedback by its names in archives, the same for all runs or of each."""
    if given is None:
        return {}
    by_run = all(isinstance(key, tuple) for key in given)
    strange = [key for key in given if by_run and key not in grid.runs]
    if strange:
        raise ArrayError(
            f"feedback is given for {', '.join(map(repr, strange))}, which weights lack; they have "
            f"{', '.join(map(repr, grid.runs))}"
        )
    of_rules: dict[str, set[int]] = {}
    if by_run:
        for (rule, _), layers in given.items():
            of_rules.setdefault(rule, set()).update(layers)
    variables: dict[str, np.ndarray] = {}
    for place, run in enumerate(grid.runs):
        own = given.get(run, {}) if by_run else given
        lacking = of_rules.get(run[0], set()) - set(own)
        if lacking:
            raise ArrayError(
                f"feedback of {run!r} lacks layer {min(lacking)}, which other seeds "
                f"of the rule have"
            )
        for layer, B in own.items():
            if layer not in range(2, len(sizes)):
                raise ArrayError(f"feedback is of layers 2 to {len(sizes) - 1}; got {layer!r}")
            where, wanted = f"feedback[{layer}]", (sizes[layer - 1], sizes[layer])
            array = real_array(where, B, 2)
            if array.shape != wanted:
                hint = ", so pass its transpose" if array.shape == wanted[::-1] else ""
                raise ArrayError(
                    f"{where} is oriented like B, the transpose of W_{layer}: {wanted}; got "
                    f"{array.shape}{hint}"
                )
            name = labels.feedback(layer)
            # NaN, as archives have of rules that draw no feedback.
            stack = variables.setdefault(name, np.full((math.prod(grid.shape), *wanted), np.nan))
            stack[place] = array
    return {name: stack.reshape(*grid.shape, *stack.shape[1:]) for name, stack in variables.items()}


def _losses(
    given: Mapping[Any, Any] | None,
    grid: _Grid,
    rules: str | Mapping[str, str],
) -> np.ndarray:
    """Return losses (rule, seed, step); NaN where none are given."""
    if given is None:
        return np.full((*grid.shape, len(grid.steps)), np.nan)
    by_run = _by_run("losses", given, rules)
    rows = []
    for run in grid.runs:
        missing = [step for step in grid.steps if step not in by_run.get(run, {})]
        if missing:
            raise ArrayError(f"losses{list(run)} lack the steps {missing}, at which weights are")
        rows.append(
            [one_number(f"losses{list(run)}[{step}]", by_run[run][step]) for step in grid.steps]
        )
    return np.array(rows).reshape(*grid.shape, len(grid.steps))


def _rates(given: float | Mapping[str, float], rules: Sequence[str]) -> list[float]:
    rates = []
    for rule in rules:
        if isinstance(given, Mapping) and rule not in given:
            raise ArrayError(f"learning_rate says nothing of {rule!r}; it has {list(given)}")
        rate = one_number("learning_rate", given[rule] if isinstance(given, Mapping) else given)
        if not (math.isfinite(rate) and rate > 0):
            raise ArrayError(f"learning_rate must be positive and finite; got {rate}")
        rates.append(rate)
    return rates


def _description(
    sizes: Sequence[int],
    activation: str,
    output: str,
    rules: Mapping[str, str],
    rates: Sequence[float],
    grid: _Grid,
    first: Mapping[str, np.ndarray],
) -> str:
    """Describe what is known as an experiment, so that metrics know layers and rules."""
    biases = {"distribution": "uniform", "bound": 0.0} if labels.bias(1) in first else None
    network = {"kind": "dense", "hidden": list(sizes[1:-1]), "activation": activation}
    said = {
        # That of this form; later versions read it by their migrations, as they read stored ones.
        "version": 4,
        "name": "brought in from another program",
        "task": {"kind": "foreign", "inputs": sizes[0], "outputs": sizes[-1]},
        "network": network | {"output": output, "biases": biases},
        "rules": {
            label: {"rule": rule, "learning_rate": rate}
            for (label, rule), rate in zip(rules.items(), rates, strict=True)
        },
        "schedule": {"phases": [{"steps": max(grid.steps)}]},
        "record": {"quantities": ["weights"], "steps": list(grid.steps)},
        "seeds": list(grid.seeds),
        "precision": str(first[labels.weight(1)].dtype),
    }
    return json.dumps(said)
