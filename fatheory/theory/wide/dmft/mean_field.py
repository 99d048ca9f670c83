r"""Feedback alignment of infinitely wide networks in the rich regime, by one causal pass."""

import math

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from fatheory import labels
from fatheory.checks import matching_shapes, one_number, real_array
from fatheory.errors import RegimeError, UnknownNameError
from fatheory.theory.wide.dmft.layer import Layer
from fatheory.theory.wide.dmft.true_gradient import TrueGradient
from fatheory.theory.wide.points import input_points, require_memory, whole_number
from fatheory.theory.wide.unit_function import unit_function

FEEDBACK, DIRECT = "feedback_alignment", "direct_feedback_alignment"
RULES = (FEEDBACK, DIRECT)
_BATCHES = 8
"""Batches of samples whose scatter gives the Monte Carlo errors."""


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
        backprop's; and ``output_error (step)``, ``activity_kernel_error (step, layer)``: standard
        errors of the Monte Carlo averages, root mean square over points. That of outputs is of
        the last average given the errors before it.

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
    points, targets = input_points("X", X), real_array("Y", Y, 2)
    matching_shapes({"X": (points, ("point", "n_i")), "Y": (targets, ("point", "unit"))})
    L, S = whole_number("hidden_layers", hidden_layers), whole_number("samples", samples, 64)
    K = whole_number("steps", steps)
    _require_rule(rule)
    richness = one_number("richness", richness)
    learning_rate = one_number("learning_rate", learning_rate)
    for name, value in (("richness", richness), ("learning_rate", learning_rate)):
        if not (math.isfinite(value) and value > 0):
            raise RegimeError(f"{name} must be positive and finite; got {value}")
    function = unit_function(activation)
    P, n_o = targets.shape
    # Activities, signals and the noises that made them, and true signals.
    fields = (4 * L - 1) + (3 * L if alignment else 0)
    require_memory(8 * S * (K + 1) * P * fields, f"a mean field of {S:,} samples and {K} steps")
    streams = np.random.SeedSequence(whole_number("seed", seed, 0)).spawn(L + 1)
    sizes = (K + 1, S, P, n_o)
    layers = [Layer(function, np.random.default_rng(s), *sizes) for s in streams[:-1]]
    truth = TrueGradient(np.random.default_rng(streams[-1]), layers, *sizes) if alignment else None
    record = _Record(K + 1, L, P, n_o)
    step_size = learning_rate * richness
    below = points @ points.T / points.shape[1]
    outputs = _Outputs(learning_rate, targets)
    for k in range(K + 1):
        blocks = [below] * (k + 1)
        for index, layer in enumerate(layers):
            blocks = layer.advance(blocks, step_size)
            record.activity(k, index, blocks[-1], layer)
        error = outputs.advance(blocks)
        if not np.isfinite(error).all() or np.abs(error).max() > 1e6 * np.abs(targets).max():
            raise RegimeError(
                f"learning diverges at step {k} with learning_rate {learning_rate} and richness "
                f"{richness}: the largest output is {np.abs(targets - error).max():.3g}; take a "
                f"smaller learning_rate"
            )
        record.outputs(k, targets - error, error, outputs.scatter(layers[-1]))
        _send_down(layers, error, rule, record, k)
        if truth is not None:
            record.cosines(k, truth.cosines(error, step_size))
            truth.learn(error, step_size)
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


def _send_down(
    layers: list[Layer], error: np.ndarray, rule: str, record: "_Record", k: int
) -> None:
    """Send the error from the output to layer 1."""
    blocks: list[np.ndarray] = []
    for index in range(len(layers) - 1, -1, -1):
        layer = layers[index]
        if index == len(layers) - 1 or rule == DIRECT:
            arriving = layer.feedback @ error.T
        else:
            arriving = layer.backward.draw(blocks)
        blocks = layer.receive(arriving)
        record.signal(k, index, blocks[-1])


