"""Factors of the learning rate against their formulas, written out update by update."""

import math

import numpy as np
import pytest

from fatheory.experiment import CosineDecay, ExponentialDecay, StepDecay
from fatheory.updates import rate_factors

STEPS = 40


def test_rates_fall_at_their_steps():
    """The update of the step itself is the first that is smaller; a step twice counts twice."""
    found = rate_factors(StepDecay(factor=0.3, at=(30, 10, 30, 39, 70)), STEPS)
    by_hand = [1.0] * 10 + [0.3] * 20 + [0.3**3] * 9 + [0.3**4]
    np.testing.assert_allclose(found, by_hand, rtol=1e-15)


LITERAL = {
    "steps": (
        StepDecay(factor=0.5, at=(3, 17)),
        lambda k: 0.5 ** sum(at <= k for at in (3, 17)),
    ),
    "exponential": (ExponentialDecay(factor=0.2, every=7), lambda k: 0.2 ** (k / 7)),
    "cosine": (
        CosineDecay(floor=0.1),
        lambda k: 0.1 + 0.9 * (1 + math.cos(math.pi * k / STEPS)) / 2,
    ),
    "cosine to zero": (CosineDecay(), lambda k: math.cos(math.pi * k / STEPS / 2) ** 2),
}


@pytest.mark.parametrize("warmup", [0, 1, 12, 100])
@pytest.mark.parametrize("name", LITERAL)
def test_factors_are_their_formulas_with_a_linear_rise(name, warmup):
    decay, literal = LITERAL[name]
    found = rate_factors(decay.model_copy(update={"warmup": warmup}), STEPS)
    expected = [literal(k) * min(1.0, (k + 1) / (warmup + 1)) for k in range(STEPS)]
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_cosine_ends_at_its_floor_after_the_last_update():
    found = rate_factors(CosineDecay(floor=0.2), 1000)
    assert found[0] == 1
    assert found[500] == pytest.approx(0.6, rel=1e-14)
    assert 0.2 < found[-1] < 0.2 + 1e-5
    assert (np.diff(found) < 0).all()


def test_without_decay_rates_stay():
    np.testing.assert_array_equal(rate_factors(None, 5), np.ones(5))


@pytest.mark.parametrize("decay", [decay for decay, _ in LITERAL.values()])
def test_one_update_has_the_whole_rate(decay):
    np.testing.assert_array_equal(rate_factors(decay, 1), [1.0])
