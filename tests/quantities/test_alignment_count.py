"""How many samples have an angle, and that the average is over those."""

import jax.numpy as jnp
import numpy as np
import pytest

from fatheory.quantities import View, find_quantity


class OfSignals(View):
    """Teaching signals of two layers on three samples, one of which has no error."""

    signals = backprop_signals = ()

    def __init__(self, xp=np, odd=0.0):
        zero = [[odd, 0.0]]
        self.signals = (xp.asarray([[1.0, 0.0], [1.0, 0.0], *zero]), xp.asarray([[1.0]] * 3))
        self.backprop_signals = (xp.asarray([[1.0, 0], [0, 2.0], *zero]), xp.asarray([[1.0]] * 3))


def measured(name, view):
    return np.asarray(find_quantity(name).compute(view)[name])


@pytest.mark.parametrize("xp", [np, jnp])
def test_samples_without_a_direction_are_left_out_and_counted(xp):
    view = OfSignals(xp)
    np.testing.assert_array_equal(measured("alignment_count", view), [2, 3])
    np.testing.assert_allclose(measured("delta_angle", view), [45, 0], atol=1e-5)


def test_a_signal_that_is_not_a_number_is_no_missing_direction():
    view = OfSignals(odd=np.nan)
    for name in ("alignment_count", "delta_angle"):
        found = measured(name, view)
        assert np.isnan(found[0])
        assert found[1] == (3 if name == "alignment_count" else 0)


def test_where_no_sample_has_a_direction_there_is_no_angle():
    view = OfSignals()
    view.signals = tuple(0 * s for s in view.signals)
    np.testing.assert_array_equal(measured("alignment_count", view), [0, 0])
    assert np.isnan(measured("delta_angle", view)).all()
