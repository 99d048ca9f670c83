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
from fatheory.theory.wide.dmft.history import History
from fatheory.theory.wide.dmft.layer import FirstLayer, Layer
from fatheory.theory.wide.dmft.record import Record
from fatheory.theory.wide.dmft.scaling import Scaling
from fatheory.theory.wide.dmft.true_gradient import TrueGradient
from fatheory.theory.wide.unit_function import UnitFunction

LARGEST = 1e6
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
    first_preactivations : array of shape (sample, point), optional
        Those of layer 1 at the start; a Gaussian of the inputs' kernel by default.
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
    first_preactivations: Float[np.ndarray, "sample point"] | None = None
    start_outputs: Float[np.ndarray, "point unit"] | None = None
    alignment: bool = True
    measured: Float[np.ndarray, "point unit"] | None = None


def memory_of_pass(
    samples: int, steps: int, points: int, hidden_layers: int, alignment: bool
) -> int:
    """Return the bytes that a pass takes at most.

    Between two hidden layers, activities, signals and the noises that made them stand by step, and
    activities of the last one where the readout's start answers; the true gradient has three
    fields of its own. Noises take less where processes hardly move.
    """
    columns, between = (steps + 1) * points, hidden_layers - 1
    fields = 4 * between + 1 + (3 * between if alignment else 0)
    # Of the factors of processes, each with the room to grow. Averages over so many samples have
    # no more columns than that.
    factors = (2 + alignment) * between * 4 * min(columns, samples) ** 2
    # A dozen fields at one step: preactivations, activities, slopes, signals, and what they are
    # made of.
    return 8 * (samples * (fields * columns + 12 * hidden_layers * points) + factors)


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
    layers = _layers(problem, generators)
    K, L, samples = problem.steps, len(layers), len(problem.feedback[-1])
    truth = (
        TrueGradient(generators[L], layers, problem.scaling, K + 1, samples, P, n_o)
        if problem.alignment
        else None
    )
    record = Record(K + 1, L, P, n_o)
    readout = _Readout(problem, samples, generators[L + 1])
    for k in range(K + 1):
        _send_up(layers, problem.kernel, record, k)
        top = layers[-1].activities
        error = readout.error(top)
        # Here, before signals of such a size are sampled: their covariances would overflow.
        if not np.isfinite(error).all() or np.abs(error).max() > readout.bound:
            record.diverged_at = k
            break
        output = problem.targets - error
        off = error if problem.measured is None else problem.measured - output
        record.outputs(k, output, off)
        _send_down(layers, error, problem, record, k)
        if truth is not None:
            record.cosine[k] = truth.cosines(error)
            truth.learn(error)
        readout.learn(top.newest, error)
    return record


def _layers(problem: Problem, generators: Sequence[np.random.Generator]) -> list[Layer]:
    """Return the hidden layers, each with the histories that others look at."""
    scaling, last = problem.scaling, len(problem.scaling.gains) - 1
    layers: list[Layer] = []
    for index in range(last + 1):
        common = (
            problem.function,
            generators[index],
            scaling.gains[index],
            scaling.steps[index],
            problem.feedback[index],
            problem.steps + 1,
            len(problem.targets),
            # What the readout learns is summed up; the process of its start looks further back.
            index < last or problem.start_outputs is not None,
        )
        layers.append(
            FirstLayer(*common, problem.first_preactivations) if index == 0 else Layer(*common)
        )
    return layers


def _send_up(layers: list[Layer], kernel: np.ndarray, record: Record, k: int) -> None:
    """Find activities from layer 1 to the last."""
    below = [kernel]
    for index, layer in enumerate(layers):
        layer.advance(below)
        if index < len(layers) - 1:
            below = layer.activities.kernels()
        record.activity(k, index, layer.activities)


def _send_down(
    layers: list[Layer], error: np.ndarray, problem: Problem, record: Record, k: int
) -> None:
    """Send the error from the output to layer 1."""
    for index in range(len(layers) - 1, -1, -1):
        layer = layers[index]
        # The last hidden layer hears the output itself, whether feedback is layered or direct.
        if index == len(layers) - 1 or problem.direct:
            arriving = layer.feedback @ error.T
        else:
            size = problem.scaling.feedback[index]
            above = layers[index + 1].signals.kernels()
            arriving = layer.backward.draw([size * block for block in above])
        layer.receive(arriving)
        record.signal(k, index, layer.signals.kernel())


class _Readout:
    """f(k): what the readout has learned, and what its start makes of moving activities."""

    def __init__(self, problem: Problem, samples: int, generator: np.random.Generator) -> None:
        P, n_o = problem.targets.shape
        self._problem = problem
        self._start = GaussianProcess(generator, n_o, (problem.steps + 1) * P)
        self.learnt = np.zeros((samples, n_o))
        """sum_{j<k} phi(h^L(j)) e(j), the readout's weights but for their start and the factor."""
        start = 0.0 if problem.start_outputs is None else np.abs(problem.start_outputs).max()
        self.bound = LARGEST * max(float(np.abs(problem.targets).max()), float(start))
        """Errors beyond it have diverged."""

    def error(self, activities: History) -> Float[np.ndarray, "point unit"]:
        """Return e(k) from the activities of the last hidden layer."""
        # By units, not by kernels: sum_j Phi(k, j) e(j) would need those with all earlier steps.
        moved = (activities.newest.T @ self.learnt) / len(self.learnt)
        f = self._problem.scaling.readout_step * moved + self._of_start(activities)
        return self._problem.targets - f

    def learn(self, newest: Float[np.ndarray, "sample point"], error: np.ndarray) -> None:
        """Take the step that follows an error."""
        self.learnt += newest @ error

    def _of_start(self, activities: History) -> Float[np.ndarray, "point unit"] | float:
        """Return the outputs of the readout's start: given at step 0, drawn given those after."""
        given = self._problem.start_outputs
        if given is None:
            return 0.0
        gain = self._problem.scaling.readout_gain
        covariances = [gain * block for block in activities.kernels()]
        if len(covariances) == 1:
            self._start.begin(given.T, covariances[0])
            return given
        return self._start.draw(covariances).T
