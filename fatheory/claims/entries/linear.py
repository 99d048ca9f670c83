"""Fig. 2 of Lillicrap et al. 2016: linear networks."""

from functools import partial

from fatheory.claims.claim import claims_from_dataset
from fatheory.claims.entry import Entry
from fatheory.claims.measured import Measured
from fatheory.claims.results import Results

RESULT = "lillicrap2016/fig2"
_PLACE = "Results, 'Random feedback weights can deliver useful teaching signals'; Fig. 2"
_AT_HALF = "angle at half of the run"
_NOT_RUN = "the result of Fig. 2 is not stored yet; the script computes it in two minutes"
_NOTE = (
    "learning rates and the scale of perturbations were searched for speed, as the text says; "
    "their values are ours"
)


def last_loss(results: Results, rule: str) -> Measured:
    """Return the last loss over the first, median over seeds."""
    data = results[RESULT]
    loss = data["relative_loss"].sel(source="simulation", rule=rule).isel(step=-1)
    return Measured(float(loss), seeds=_seeds(results))


def speed(results: Results, rule: str) -> Measured:
    """Return steps to 1 % of the loss relative to backprop, median over seeds."""
    steps = results[RESULT]["steps_to_one_percent"]
    relative = (
        # Seed by seed first: targets differ in difficulty, which the ratio takes out. The median,
        # as times to a threshold are skew.
        (steps / steps.sel(rule="backprop", drop=True)).sel(rule=rule).median("seed", skipna=False)
    )
    return Measured(float(relative), seeds=_seeds(results))


def first_angle(results: Results) -> Measured:
    """Return the angle of teaching signals before learning, median over seeds."""
    angles = results[RESULT]["delta_angle"].sel(source="simulation", rule="feedback_alignment")
    return Measured(float(angles.isel(step=0)), seeds=_seeds(results))


def angle_at_half(results: Results) -> Measured:
    """Return the angle of teaching signals, median over seeds, at half of the run."""
    data = results[RESULT]
    # Of the script's own number: what it draws ends where the loss of a seed is 1e-16 of its start,
    # which in a long run is before the half. Errors there are 1e-8, still far above rounding.
    measured = {claim.statement: claim.measured for claim in claims_from_dataset(data)}
    return Measured(measured[_AT_HALF], seeds=_seeds(results))


def smallest_angle(results: Results) -> Measured:
    """Return the smallest angle of any seed."""
    return Measured(float(results[RESULT]["smallest_angle"]), seeds=_seeds(results))


def _seeds(results: Results) -> int:
    return int(results[RESULT]["relative_loss_interval"].attrs["n_seeds"])


def _entry(name: str, claim: str, measure: partial[Measured]) -> Entry:
    return Entry(name, _PLACE, claim, RESULT, measure, not_run=_NOT_RUN, note=_NOTE)


ENTRIES = (
    _entry(
        "l16.fig2a.shallow",
        "If the output weights alone learn, the loss hardly decreases.",
        partial(last_loss, rule="shallow"),
    ),
    _entry(
        "l16.fig2a.reinforcement",
        "Reinforcement that gives every neuron the same reward learns slowly.",
        partial(speed, rule="node_perturbation"),
    ),
    _entry(
        "l16.fig2a.backprop",
        "Backprop sends the loss rapidly towards zero.",
        partial(last_loss, rule="backprop"),
    ),
    _entry(
        "l16.fig2a.feedback_alignment",
        "Feedback alignment sends the loss towards zero, too.",
        partial(last_loss, rule="feedback_alignment"),
    ),
    _entry(
        "l16.fig2a.quickly",
        "Feedback alignment does so just as quickly as backprop.",
        partial(speed, rule="feedback_alignment"),
    ),
    _entry(
        "l16.fig2b.start",
        "At the start the teaching signals of feedback alignment are at about 90 degrees to "
        "backprop's.",
        partial(first_angle),
    ),
    _entry("l16.fig2b.shrinks", "The angle soon shrinks.", partial(angle_at_half)),
    _entry(
        "l16.fig2b.never_zero",
        "The angle never reaches zero, and feedback alignment performs like backprop all the same.",
        partial(smallest_angle),
    ),
)
