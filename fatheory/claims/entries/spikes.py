"""Fig. 4 of Lillicrap et al. 2016: the spiking network."""

import numpy as np

from fatheory.claims.entry import Entry
from fatheory.claims.measured import Measured
from fatheory.claims.results import Results

RESULT = "lillicrap2016/fig4"
_PLACE = "Results, 'Feedback alignment learns under a variety of conditions', paragraph 3; Fig. 4"
_SCALES = ("hour", "paper")
_NOTE = (
    "the formulas of potentials are lost in the text at hand; leaky integration is assumed, and "
    "the run is of two epochs"
)
_FA = "feedback_alignment"


def last_error(results: Results) -> Measured:
    """Return feedback alignment's test error after the last image."""
    data = results[RESULT]
    error = data["last_error"].sel(rule=_FA)
    epochs = int(data["step"][-1]) / 60_000
    mean = float(error.mean("seed", skipna=False))
    return Measured(mean, seeds=error.sizes["seed"], note=f"after {epochs:g} epochs")


def hidden_layers(results: Results) -> Measured:
    """Return what frozen hidden layers cost, worst seed."""
    error = results[RESULT]["last_error"]
    cost = error.sel(rule="shallow", drop=True) - error.sel(rule=_FA, drop=True)
    return Measured(float(cost.min(skipna=False)), seeds=error.sizes["seed"])


def beside_backprop(results: Results) -> Measured:
    """Return feedback alignment's error minus backprop's."""
    error = results[RESULT]["last_error"].mean("seed", skipna=False)
    value = float(error.sel(rule=_FA) - error.sel(rule="backprop"))
    return Measured(value, seeds=results[RESULT].sizes["seed"])


def worst_angle(results: Results) -> Measured:
    """Return the angle of W and the transpose of B of the worst layer."""
    angles = results[RESULT]["weight_angle"].sel(rule=_FA).isel(step=-1)
    angles = angles.sel(layer=slice(2, None))  # into layer 1 no feedback stands for W
    return Measured(float(angles.max(skipna=False)), seeds=results[RESULT].sizes["seed"])


def modulators(results: Results) -> Measured:
    """Return how strong modulators are late in learning, relative to the start."""
    # Root mean square: modulators have both signs, and their mean says nothing of their strength.
    squares = results[RESULT]["modulator"] ** 2
    squares = squares.mean(("traced_unit", "time_step", "layer"), skipna=False)
    start, late = (float(np.sqrt(squares.isel(when=when))) for when in (0, 1))
    return Measured(late / start, note="of the first seed")


ENTRIES = (
    Entry(
        "l16.fig4.error",
        _PLACE,
        "A network of 3 x 1,500 stochastic spiking units ends at 1.8 % on MNIST.",
        RESULT,
        last_error,
        scales=_SCALES,
        note=_NOTE,
    ),
    Entry(
        "l16.fig4.hidden",
        _PLACE,
        "Feedback alignment works where forward and backward pathways operate continuously.",
        RESULT,
        hidden_layers,
        scales=_SCALES,
        note=_NOTE,
    ),
    Entry(
        "l16.fig4.as_backprop",
        _PLACE,
        "It is still robust in this more complex setting.",
        RESULT,
        beside_backprop,
        scales=_SCALES,
        note=_NOTE,
    ),
    Entry(
        "l16.fig4.aligns",
        _PLACE,
        "It is still able to adapt implicitly to random feedback.",
        RESULT,
        worst_angle,
        scales=_SCALES,
        note=_NOTE,
    ),
    Entry(
        "l16.fig4.modulator",
        _PLACE,
        "The modulatory signal sculpts ongoing plasticity, beside the potential and without pause.",
        RESULT,
        modulators,
        scales=_SCALES,
        note="that nothing pauses or alternates is a property of the simulated network",
    ),
)
