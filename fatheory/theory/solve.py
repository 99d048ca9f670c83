"""Answer an experiment from equations, in the shape in which simulation answers it."""

import json
import time
from collections.abc import Mapping

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.archive import assemble, provenance, warn_of_divergence
from fatheory.checks import require_kind
from fatheory.errors import ArrayError, PluginError, RegimeError, UnknownNameError
from fatheory.experiment import Experiment
from fatheory.initial import coordinates, draw_initial_state, drawn_variables
from fatheory.quantities import WEIGHTS, find_quantities, find_quantity
from fatheory.registry import of_fatheory
from fatheory.theory.memory import require_memory
from fatheory.theory.methods import Method, find_method
from fatheory.theory.methods.asked import mapping_of, problems_of, whose


def solve(experiment: Experiment, method: str | Method = "flow") -> xr.Dataset:
    """Solve the experiment from theory and return it in the shape of `fatheory.simulate`.

    Parameters
    ----------
    experiment : Experiment
        What to solve.
    method : str or Method
        How. ``"flow"`` integrates the gradient flow of a linear network, time = learning rate x
        step; ``"reduced"`` does so in the reduced state whose size does not depend on hidden
        width; ``"reduced_sgd"`` carries out the very updates of the simulation in that state
        (these three and ``"infinite_width"`` know direct feedback alignment, too);
        ``"closed_form"`` evaluates the solution for white input, orthogonal feedback and a
        spectral start; ``"phases"`` that of phases in which one of two layers is frozen, and of
        shallow learning; ``"infinite_width"`` follows the limit of infinitely many hidden units;
        ``"order_parameters"`` follows online learning at its own rates, of nonlinear networks, too;
        ``"lazy"`` and ``"dmft"`` follow wide nonlinear networks on finite samples, the first where
        they hardly move, the second where they learn features under fixed random feedback (for
        other numbers of samples give ``fatheory.theory.DMFTMethod(samples=20_000)``, no name);
        ``"online"`` gives the median loss of linear online learning, single examples included.
        `fatheory list` shows all, those of installed packages included.

    Returns
    -------
    xarray.Dataset
        A run archive of source ``"theory/<method>"`` in float64, with the dimensions, coordinates
        and variables of the simulation. Quantities that the method cannot give are left out; the
        attribute ``absent_quantities`` says why, as JSON by quantity. Angles and signals of rules
        that are random given weights and data are NaN: the flow predicts their mean motion, not
        single draws. ``diverged_at`` is the first *recorded* step without a finite loss, from
        which on all is NaN; simulation looks at every step, so its own lies between the recorded
        step before and this one, where both diverge at once.

    Warns
    -----
    DivergedWarning
        If solutions grow without bound: how many, which, and since when.

    Raises
    ------
    UnknownNameError
        If there is no such method.
    RegimeError
        If the method does not cover the experiment; the message says everything that is outside,
        and what would bring it in. Or if an assumption does not hold of what is drawn.
    MemoryEstimateError
        If the answer would not fit into memory.
    PluginError
        If a method that is not ours returns what is no answer.
    """
    archive = solved(experiment, method)
    warn_of_divergence(archive)
    return archive


def solved(experiment: Experiment, method: str | Method) -> xr.Dataset:
    """Solve an experiment as `solve` does, for those who tell of divergence themselves."""
    require_kind(
        "experiment",
        experiment,
        Experiment,
        "read one by Experiment.from_json, or take one of fatheory.presets",
    )
    require_kind("method", method, (str, Method))
    began = time.perf_counter()
    chosen = method if isinstance(method, Method) else find_method(method)
    problems = problems_of(chosen, experiment)
    if problems:
        lines = "".join(f"\n  {line}" for line in problems)
        raise RegimeError(
            f"theory's method {chosen.name!r} covers {chosen.regime}; `fatheory run` trains the "
            f"others. Of this experiment,{lines}"
        )
    require_memory(experiment, chosen)
    starts = [draw_initial_state(experiment, seed) for seed in experiment.seeds]
    answer = _checked(chosen, experiment, mapping_of(chosen, "answer", experiment, starts))
    answer = _kept(experiment, answer)
    attrs = provenance(
        source=f"theory/{chosen.name}",
        experiment_json=experiment.to_json(),
        experiment_hash=experiment.content_hash,
        precision="float64",
        device="cpu",
        wall_time_s=time.perf_counter() - began,
    )
    absent = _absent(chosen, experiment, answer)
    if absent:
        attrs |= {labels.ATTR_ABSENT: json.dumps(absent)}
    if not chosen.any_rate:
        attrs |= {labels.ATTR_RATES: labels.OWN_RATES}
    try:
        return assemble(
            drawn_variables(experiment, starts) | answer,
            coordinates(experiment),
            attrs,
            n_layers=experiment.layers,
        )
    except (ArrayError, UnknownNameError) as error:
        raise PluginError(f"the method {chosen.name!r} gave no valid answer: {error}") from error


def _kept(experiment: Experiment, answer: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Take weights out where the experiment does not keep them, as simulation does."""
    gone = ~np.isin(experiment.snapshot_steps, experiment.weight_steps)
    found = dict(answer)
    if gone.any():
        for name in set(find_quantity(WEIGHTS).names(experiment)) & found.keys():
            # A copy: the array may be the method's own, of which something else is a view.
            found[name] = np.array(found[name], dtype=np.float64)
            found[name][:, :, gone] = np.nan
    return found


def _checked(
    method: Method, experiment: Experiment, answer: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Return the answer with ``diverged``, after a look at what every variable must have.

    Raises
    ------
    PluginError
        If the loss is missing, or a variable does not lead with rules and seeds.
    """
    runs = (len(experiment.rules), len(experiment.seeds))
    arrays = {name: np.asarray(values) for name, values in answer.items()}
    if labels.LOSS not in arrays:
        raise PluginError(f"{whose(method)} gives no loss, which every archive holds")
    for name, values in arrays.items():
        if values.shape[:2] != runs or values.dtype.kind not in "iufb":
            raise PluginError(
                f"{whose(method)} must give {name!r} as numbers for {runs[0]} rules "
                f"and {runs[1]} seeds first; it gives {values.dtype} of the shape {values.shape}"
            )
    since = arrays.pop(labels.DIVERGED_AT, np.full(runs, -1)).astype(np.int64)
    if since.shape == runs and not of_fatheory(type(method)):
        lost = np.isnan(arrays[labels.LOSS]).reshape(*runs, -1).any(axis=-1) & (since < 0)
        if lost.any():
            raise PluginError(
                f"{whose(method)} gives a loss of NaN in "
                f"{lost.sum()} of {lost.size} runs that it does not call diverged; answer must "
                f"give finite losses, or {labels.DIVERGED_AT!r}, the step from which there are none"
            )
    return arrays | {labels.DIVERGED: since >= 0, labels.DIVERGED_AT: since}


def _absent(
    method: Method, experiment: Experiment, answer: Mapping[str, np.ndarray]
) -> dict[str, str]:
    """Say why recorded quantities are not in the answer."""
    told = mapping_of(method, "absent", experiment)
    missing = [
        quantity.name
        for quantity in find_quantities(experiment.record.quantities)
        if any(name not in answer for name in quantity.names(experiment))
    ]
    default = f"the method {method.name} does not give it"
    return {name: told.get(name, default) for name in missing}