class _Outputs:
    """f(k) = eta sum_{j<k} Phi^L(k, j) e(j): what the readout has learned."""

    def __init__(self, eta: float, targets: np.ndarray) -> None:
        self._eta, self._targets = eta, targets
        self._errors: list[np.ndarray] = []

    def advance(self, blocks: list[np.ndarray]) -> np.ndarray:
        """Return e(k) from Phi^L(k, j), j = 0 ... k."""
        pairs = zip(blocks[:-1], self._errors, strict=True)
        f = self._eta * sum((Phi @ e for Phi, e in pairs), np.zeros_like(self._targets))
        self._errors.append(self._targets - f)
        return self._errors[-1]

    def scatter(self, top: Layer) -> float:
        """Return the standard error of f(k) over samples, given the past errors."""
        past = self._errors[:-1]
        if not past:
            return 0.0
        phi = top.activities
        P = len(self._targets)
        seen = phi.flat[:, : P * len(past)] @ np.vstack(past)
        single = self._eta * phi.flat[:, -P:, None] * seen[:, None, :]
        batches = [part.mean(axis=0) for part in np.array_split(single, _BATCHES)]
        variance = np.var(batches, axis=0, ddof=1) / _BATCHES
        return float(np.sqrt(variance.mean()))


class _Record:
    """What the pass found, step by step."""

    def __init__(self, steps: int, layers: int, points: int, outputs: int) -> None:
        self._output = np.zeros((steps, points, outputs))
        self._loss, self._output_error = np.zeros(steps), np.zeros(steps)
        self._activity = np.zeros((steps, layers, points, points))
        self._signal = np.zeros((steps, layers, points, points))
        self._activity_error = np.zeros((steps, layers))
        self._cosine = np.full((steps, layers), np.nan)

    def activity(self, k: int, layer: int, kernel: np.ndarray, process: Layer) -> None:
        self._activity[k, layer] = kernel
        phi = process.activities.flat[:, -len(kernel) :]
        batches = [part.T @ part / len(part) for part in np.array_split(phi, _BATCHES)]
        variance = np.var(batches, axis=0, ddof=1) / _BATCHES
        self._activity_error[k, layer] = np.sqrt(variance.mean())

    def signal(self, k: int, layer: int, kernel: np.ndarray) -> None:
        self._signal[k, layer] = kernel

    def outputs(self, k: int, output: np.ndarray, error: np.ndarray, scatter: float) -> None:
        self._output[k], self._output_error[k] = output, scatter
        self._loss[k] = 0.5 * np.sum(error**2)

    def cosines(self, k: int, cosines: list[float]) -> None:
        self._cosine[k] = cosines

    def dataset(self, learning_rate: float, rule: str) -> xr.Dataset:
        step, kernel = labels.STEP, (labels.STEP, labels.LAYER, "point", labels.twin("point"))
        steps = np.arange(len(self._loss))
        angle = np.rad2deg(np.arccos(np.clip(self._cosine, -1, 1)))
        one = {"units": labels.DIMENSIONLESS}
        return xr.Dataset(
            {
                "output": ((step, "point", "unit"), self._output, one | {"long_name": "output"}),
                labels.LOSS: ((step,), self._loss, one | {"equation": "1/2 sum |e|^2"}),
                "activity_kernel": (kernel, self._activity, one | {"equation": "<phi phi^T>"}),
                "signal_kernel": (kernel, self._signal, one | {"equation": "<delta delta^T>"}),
                "delta_angle": (
                    (step, labels.LAYER),
                    angle,
                    {
                        "units": labels.DEGREES,
                        "long_name": "angle between the rule's and backprop's teaching signals, "
                        "all points as one vector",
                    },
                ),
                "output_error": ((step,), self._output_error, one),
                "activity_kernel_error": ((step, labels.LAYER), self._activity_error, one),
            },
            coords={
                step: steps,
                labels.TIME: ((step,), learning_rate * steps),
                labels.LAYER: np.arange(1, self._activity.shape[1] + 1),
            },
            attrs={labels.ATTR_SOURCE: "theory/dmft", labels.RULE: rule},
        )
