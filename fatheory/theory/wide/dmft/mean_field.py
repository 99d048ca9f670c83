r"""Feedback alignment of infinitely wide networks in the rich regime, by one causal pass."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from fatheory.arrays import ArrayLike
from fatheory.checks import matching_shapes, positive_number, real_matrix
from fatheory.errors import RegimeError, UnknownNameError
from fatheory.labelled_arrays import in_documented_order, require_same_labels
from fatheory.theory.wide.dmft.causal_pass import Problem, memory_of_pass
from fatheory.theory.wide.dmft.replicas import pass_with_errors
from fatheory.theory.wide.dmft.scaling import rich_scaling
from fatheory.theory.wide.lazy_kernel import lazy_kernel
from fatheory.theory.wide.points import POINT, input_points, require_memory, whole_number
from fatheory.theory.wide.unit_function import unit_function

FEEDBACK, DIRECT = "feedback_alignment", "direct_feedback_alignment"
RULES = (FEEDBACK, DIRECT)
LESS = "take fewer samples, steps or points, or alignment=False"


def dmft(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    activation: str,
    hidden_layers: int,
    richness: float,
    learning_rate: float,
    steps: int,
    rule: str = FEEDBACK,
    samples: int = 20_000,
    seed: int = 0,
    alignment: bool = True,
) -> xr.Dataset:
    r"""Follow full-batch learning of an infinitely wide network that learns its features.

    .. math:: f = W^{L+1} \phi(h^L) / (\gamma n),\qquad
              \Delta W^{l+1} = \tfrac{\eta\gamma}{\sqrt n} \sum_\mu \delta^{l+1}_\mu
              \phi(h^l_\mu)^\top,\qquad
              \Delta W^{L+1} = \eta\gamma \sum_\mu e_\mu \phi(h^L_\mu)^\top

    with h^1 = W^1 x / sqrt(D), whose step is of size eta gamma / sqrt(D), and all entries of
    weights and feedback from N(0, 1), independent of each other; gamma -> 0 is `lazy_kernel`,
    gamma of order 1 is rich. Signals are delta^L = phi'(h^L) o (B^T e), and below
    delta^l = phi'(h^l) o (B^{l+1 T} delta^{l+1} / sqrt(n)) for feedback alignment or
    phi'(h^l) o (b_l^T e) for direct feedback alignment.

    At infinite width the units of a layer are independent copies of one process, driven by the
    layers around it through averages only. Forward weights at the start are met only on the way
    up, feedback only on the way down, so that no response function enters the dynamics: at every
    step activities are sampled given their past, then outputs and errors, then signals downward.
    Exact for every learning rate, up to the Monte Carlo error of `samples` copies.

    Parameters
    ----------
    X : array of shape (point, n_i)
        Inputs; n_i = D.
    Y : array of shape (point, unit)
        Targets.
    activation : str
        ``"linear"``, ``"relu"``, ``"erf"``, ``"tanh"`` or ``"sigmoid"``.
    hidden_layers : int
        L, at least 1.
    richness : float
        gamma, positive.
    learning_rate : float
        eta, per step, of the loss 1/2 sum |e|^2 over points. Small ones approach gradient flow
        in the time eta * step.
    steps : int
        Updates; outputs are given from step 0 to the last.
    rule : str
        ``"feedback_alignment"`` or ``"direct_feedback_alignment"``.
    samples : int
        Copies of a unit, at least 64.
    seed : int
        Of the copies.
    alignment : bool
        Whether backprop's signals are followed, too, for the angles; doubles the work.

    Returns
    -------
    xarray.Dataset
        ``output (step, point, unit)``, ``loss (step)``, ``activity_kernel`` and
        ``signal_kernel (step, layer, point, point_twin)``, ``delta_angle (step, layer)``
        in degrees, all signals of a layer as one vector, between the rule's signals and
        backprop's; and ``output_error (step)``, ``loss_error (step)``, ``activity_kernel_error``,
        ``signal_kernel_error`` and ``delta_angle_error (step, layer)``: standard errors of the
        Monte Carlo averages over draws of all samples of all steps, those of outputs and kernels
        root mean square over points. They are the scatter of eight small passes, scaled to
        `samples`, and themselves known to about a quarter.

    Raises
    ------
    ArrayError
        If arrays are not finite or do not fit, or points are equal or zero.
    RegimeError
        If a number is out of range, the learning diverges, the memory does not suffice, or for a
        rule that needs response functions (backprop, feedback correlated with forward weights).
    UnknownNameError
        If there is no such activation or rule.

    References
    ----------
    Equations: Bordelon & Pehlevan 2022, arXiv 2210.02157. The causal solution without response
    functions and the alignment read out of it: derived for this project.

    Examples
    --------
    >>> from fatheory import theory
    >>> run = theory.dmft([[1.0, 0.0], [0.0, 1.0]], [[1.0], [-1.0]], activation="tanh",
    ...     hidden_layers=2, richness=1.0, learning_rate=0.5, steps=10, samples=512)
    >>> run.output.dims
    ('step', 'point', 'unit')
    """
    X = in_documented_order("X", X, (POINT, "n_i"))
    Y = in_documented_order("Y", Y, (POINT, "unit"))
    require_same_labels("X", X, "Y", Y)
    points, targets = input_points("X", X), real_matrix("Y", Y)
    matching_shapes({"X": (points, ("point", "n_i")), "Y": (targets, ("point", "unit"))})
    L, S = whole_number("hidden_layers", hidden_layers), whole_number("samples", samples, 64)
    K = whole_number("steps", steps)
    _require_rule(rule)
    richness = positive_number("richness", richness)
    learning_rate = positive_number("learning_rate", learning_rate)
    function = unit_function(activation)
    P, n_o = targets.shape
    needed = memory_of_pass(S, K, P, L, alignment)
    require_memory(needed, f"a mean field of {S:,} samples and {K} steps", LESS)
    # A stream for each layer: how many columns a layer draws depends on how much it moves, and
    # would shift the draws of the others. The true gradient has its own, so `alignment` changes no
    # other number.
    streams = np.random.SeedSequence(whole_number("seed", seed, 0)).spawn(L + 2)
    kernel = points @ points.T / points.shape[1]

    def problem_of(count: int, generators: Sequence[np.random.Generator]) -> Problem:
        return Problem(
            kernel=kernel,
            targets=targets,
            function=function,
            scaling=rich_scaling(L, richness, learning_rate),
            direct=rule == DIRECT,
            feedback=[one.standard_normal((count, n_o)) for one in generators[:L]],
            steps=K,
            alignment=alignment,
        )

    record = pass_with_errors(problem_of, S, streams)
    if record.diverged_at >= 0:
        last = np.abs(record.output[record.diverged_at - 1]).max()
        # Feedback is independent of the weights, so that only the readout teaches at the start.
        lazy = lazy_kernel(points, activation=activation, hidden_layers=L, rule=RULES[0])
        stable = 2 / float(np.linalg.eigvalsh(lazy.values)[-1])
        raise RegimeError(
            f"learning diverges at step {record.diverged_at} with learning_rate {learning_rate} "
            f"and richness {richness}: the largest output was {last:.3g} the step before; the "
            f"largest stable one is {stable:.4g} at richness 0, and smaller where kernels grow: "
            f"take a smaller learning_rate"
        )
    return record.dataset(learning_rate, rule)


def _require_rule(rule: str) -> None:
    if rule in RULES:
        return
    if rule in ("backprop", "usf", "frsf", "brsf"):
        raise RegimeError(
            f"the rule {rule!r} sends errors through what the forward weights are, so its mean "
            f"field has response functions and no causal solution by one pass; the rules here are "
            f"{' and '.join(RULES)}"
        )
    raise UnknownNameError("rule of the mean field", rule, RULES)
