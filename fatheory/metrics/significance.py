"""Whether two means over seeds differ: Student's t-tests, with the size of the difference."""

from typing import NamedTuple

import numpy as np
import xarray as xr
from scipy import special

from fatheory import labels
from fatheory.errors import FatheoryError
from fatheory.metrics.replication import (
    count,
    interval_attrs,
    moments,
    require_each_once,
    require_probability,
    require_replicates,
    require_switch,
    student_interval,
)


class _Estimate(NamedTuple):
    """What a test rests on: a difference of means, how sure it is, and its own yardstick."""

    difference: xr.DataArray
    standard_error: xr.DataArray
    degrees_of_freedom: xr.DataArray
    standard_deviation: xr.DataArray
    test: str
    effect: str
    n_seeds: int | list[int]
    counts: dict[str, xr.DataArray]


def t_test(
    first: xr.DataArray,
    second: xr.DataArray,
    *,
    paired: bool,
    over: str = labels.SEED,
    probability: float = 0.95,
    # The test that papers mean by "t-test"; Welch's is asked for.
    equal_variance: bool = True,
    skipna: bool = False,
) -> xr.Dataset:
    """Test whether two means over seeds are equal: Student's t-tests, two-sided.

    Paired, for runs of the same seeds: t = mean(D) sqrt(n) / s_D with the differences D = first -
    second of n seeds, n - 1 degrees of freedom, and effect size d_z = mean(D) / s_D. Their normal
    law is assumed.

    Unpaired, for independent seeds: t = (m1 - m2) / (s_p sqrt(1/n1 + 1/n2)), where s_p^2 =
    ((n1 - 1) s1^2 + (n2 - 1) s2^2) / (n1 + n2 - 2) is the pooled variance, of n1 + n2 - 2 degrees
    of freedom; normal laws of one variance are assumed. With ``equal_variance=False`` Welch's
    test: t = (m1 - m2) / sqrt(s1^2 / n1 + s2^2 / n2), with the degrees of freedom of Welch and
    Satterthwaite [1]_. The effect size of both is Cohen's d = (m1 - m2) / s_p [2]_.

    Parameters
    ----------
    first, second : DataArray
        With the dimension `over`; of the same unit, if they state any. Their other dimensions are
        broadcast against each other, and their labels must agree.
    paired : bool
        Whether equal labels along `over` mark the two halves of a pair, in whichever order.
    over : str
        The dimension of replication.
    probability : float
        That of the confidence interval of the difference.
    equal_variance : bool
        Whether unpaired samples are taken to have one variance.
    skipna : bool
        Whether to leave seeds, or pairs of them, out where a value is NaN or infinite, as after a
        run diverged. What is tested is then the means of the others, which is another question.

    Returns
    -------
    Dataset
        In double precision, ``difference`` (first - second, in their unit),
        ``difference_interval`` with the dimension ``ci_bound`` = lower, upper, ``t``,
        ``degrees_of_freedom``, ``p_value`` and ``effect_size``; ``n``, the pairs that have finite
        values, or ``n_first`` and ``n_second``, the seeds. NaN, the degrees of freedom aside,
        where a value is NaN or infinite (unless those are left out) and, the difference aside,
        where too few seeds leave the
        variance unknown: one pair alone, one seed against one, one seed in Welch's test. Where
        nothing varies over seeds, t is infinite and P zero if the means differ, and both are NaN
        if they do not. P too small for double precision (5e-324) is zero.

    Raises
    ------
    FatheoryError
        If a dimension, label or unit does not fit, the probability is not in (0, 1), or
        ``equal_variance=False`` is asked of a paired test.

    References
    ----------
    .. [1] B. L. Welch, "The generalization of 'Student's' problem when several different
       population variances are involved", Biometrika 34 (1947) 28-35.
    .. [2] J. Cohen, "Statistical Power Analysis for the Behavioral Sciences", 2nd edition (1988).
    """
    require_probability(probability)
    require_switch(paired=paired, equal_variance=equal_variance, skipna=skipna)
    units = _common_units(first, second)
    for values in (first, second):
        require_replicates(values, over)
        if not paired:  # pairs are matched by labels, and say so in their own words
            require_each_once(values, over)
    if paired and not equal_variance:
        raise FatheoryError(
            "equal_variance=False has no meaning for a paired test, which uses the variance of "
            "the differences alone; leave it out or pass paired=False"
        )
    first, second = _aligned(first, second, over, paired)
    with np.errstate(invalid="ignore", divide="ignore"):
        estimate = (
            _paired(first, second, over, skipna)
            if paired
            else _unpaired(first, second, over, equal_variance, skipna)
        )
        return _report(estimate, probability, units)


def _common_units(first: xr.DataArray, second: xr.DataArray) -> dict[str, str]:
    """Return the unit of both as an attribute, or nothing where neither states one."""
    stated = [values.attrs.get("units") for values in (first, second)]
    # Also where one states none: percent minus a fraction is a number without a meaning.
    if stated[0] != stated[1]:
        raise FatheoryError(
            f"the two samples must have one unit; the first is in {stated[0]!r} and the second in "
            f"{stated[1]!r}; convert one and set its attrs['units']"
        )
    return {} if stated[0] is None else {"units": str(stated[0])}


