"""Rates at which theory and simulation approach each other, over sequences of runs."""

import numpy as np
import pytest
from comparable import RULES, archive

from fatheory import compare
from fatheory.errors import ArchiveError


def series(power, noise=0.0, runs=5, drop=()):
    """Pairs whose relative error is exactly rate^power, up to a known factor per run."""
    factors = np.exp(noise * np.array([1.0, -2.0, 0.5, 1.5, -1.0])[:runs])
    theories, simulations = [], []
    for k in range(runs):
        rules = {rule: rate / 2**k for rule, rate in RULES.items() if rule not in drop}
        steps = np.arange(0, 31, 10) * 2**k
        # Relative errors: rate^power for every rule and seed, so their mean is it too.
        theory = archive(lambda rule, seed, t: 2 + seed + t, steps, rules, source="theory/flow")
        error = factors[k] * np.array(list(rules.values())) ** power

        def wrong(rule, seed, t, error=error):
            return (2 + seed + t) / (1 + error[rule])

        theories.append(theory)
        simulations.append(archive(wrong, steps, rules))
    return theories, simulations, np.log(factors)


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_the_rate_of_a_power_law_is_its_exponent(power):
    theories, simulations, _ = series(power)
    found = compare(theories, simulations)
    assert found["rate"].dims == found["rate_stderr"].dims == ("variable", "rule")
    np.testing.assert_allclose(found["rate"], power, atol=1e-9)
    np.testing.assert_allclose(found["rate_stderr"], 0, atol=1e-9)
    assert found["relative_error"].dims == ("run", "variable", "rule", "seed")
    assert found["learning_rate"].dims == ("run", "rule")
    rates = np.array(list(RULES.values())) / 2 ** np.arange(5.0)[:, None]
    np.testing.assert_allclose(found["learning_rate"], rates, rtol=1e-15)
    expected = np.broadcast_to(rates[:, None, :, None] ** power, (5, 2, 2, 3))
    np.testing.assert_allclose(found["relative_error"], expected, rtol=1e-8)


def test_the_standard_error_is_that_of_ordinary_least_squares():
    """Against the matrix formula s^2 (X^T X)^-1 with known deviations from the power law."""
    theories, simulations, deviations = series(1.0, noise=0.05)
    found = compare(theories, simulations)
    X = np.stack([np.ones(5), -np.log(2) * np.arange(5)], axis=1)
    y = X[:, 1] + deviations
    coefficients, squares, _, _ = np.linalg.lstsq(X, y, rcond=None)
    stderr = np.sqrt(squares[0] / 3 * np.linalg.inv(X.T @ X)[1, 1])
    assert stderr > 0.01
    np.testing.assert_allclose(found["rate"], coefficients[1], rtol=1e-8)
    np.testing.assert_allclose(found["rate_stderr"], stderr, rtol=1e-8)


def test_two_runs_have_a_rate_and_no_standard_error():
    theories, simulations, _ = series(1.0, runs=2)
    found = compare(tuple(theories), tuple(simulations))
    np.testing.assert_allclose(found["rate"], 1, atol=1e-10)
    assert np.isnan(found["rate_stderr"]).all()


def test_exact_agreement_has_no_rate():
    theories, _, _ = series(1.0)
    found = compare(theories, theories)
    assert (found["relative_error"] == 0).all()
    assert np.isnan(found["rate"]).all()


def test_runs_are_joined_on_what_they_share():
    theories, simulations, _ = series(1.0)
    simulations[2] = simulations[2].isel(seed=[2, 0])
    found = compare(theories, simulations)
    assert sorted(found["seed"].values.tolist()) == [0, 7]
    np.testing.assert_allclose(found["rate"], 1, atol=1e-10)
    simulations[1] = simulations[1].sel(rule=["feedback_alignment"])
    found = compare(theories, simulations)
    assert found["rule"].values.tolist() == ["feedback_alignment"]
    np.testing.assert_allclose(found["learning_rate"][:, 0], 0.01 / 2 ** np.arange(5.0))
    np.testing.assert_allclose(found["rate"], 1, atol=1e-10)
    simulations[0] = simulations[0].sel(rule=["backprop"])
    with pytest.raises(ArchiveError, match="the runs share no rule, seed or variable"):
        compare(theories, simulations)


def test_one_learning_rate_has_no_rate(theory, simulation):
    with pytest.raises(ArchiveError, match=r"different learning rates; .*\[0\.02, 0\.02\]"):
        compare([theory, theory], [simulation, simulation])


@pytest.mark.parametrize(("ours", "theirs"), [(1, 1), (2, 3), (0, 0)])
def test_sequences_that_do_not_pair_up_are_refused(theory, simulation, ours, theirs):
    with pytest.raises(ArchiveError, match=f"got {ours} archives of theory and {theirs} of"):
        compare([theory] * ours, [simulation] * theirs)


def test_one_archive_against_a_sequence_is_refused(theory, simulation):
    for pair in ((theory, [simulation]), ([theory], simulation)):
        with pytest.raises(ArchiveError, match="two archives or two sequences"):
            compare(*pair)


def test_sequences_in_different_orders_are_refused():
    theories, simulations, _ = series(1.0)
    with pytest.raises(ArchiveError, match=r"one order of learning rates; those of backprop are"):
        compare(theories[::-1], simulations)
    # One flow at one rate stands for all of them.
    assert compare([theories[0]] * 5, simulations)["learning_rate"].shape == (5, 2)


@pytest.mark.parametrize("dims", [("rule",), ("seed",), ("rule", "seed")])
def test_series_of_one_rule_or_seed_have_a_rate(dims):
    theories, simulations, _ = series(1.0)
    one = dict.fromkeys(dims, 1)
    whole = compare(theories, simulations)["relative_error"].isel(one)
    found = compare([a.isel(one) for a in theories], [a.isel(one) for a in simulations])
    assert found["relative_error"].dims == whole.dims
    np.testing.assert_array_equal(found["relative_error"], whole)
    np.testing.assert_allclose(found["rate"], 1, atol=1e-9)
    mixed = compare(theories, [simulations[0].isel(one), *simulations[1:]])
    assert mixed.sizes["rule"] == (1 if "rule" in dims else 2)
    np.testing.assert_allclose(mixed["rate"], 1, atol=1e-9)
