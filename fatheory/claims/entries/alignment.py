"""Fig. 5 of Lillicrap et al. 2016, and the pseudoinverse: how weights align."""

from functools import partial

import xarray as xr

from fatheory.claims.entry import Entry
from fatheory.claims.measured import Measured, difference, mean_over_seeds, ratio
from fatheory.claims.results import MissingResultError, Results

UNITS, PHASES = "lillicrap2016/fig5a", "lillicrap2016/fig5c"
PSEUDO = "lillicrap2016/supp_pseudoinverse"
_PLACE = "Results, 'Insight into the mechanics of feedback alignment'"
_SETTINGS = "scales of the uniform laws, learning rate and numbers of steps are ours"
_SCALED = "the stored result has no columns of B scaled from 1 to 0.1"
_NOTES = "Supplementary Notes 13-15 are not in the text at hand"


def median_angle(results: Results, step: int) -> Measured:
    """Return the median angle over units, median over seeds, at the start (0) or the end (-1)."""
    angle = results[UNITS]["median_angle"].isel(step=step)
    return Measured(float(angle), seeds=_seeds(results))


def most_units(results: Results) -> Measured:
    """Return the angle below which 95 % of all units end."""
    angle = results[UNITS]["unit_angle_quantile"].isel(step=-1).sel(quantile=0.95)
    return Measured(float(angle), seeds=_seeds(results))


def below_90(results: Results) -> Measured:
    """Return the share of units that end below 90 degrees."""
    last = results[UNITS].isel(step=-1)
    lower, upper = (float(last["below_90_interval"].sel(ci_bound=b)) for b in ("lower", "upper"))
    return Measured(float(last["below_90"]), lower, upper, _seeds(results))


def last_error(results: Results) -> Measured:
    """Return the normalised squared error at the end, median over seeds."""
    error = results[UNITS]["normalized_squared_error"].isel(step=-1, source=0, rule=0)
    return Measured(float(error), seeds=_seeds(results))


def first_phase(results: Results) -> Measured:
    """Return the error at the end of phase 1 over the start, smallest of any seed."""
    error = _whole(results, "error")
    # The smallest of any seed leans against the claim that no seed's error falls in this phase.
    relative = error.sel(moment="phase 1") / error.sel(moment="start")
    # Of a seed that was lost nobody knows whether it is the smallest, so NaN must not be passed
    # over.
    return Measured(float(relative.min(skipna=False)), seeds=relative.sizes["seed"])


def angle_after_2(results: Results, course: str) -> Measured:
    """Return the angle of W to the transpose of B at the end of phase 2."""
    angle = results[PHASES]["angle_of_seeds"].sel(course=course, moment="phase 2", drop=True)
    return mean_over_seeds(angle)


def third_phase(results: Results) -> Measured:
    """Return the error at the end of phase 3 over its start."""
    error = _whole(results, "error")
    return ratio(*(error.sel(moment=moment, drop=True) for moment in ("phase 3", "phase 2")))


def pseudo(results: Results, first: str, second: str) -> Measured:
    """Return the difference of two mean angles of the linear networks after the last step."""
    last = results[PSEUDO].isel(linear_step=-1)
    # The result keeps means over seeds alone, so there are no pairs, and no interval.
    value = float(last[f"linear_{first}"] - last[f"linear_{second}"])
    return Measured(value, seeds=int(last["linear_delta_angle_interval"].attrs["n_seeds"]))


def scaled(results: Results, width: int) -> Measured:
    """Return W's angle to the pseudoinverse of B minus that to its transpose, columns scaled."""
    data = results[PSEUDO]
    if "scaled_weight_angle" not in data:
        raise MissingResultError(_SCALED)
    # Several experiments share this result, so its axes bear names of their own; measures pair by
    # `seed`.
    last = data.isel(scaled_step=-1).sel(width=width).rename(scaled_seed="seed")
    return difference(last["scaled_pseudoinverse_alignment"], last["scaled_weight_angle"])


def _whole(results: Results, name: str) -> xr.DataArray:
    return results[PHASES][f"{name}_of_seeds"].sel(course="three phases", drop=True)


def _seeds(results: Results) -> int:
    return int(results[UNITS]["median_angle_interval"].attrs["n_seeds"])


def _unit(name: str, claim: str, measure: partial[Measured]) -> Entry:
    place = f"{_PLACE}, paragraph 1; Fig. 5a"
    return Entry(name, place, claim, UNITS, measure, scales=("paper",), note=_SETTINGS)


def _phase(name: str, claim: str, measure: partial[Measured]) -> Entry:
    place = f"{_PLACE}, paragraph 2; Fig. 5c"
    return Entry(name, place, claim, PHASES, measure, scales=("paper",), note=_SETTINGS)


def _pseudo(name: str, claim: str, measure: partial[Measured]) -> Entry:
    place = f"{_PLACE}, paragraph 2"
    return Entry(
        name, place, claim, PSEUDO, measure, scales=("paper",), not_run=_SCALED, note=_NOTES
    )


ENTRIES = (
    _unit(
        "l16.fig5a.start",
        "Outgoing and feedback weights of a hidden unit start unaligned.",
        partial(median_angle, step=0),
    ),
    _unit(
        "l16.fig5a.aligns",
        "Forward weights evolve to align with feedback weights.",
        partial(median_angle, step=-1),
    ),
    _unit("l16.fig5a.most_units", "Most hidden units do.", partial(most_units)),
    _unit("l16.fig5a.below_90", "Hardly any unit stays unaligned.", partial(below_90)),
    _unit("l16.fig5a.learns", "That network learns its function.", partial(last_error)),
    _phase(
        "l16.fig5c.phase_1",
        "While W is frozen, updates of W0 through B are useless.",
        partial(first_phase),
    ),
    _phase(
        "l16.fig5c.phase_2",
        "While W0 is frozen, W aligns with the B that W0 holds.",
        partial(angle_after_2, course="three phases"),
    ),
    _phase(
        "l16.fig5c.phase_3",
        "Then updates of W0 through B are effective.",
        partial(third_phase),
    ),
    _phase(
        "l16.fig5c.control",
        "Information about B reaches W through W0.",
        partial(angle_after_2, course="without phase 1"),
    ),
    _pseudo(
        "l16.pseudoinverse.linear_signals",
        "Teaching signals come closer to those of the pseudoinverse of W than to backprop's.",
        partial(pseudo, first="pseudobackprop_angle", second="delta_angle"),
    ),
    _pseudo(
        "l16.pseudoinverse.linear_weights",
        "Feedback alignment may encourage W to align with the pseudoinverse of B.",
        partial(pseudo, first="pseudoinverse_alignment", second="weight_angle"),
    ),
    Entry(
        "l16.pseudoinverse.mnist",
        f"{_PLACE}, paragraph 2",
        "The same on MNIST, 1,000 hidden units and B of independent entries.",
        not_decidable="the pseudoinverse of a 1000 x 10 matrix of independent entries is almost a "
        "multiple of its transpose: both angles are equal to 0.01 degrees",
        note="the rows with scaled columns ask what can be decided",
    ),
    _pseudo(
        "l16.pseudoinverse.wide",
        "The same with 1,000 hidden units where pseudoinverse and transpose differ.",
        partial(scaled, width=1000),
    ),
    _pseudo(
        "l16.pseudoinverse.narrow",
        "The same with 20 hidden units.",
        partial(scaled, width=20),
    ),
)