def _aligned(
    first: xr.DataArray, second: xr.DataArray, over: str, paired: bool
) -> tuple[xr.DataArray, xr.DataArray]:
    """Order pairs alike, and refuse labels that differ, which arithmetic would silently drop."""
    if paired:
        for values in (first, second):
            if over not in values.indexes or not values.indexes[over].is_unique:
                raise FatheoryError(
                    f"a paired test matches {over} labels, and {values.name!r} has none or "
                    f"repeats some; give it the coordinate {over!r}, each label once"
                )
        ours, theirs = (set(values.indexes[over]) for values in (first, second))
        if ours != theirs:
            raise FatheoryError(
                f"a paired test needs the same labels along {over!r} in both samples; only in the "
                f"first: {_some(ours - theirs)}; only in the second: {_some(theirs - ours)}; "
                f"select the common ones, or pass paired=False if the samples are independent"
            )
        # By label: in another order other runs would be pairs.
        second = second.sel({over: first.indexes[over]})
    try:
        first, second = xr.align(first, second, join="exact", exclude=[over])
    except ValueError as error:
        raise FatheoryError(
            f"the two samples differ along another dimension than {over!r}; select what they have "
            f"in common first ({error})"
        ) from error
    return first, second


def _some(of: set[object]) -> str:
    listed = sorted(map(str, of))
    return ", ".join([*listed[:10], "..."] if len(listed) > 10 else listed) or "none"


def _paired(first: xr.DataArray, second: xr.DataArray, over: str, skipna: bool) -> _Estimate:
    apart = first.astype(np.float64) - second.astype(np.float64)
    n, mean, deviation = moments(apart, over, skipna=skipna)
    # One pair has a deviation of zero and no variance: 0 / 0.
    standard_deviation = deviation / np.sqrt(n - 1)
    return _Estimate(
        mean,
        standard_deviation / np.sqrt(n),
        n - 1,
        standard_deviation,
        "paired t-test",
        "d_z = mean(first - second) / standard deviation of first - second",
        apart.sizes[over],
        {"n": _finite(apart, over)},
    )


def _unpaired(
    first: xr.DataArray, second: xr.DataArray, over: str, equal_variance: bool, skipna: bool
) -> _Estimate:
    one, other = (moments(values, over, skipna=skipna) for values in (first, second))
    difference = one.mean - other.mean
    # Two means are estimated.
    freedom = one.n + other.n - 2
    pooled = _root_of_squares(one.deviation, other.deviation) / np.sqrt(freedom)
    error = pooled * np.sqrt(1 / one.n + 1 / other.n)
    test = "two-sample t-test, pooled variance"
    if not equal_variance:
        # Welch's terms as shares of the error, since fourth powers of small deviations would
        # vanish.
        errors = [m.deviation / np.sqrt(m.n * (m.n - 1)) for m in (one, other)]
        error = _root_of_squares(*errors)
        shares = [(part / error) ** 2 for part in errors]
        welch = 1 / (shares[0] ** 2 / (one.n - 1) + shares[1] ** 2 / (other.n - 1))
        # Where neither sample varies Welch's number is 0 / 0, and any finite one will do.
        freedom = welch.where(error != 0, freedom)
        test = "two-sample t-test, unequal variances (Welch)"
    effect = "Cohen's d = (mean of first - mean of second) / pooled standard deviation"
    n_seeds = [first.sizes[over], second.sizes[over]]
    counts = {"n_first": _finite(first, over), "n_second": _finite(second, over)}
    return _Estimate(difference, error, freedom, pooled, test, effect, n_seeds, counts)


def _finite(values: xr.DataArray, over: str) -> xr.DataArray:
    return count(values.where(np.isfinite(values)), over)


def _root_of_squares(a: xr.DataArray, b: xr.DataArray) -> xr.DataArray:
    """Return sqrt(a^2 + b^2), which neither overflows nor vanishes on the way."""
    root: xr.DataArray = xr.apply_ufunc(np.hypot, a, b)
    return root


def _report(estimate: _Estimate, probability: float, units: dict[str, str]) -> xr.Dataset:
    """Label the estimate and what follows from it."""
    difference, error, freedom, deviation, test, effect, n_seeds, counts = estimate
    t = difference / error
    # The lower tail of -|t|: one minus a distribution function would lose P below 1e-16.
    p = 2 * special.stdtr(freedom, -abs(t))
    interval = student_interval(difference, error, freedom, probability)
    long_name = "difference of means, first - second"
    kind = "Student's t, confidence of the difference of means over seeds"
    labelled = {
        "difference": (difference, units | {"long_name": long_name}),
        "difference_interval": (
            interval,
            units | {"long_name": long_name} | interval_attrs(kind, probability, n_seeds),
        ),
        "t": (t, _pure("Student's t")),
        "degrees_of_freedom": (freedom, _pure("degrees of freedom")),
        "p_value": (p, _pure("two-sided P")),
        "effect_size": (difference / deviation, _pure(effect)),
    }
    variables = {
        name: values.drop_attrs(deep=False).assign_attrs(attrs)
        for name, (values, attrs) in labelled.items()
    }
    return xr.Dataset(variables | counts, attrs={"test": test, "n_seeds": n_seeds})


def _pure(long_name: str) -> dict[str, str]:
    return {"units": labels.DIMENSIONLESS, "long_name": long_name}
