"""What a pass through the mean field finds, step by step."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from jaxtyping import Float

from fatheory import labels
from fatheory.theory.wide.dmft.history import History


class Record:
    """Outputs, kernels and angles along a pass; NaN from the step on at which it diverged.

    Attributes
    ----------
    output : array of shape (step, point, unit)
    loss : array of shape (step,)
        1/2 sum |e|^2.
    loss_error, output_error : arrays of shape (step,)
        Standard errors, of outputs as root mean squares; NaN until `take_errors`.
    activity_error, signal_error, angle_error : arrays of shape (step, layer)
        Those of kernels, as root mean squares over points, and of angles in degrees, between
        signals that are gated by the unit's own slope.
    ungated_angle_error : array of shape (step, layer)
        That of angles before that.
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
        self.activity_error, self.signal_error, self.angle_error, self.ungated_angle_error = (
            np.full((4, steps, layers), np.nan)
        )
        self.cosine = np.full((steps, 2, layers), np.nan)
        self.diverged_at = -1

    def activity(self, k: int, layer: int, activities: History) -> None:
        """Take Phi(k, k) of a layer."""
        self._activity[k, layer] = activities.kernel()

    def signal(self, k: int, layer: int, kernel: np.ndarray) -> None:
        """Take Delta(k, k) of a layer."""
        self._signal[k, layer] = kernel

    def outputs(self, k: int, output: np.ndarray, error: np.ndarray) -> None:
        """Take f(k), and the error that the loss is of."""
        self.output[k], self.loss[k] = output, 0.5 * np.sum(error**2)

    def take_errors(self, others: Sequence["Record"], share: float) -> None:
        """Take standard errors from the scatter of independent records.

        Parameters
        ----------
        others : sequence of Record
            Of passes of `share` times the samples.
        share : float
            Variances fall as one over the number of samples.
        """

        def variance(values: Sequence[np.ndarray]) -> np.ndarray:
            return share * np.var(values, axis=0, ddof=1)

        self.loss_error = np.sqrt(variance([one.loss for one in others]))
        self.output_error = np.sqrt(variance([one.output for one in others]).mean(axis=(1, 2)))
        self.activity_error, self.signal_error = (
            np.sqrt(variance(kernels).mean(axis=(2, 3)))
            for kernels in ([one._activity for one in others], [one._signal for one in others])
        )
        self.angle_error, self.ungated_angle_error = (
            np.sqrt(variance([one.delta_angle(gated=gated) for one in others]))
            for gated in (True, False)
        )

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
                "activity_kernel_error": ((step, labels.LAYER), self.activity_error, one),
                "signal_kernel_error": ((step, labels.LAYER), self.signal_error, one),
                "delta_angle_error": (
                    (step, labels.LAYER),
                    self.angle_error,
                    {"units": labels.DEGREES},
                ),
            },
            coords={
                step: steps,
                labels.TIME: ((step,), learning_rate * steps),
                labels.LAYER: np.arange(1, self._activity.shape[1] + 1),
            },
            attrs={labels.ATTR_SOURCE: "theory/dmft", labels.RULE: rule},
        )
