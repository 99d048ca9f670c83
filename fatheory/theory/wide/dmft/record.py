"""What a pass through the mean field finds, step by step."""

import numpy as np
import xarray as xr
from jaxtyping import Float

from fatheory import labels
from fatheory.theory.wide.dmft.history import History

_BATCHES = 8
"""Batches of samples whose scatter gives the Monte Carlo errors."""


class Record:
    """Outputs, kernels and angles along a pass; NaN from the step on at which it diverged.

    Attributes
    ----------
    output : array of shape (step, point, unit)
    loss, loss_error, output_error : arrays of shape (step,)
        1/2 sum |e|^2, and standard errors of it and of outputs given the errors before.
    cosine : array of shape (step, gated, layer)
        Between the rule's signals and backprop's, gated by the unit's own slope and before that;
        NaN where backprop's are not followed.
    diverged_at : int
        The step at which outputs left every bound; -1 for none.
    """

    def __init__(self, steps: int, layers: int, points: int, outputs: int) -> None:
        kernels = (steps, layers, points, points)
        self.output = np.full((steps, points, outputs), np.nan)
        self.loss, self.loss_error, self.output_error = np.full((3, steps), np.nan)
        self._activity, self._signal = np.full(kernels, np.nan), np.full(kernels, np.nan)
        self._activity_error = np.full((steps, layers), np.nan)
        self.cosine = np.full((steps, 2, layers), np.nan)
        self.diverged_at = -1

    def activity(self, k: int, layer: int, activities: History) -> None:
        """Take Phi(k, k) of a layer."""
        phi, kernel = activities.newest, activities.kernel()
        self._activity[k, layer] = kernel
        batches = [part.T @ part / len(part) for part in np.array_split(phi, _BATCHES)]
        self._activity_error[k, layer] = np.sqrt(_variance_of_mean(batches).mean())

    def signal(self, k: int, layer: int, kernel: np.ndarray) -> None:
        """Take Delta(k, k) of a layer."""
        self._signal[k, layer] = kernel

    def outputs(self, k: int, output: np.ndarray, error: np.ndarray, batches: np.ndarray) -> None:
        """Take f(k), the error that the loss is of, and what batches of samples make of it."""
        self.output[k], self.loss[k] = output, 0.5 * np.sum(error**2)
        self.output_error[k] = np.sqrt(_variance_of_mean(batches).mean())
        slopes = np.sum(batches * error, axis=(1, 2))
        self.loss_error[k] = np.sqrt(_variance_of_mean(slopes[:, None])[0])

    def delta_angle(self, gated: bool) -> Float[np.ndarray, "step layer"]:
        """Return the angle between the rule's signals and backprop's, in degrees.

        Parameters
        ----------
        gated : bool
            Whether signals are gated by the unit's own slope.
        """
        return np.rad2deg(np.arccos(np.clip(self.cosine[:, 0 if gated else 1], -1, 1)))

    def dataset(self, learning_rate: float, rule: str) -> xr.Dataset:
        """Return everything with its labels."""
        step, kernel = labels.STEP, (labels.STEP, labels.LAYER, "point", labels.twin("point"))
        steps = np.arange(len(self.loss))
        one = {"units": labels.DIMENSIONLESS}
        return xr.Dataset(
            {
                "output": ((step, "point", "unit"), self.output, one | {"long_name": "output"}),
                labels.LOSS: ((step,), self.loss, one | {"equation": "1/2 sum |e|^2"}),
                "activity_kernel": (kernel, self._activity, one | {"equation": "<phi phi^T>"}),
                "signal_kernel": (kernel, self._signal, one | {"equation": "<delta delta^T>"}),
                "delta_angle": (
                    (step, labels.LAYER),
                    self.delta_angle(gated=True),
                    {
                        "units": labels.DEGREES,
                        "long_name": "angle between the rule's and backprop's teaching signals, "
                        "all points as one vector",
                    },
                ),
                "output_error": ((step,), self.output_error, one),
                "loss_error": ((step,), self.loss_error, one),
                "activity_kernel_error": ((step, labels.LAYER), self._activity_error, one),
            },
            coords={
                step: steps,
                labels.TIME: ((step,), learning_rate * steps),
                labels.LAYER: np.arange(1, self._activity.shape[1] + 1),
            },
            attrs={labels.ATTR_SOURCE: "theory/dmft", labels.RULE: rule},
        )


def output_batches(
    step: float,
    activities: Float[np.ndarray, "sample point"],
    learnt: Float[np.ndarray, "sample unit"],
) -> Float[np.ndarray, "batch point unit"]:
    """Return step <phi learnt> of batches of samples: what the readout has learned, by batch."""
    # The output is an average over samples of what each of them adds; their scatter is its error.
    parts = zip(np.array_split(activities, _BATCHES), np.array_split(learnt, _BATCHES), strict=True)
    return np.array([step * (phi.T @ w) / len(w) for phi, w in parts])


def _variance_of_mean(batches: list[np.ndarray] | np.ndarray) -> np.ndarray:
    # Of the mean of the batches, estimated by their scatter.
    return np.var(batches, axis=0, ddof=1) / _BATCHES
