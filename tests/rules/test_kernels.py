"""Rules that work entry by entry serve convolution kernels as they serve matrices."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fatheory.rules import FixedFeedback, LayeredRule, make_rule

ENTRYWISE = [
    "backprop",
    "feedback_alignment",
    "rndf",
    "shallow",
    "usf",
    "frsf",
    "brsf",
    "kolen_pollack",
]
OF_MATRICES = ["pseudobackprop", "orthogonal_feedback", "weight_mirror"]
KERNEL = (4, 3, 5, 2)
UNUSED = SimpleNamespace(sampler=np.random.default_rng(0), respond=abs)


def flat(kernel):
    """Return the matrix (c_out, c_in rows columns)."""
    return kernel.reshape(len(kernel), -1)


def test_rules_say_whether_they_serve_kernels():
    for name in (*ENTRYWISE, *OF_MATRICES):
        assert make_rule(name).entrywise == (name in ENTRYWISE)

    @dataclass(frozen=True)
    class Bounded(FixedFeedback):
        name: ClassVar[str] = "bounded"

    assert Bounded.entrywise
    assert LayeredRule.entrywise


@pytest.mark.parametrize("name", ENTRYWISE)
def test_a_kernel_is_a_matrix_to_them(name):
    W = np.random.default_rng(0).normal(size=KERNEL)
    W[2, 1, 3, 0] = 0.0
    rule = make_rule(name)
    state = rule.draw(np.random.default_rng(1), KERNEL)
    V = rule.backward_weights(W, state)
    assert V.shape == KERNEL
    flat_state = rule.draw(np.random.default_rng(1), flat(W).shape)
    np.testing.assert_array_equal(flat(V), rule.backward_weights(flat(W), flat_state))
    # Any other order of the entries does as well.
    order = np.random.default_rng(2).permutation(W.size)
    shuffled = None if state is None else state.ravel()[order]
    np.testing.assert_array_equal(
        rule.backward_weights(W.ravel()[order], shuffled), V.ravel()[order]
    )


@pytest.mark.parametrize("name", ENTRYWISE)
def test_numpy_and_jax_give_the_same_kernel(name):
    W = np.random.default_rng(3).normal(size=KERNEL)
    rule = make_rule(name)
    state = rule.draw(np.random.default_rng(4), KERNEL)
    with jax.enable_x64(True):
        found = rule.backward_weights(jnp.asarray(W), state if state is None else jnp.array(state))
        assert isinstance(found, jax.Array)
        np.testing.assert_array_equal(found, rule.backward_weights(W, state))


def test_mean_feedback_and_learning_feedback_of_kernels():
    mean = make_rule("brsf", scale=0.5, concordance=0.75).mean_state(None, KERNEL)
    np.testing.assert_array_equal(mean, np.full(KERNEL, 0.125))
    gradient = np.random.default_rng(5).normal(size=KERNEL)
    V = np.ones(KERNEL)
    assert make_rule("kolen_pollack").state_gradient(V, gradient, UNUSED) is gradient
