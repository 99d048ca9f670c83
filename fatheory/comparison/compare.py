"""Theory against simulation, from their archives alone."""

from collections.abc import Sequence

import xarray as xr

from fatheory.archive import warn_of_divergence
from fatheory.checks import require_kind
from fatheory.comparison.pair import compare_pair
from fatheory.comparison.rate import compare_series
from fatheory.errors import ArchiveError


def compare(
    theory: xr.Dataset | Sequence[xr.Dataset], simulation: xr.Dataset | Sequence[xr.Dataset]
) -> xr.Dataset:
    """Set theory against simulation on the simulation's time axis.

    It reads the two archives and never looks at how either was made. Rules, seeds and layers that
    both have are compared, by their labels, in whatever order they stand; selections may be
    compared, too, of a single rule, seed or step as well. Where the recorded times differ, theory
    is interpolated by cubic splines to the simulation's times, and is NaN outside its own. A spline
    goes through all of a series, so one entry that is NaN or infinite, even the last, leaves all of
    that series NaN; select the steps before it first, as ``theory.sel(step=slice(0, 900))`` does.

    Both must have the same target, probe, rules, feedback and start: what differs there would be
    taken for an error of the theory. So must be the network (activation, biases, missing
    connections and all else), the update (momentum, weight decay, optimiser), the fall of learning
    rates, and the layers that are frozen at a time. What may differ is the name, the precision,
    steps, what is recorded when and, where theory is a function of time alone, as a flow is,
    learning rates, batch size and noise of fresh examples. A method that follows single updates
    (``reduced_sgd``, ``online``, ``order_parameters``, ``lazy``, ``dmft``), or a run in theory's
    place, is compared with the same task and batch size, methods at their own rates. Archives that
    state no experiment are not asked for any of this but target, probe and feedback.

    Parameters
    ----------
    theory, simulation : Dataset or sequence of Dataset
        Run archives. Sequences of equal length hold the same experiment at several learning
        rates, pair by pair at the same ones, from which the rate of convergence is fitted.

    Returns
    -------
    Dataset
        For one pair: ``residual_<variable>`` (theory minus simulation, dimensions of the variable)
        for every variable along ``step`` that both have, and ``relative_error (variable, rule,
        seed)``, the root of the summed squared residual over the summed squared simulation, over
        steps and all other axes, entries that are NaN on either side left out.

        For sequences: ``relative_error (run, variable, rule, seed)`` with the coordinate
        ``learning_rate (run, rule)``, and ``rate (variable, rule)``: the slope of log mean
        relative error over seeds against log learning rate, with ``rate_stderr``. Without
        ``rule`` or ``seed`` where no archive of simulation has that axis. A rate of 1 says that
        simulation approaches theory in proportion to the learning rate.

    Warns
    -----
    DivergedWarning
        If runs of either diverged.

    Raises
    ------
    ArchiveError
        If one is not a run archive, the archives share no rule, seed or variable, their target,
        probe, network, rules, feedback, start, update, frozen layers or rates that matter differ,
        a variable has another shape, theory has a single time that is not simulation's, or the
        sequences do not pair up, are in different orders of their learning rates, or hold one
        learning rate only.
    """
    if isinstance(theory, xr.Dataset) and isinstance(simulation, xr.Dataset):
        warn_of_divergence(theory, simulation)
        return compare_pair(theory, simulation)
    if isinstance(theory, xr.Dataset) or isinstance(simulation, xr.Dataset):
        raise ArchiveError("compare takes two archives or two sequences of archives, not one each")
    for what, archives in (("theory", theory), ("simulation", simulation)):
        require_kind(what, archives, (list, tuple), "archives are Datasets, one or a list of them")
        for archive in archives:
            require_kind(f"an archive of {what}", archive, xr.Dataset)
    if len(theory) != len(simulation) or len(theory) < 2:
        raise ArchiveError(
            f"a rate needs sequences of equal length, two at least; got {len(theory)} archives "
            f"of theory and {len(simulation)} of simulation"
        )
    warn_of_divergence(*theory, *simulation)
    return compare_series(theory, simulation)
