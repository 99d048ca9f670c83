r"""One pass forward in time through the mean field of random feedback.

Forward weights at the start are met only on the way up, feedback only on the way down, so that no
response function enters: at every step activities are sampled given their past, then outputs and
errors, then signals downward.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from fatheory.theory.wide.dmft.gaussian_process import GaussianProcess
from fatheory.theory.wide.dmft.layer import Layer
from fatheory.theory.wide.dmft.record import Record, output_batches
from fatheory.theory.wide.dmft.scaling import Scaling
from fatheory.theory.wide.dmft.true_gradient import TrueGradient
from fatheory.theory.wide.unit_function import UnitFunction

_LARGEST = 1e6
"""Errors of more than so many times the largest target have diverged."""


@dataclass(frozen=True, eq=False)
class Problem:
    """What a pass follows.

    Attributes
    ----------
    kernel : array of shape (point, point)
        Of the inputs.
    targets : array of shape (point, unit)
        What errors are taken from.
    function : UnitFunction
        Of the hidden units.
    scaling : Scaling
        Of start, steps and feedback.
    direct : bool
        Whether errors reach every hidden layer from the output.
    feedback : sequence of arrays of shape (sample, unit)
        Feedback from the output to the units of layers 1 ... L; layered feedback uses the last.
    steps : int
        Updates.
    first_sums : array of shape (sample, point), optional
        What units of layer 1 sum up at the start; a Gaussian of the inputs' kernel by default.
    start_outputs : array of shape (point, unit), optional
        Outputs at the start; zeros by default.
    alignment : bool
        Whether backprop's signals are followed, too.
    measured : array of shape (point, unit), optional
        Targets that the loss is measured by, such as those without noise; `targets` by default.
    """

    kernel: Float[np.ndarray, "point point"]
    targets: Float[np.ndarray, "point unit"]
    function: UnitFunction
    scaling: Scaling
    direct: bool
    feedback: Sequence[Float[np.ndarray, "sample unit"]]
    steps: int
    first_sums: Float[np.ndarray, "sample point"] | None = None
    start_outputs: Float[np.ndarray, "point unit"] | None = None
    alignment: bool = True
    measured: Float[np.ndarray, "point unit"] | None = None


def memory_of_pass(
    samples: int, steps: int, points: int, hidden_layers: int, alignment: bool
) -> int:
    """Return the bytes that a pass takes: activities, signals, the noises that made them."""
    fields = (4 * hidden_layers - 1) + (3 * hidden_layers if alignment else 0)
    return 8 * samples * (steps + 1) * points * fields


def causal_pass(problem: Problem, generators: Sequence[np.random.Generator]) -> Record:
    """Carry out the pass.

    Parameters
    ----------
    problem : Problem
        What is followed.
    generators : sequence of numpy.random.Generator
        Of layers 1 ... L, of backprop's signals, and of the outputs of the start weights.
    """
    P, n_o = problem.targets.shape
    scaling, K = problem.scaling, problem.steps
    L, sizes = len(scaling.gains), (problem.steps + 1, P)
    layers = [
        Layer(
            problem.function,
            generators[i],
            scaling.gains[i],
            scaling.steps[i],
            problem.feedback[i],
            problem.first_sums if i == 0 else None,
            *sizes,
        )
        for i in range(L)
    ]
    samples = len(problem.feedback[-1])
    truth = (
        TrueGradient(generators[L], layers, scaling, K + 1, samples, P, n_o)
        if problem.alignment
        else None
    )
    record, outputs = Record(K + 1, L, P, n_o), _Outputs(problem, generators[L + 1])
    for k in range(K + 1):
        blocks = [problem.kernel] * (k + 1)
        for index, layer in enumerate(layers):
            blocks = layer.advance(blocks)
            record.activity(k, index, blocks[-1], layer.activities)
        error = outputs.advance(blocks)
        if not np.isfinite(error).all() or np.abs(error).max() > outputs.bound:
            record.diverged_at = k
            break
        batches = output_batches(scaling.readout_step, layers[-1].activities, outputs.errors[:-1])
        output = problem.targets - error
        off = error if problem.measured is None else problem.measured - output
        record.outputs(k, output, off, batches)
        _send_down(layers, error, problem, record, k)
        if truth is not None:
            record.cosine[k] = truth.cosines(error)
            truth.learn(error)
    return record


def _send_down(
    layers: list[Layer], error: np.ndarray, problem: Problem, record: Record, k: int
) -> None:
    """Send the error from the output to layer 1."""
    blocks: list[np.ndarray] = []
    for index in range(len(layers) - 1, -1, -1):
        layer = layers[index]
        if index == len(layers) - 1 or problem.direct:
            arriving = layer.feedback @ error.T
        else:
            size = problem.scaling.feedback[index]
            arriving = layer.backward.draw([size * block for block in blocks])
        blocks = layer.receive(arriving)
        record.signal(k, index, blocks[-1])


class _Outputs:
    """f(k): what the readout has learned, and what its start makes of moving activities."""

    def __init__(self, problem: Problem, generator: np.random.Generator) -> None:
        self._problem = problem
        self._start = GaussianProcess(generator, problem.targets.shape[1])
        self.errors: list[np.ndarray] = []
        """e(0), e(1), ..."""
        start = 0.0 if problem.start_outputs is None else np.abs(problem.start_outputs).max()
        self.bound = _LARGEST * max(float(np.abs(problem.targets).max()), float(start))
        """Errors beyond it have diverged."""

    def advance(self, blocks: list[np.ndarray]) -> np.ndarray:
        """Return e(k) from Phi^L(k, j), j = 0 ... k."""
        pairs = zip(blocks[:-1], self.errors, strict=True)
        moved = sum((Phi @ e for Phi, e in pairs), np.zeros_like(self._problem.targets))
        f = self._problem.scaling.readout_step * moved + self._of_start(blocks)
        self.errors.append(self._problem.targets - f)
        return self.errors[-1]

    def _of_start(self, blocks: list[np.ndarray]) -> Float[np.ndarray, "point unit"] | float:
        """Return the outputs of the readout's start: given at step 0, drawn given those after."""
        given = self._problem.start_outputs
        if given is None:
            return 0.0
        covariances = [self._problem.scaling.readout_gain * block for block in blocks]
        if len(blocks) == 1:
            self._start.begin(given.T, covariances[0])
            return given
        return self._start.draw(covariances).T
