"""What the Methods of Lillicrap et al. 2016 claim of settings, and what they leave open."""

from fatheory.claims.entries.digits import FULL, stop
from fatheory.claims.entry import Entry
from fatheory.claims.measured import Measured, difference, smallest, working_range
from fatheory.claims.results import Results
from fatheory.experiment.papers.digits import RATE

LEAD, ROUGH = "lillicrap2016/supp_lead", "lillicrap2016/supp_rough"
WITHIN = 0.3
"""Points of test error: what parts the paper's two rules."""


def working_scales(results: Results) -> Measured:
    """Return largest over smallest of the neighbouring scales of B that are near the best."""
    errors = results[LEAD]["digits_feedback_alignment"].sel(
        digits_rate=RATE, digits_step=stop(results), drop=True
    )
    # A scale at which one seed is lost is none that works: its mean is NaN, and so not near the
    # best.
    spread = working_range(errors.mean("digits_seed", skipna=False), WITHIN)
    return Measured(spread, seeds=errors.sizes["digits_seed"])


def rough(results: Results) -> Measured:
    """Return what the best of the rough derivatives costs feedback alignment."""
    step = stop(results)
    errors = results[ROUGH]["error_of_seeds"].sel(rule="feedback_alignment", step=step, drop=True)
    exact = errors.sel(derivative="exact", drop=True)
    return smallest(
        difference(errors.sel(derivative=name, drop=True), exact)
        # The text names no approximation, so the claim has the benefit of the best of three.
        for name in ("one", "step", "triangle")
    )


ENTRIES = (
    Entry(
        "l16.scales",
        "Methods, 'MNIST data set'",
        "Many scale parameters for B work well.",
        LEAD,
        working_scales,
        scales=("paper",),
        not_run="supp_lead.py has not been run at the paper's size",
        note=f"at the stop of {FULL}",
    ),
    Entry(
        "l16.rough",
        "Methods, 'Nonlinear networks'",
        "Rough approximations of the derivative of the activation work nearly as well.",
        ROUGH,
        rough,
        scales=("paper",),
        not_run="supp_rough.py has not been run at the paper's size",
        note=f"at the stop of {FULL}",
    ),
    Entry(
        "l16.svhn",
        "Results, 'Feedback alignment learns under a variety of conditions', end; Supplementary "
        "Notes 2-9",
        "The mechanism works on harder tasks, such as Google's street view house numbers.",
        not_decidable="the text at hand gives neither a network nor a number for that data set; "
        "the data are not at hand either",
    ),
)
