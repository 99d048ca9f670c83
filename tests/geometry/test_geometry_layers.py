import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fatheory.geometry import (
    angle,
    delta_angles,
    flattened_delta_angles,
    gradient_norms,
    linear_signals,
    pseudoinverse_alignments,
    sign_concordance,
    sign_concordances,
    unit_angles,
    update_sign_agreements,
    weight_angles,
    weight_norms,
)

PROPERTY = settings(deadline=None, max_examples=10)
SIZES = (4, 6, 5, 3, 2)


def network(seed, depth, runs=()):
    """Weights, stand-ins (none for layer 1), target map and inputs of a linear network."""
    rng = np.random.default_rng(seed)
    sizes = (*SIZES[:depth], SIZES[-1])
    shapes = list(zip(sizes[1:], sizes[:-1], strict=True))
    W = [rng.normal(size=(*runs, *shape)) for shape in shapes]
    V = [None, *(rng.normal(size=(*runs, *shape)) for shape in shapes[1:])]
    T = rng.normal(size=(*runs, sizes[-1], sizes[0]))
    return W, V, T, rng.normal(size=(*runs, 7, sizes[0]))


def literal_signals(W, V, T, x):
    """Teaching signals of one sample, unit by unit: activity up, error back."""
    h = list(x)
    for w in W:
        h = [sum(w[i, j] * h[j] for j in range(len(h))) for i in range(len(w))]
    signals = [[sum(T[i, j] * x[j] for j in range(len(x))) - h[i] for i in range(len(h))]]
    for v in V[:0:-1]:
        above = signals[0]
        below = [sum(v[i, j] * above[i] for i in range(len(above))) for j in range(v.shape[1])]
        signals.insert(0, below)
    return signals


@pytest.mark.parametrize("depth", [2, 3, 4])
@given(seed=st.integers(0, 10**6))
@PROPERTY
def test_signals_are_a_literal_loop(compute, depth, seed):
    W, V, T, x = network(seed, depth)
    found = compute(linear_signals, W, V, T, x)
    assert [signal.shape for signal in found] == [(7, len(w)) for w in W]
    for s in range(7):
        for layer, expected in enumerate(literal_signals(W, V, T, x[s])):
            np.testing.assert_allclose(found[layer][s], expected, rtol=1e-10, atol=1e-10)


def test_backprop_signals_are_the_gradient_of_the_loss(compute):
    """sum over samples of delta_l h_{l-1}^T is minus the derivative of the summed loss by W_l."""
    W, _, T, x = network(0, 3)

    def loss(weights):
        e = T @ x.T - np.linalg.multi_dot([*weights[::-1], x.T])
        return 0.5 * np.sum(e * e)

    h = x
    for layer, delta in enumerate(compute(linear_signals, W, W, T, x)):
        update = delta.T @ h
        h = h @ W[layer].T
        step = np.zeros_like(W[layer])
        step[1, 2] = 1e-5
        up = loss([*W[:layer], W[layer] + step, *W[layer + 1 :]])
        down = loss([*W[:layer], W[layer] - step, *W[layer + 1 :]])
        slope = (up - down) / 2e-5
        assert update[1, 2] == pytest.approx(-slope, rel=1e-7)


def test_signals_lead_with_runs_and_broadcast(compute):
    W, V, T, x = network(1, 3, (2, 3))
    batch = compute(linear_signals, W, V, T[:, :1], x[:, :1])
    alone = linear_signals(
        [w[1, 2] for w in W], [None, *(v[1, 2] for v in V[1:])], T[1, 0], x[1, 0]
    )
    for together, one in zip(batch, alone, strict=True):
        np.testing.assert_allclose(together[1, 2], one, atol=1e-11)


def test_angles_per_layer_are_loops(compute):
    W, V, T, x = network(2, 4, (2,))
    signals, references = linear_signals(W, V, T, x), linear_signals(W, W, T, x)
    averaged = compute(delta_angles, signals, references)
    flattened = compute(flattened_delta_angles, signals, references)
    assert averaged.shape == flattened.shape == (2, 4)
    for run in range(2):
        for layer, (d, r) in enumerate(zip(signals, references, strict=True)):
            per_sample = [angle(d[run, s], r[run, s]) for s in range(7)]
            assert averaged[run, layer] == pytest.approx(sum(per_sample) / 7, abs=1e-11)
            whole = angle(d[run].ravel(), r[run].ravel())
            assert flattened[run, layer] == pytest.approx(whole, abs=1e-11)
    # The rule's error at the output is backprop's: its own angle is 0 on every sample.
    np.testing.assert_allclose(averaged[:, -1], 0, atol=1e-13)
    np.testing.assert_allclose(flattened[:, -1], 0, atol=1e-13)


def test_one_zero_signal_is_left_out_of_the_average(compute):
    W, V, T, x = network(3, 2)
    signals, references = linear_signals(W, V, T, x), linear_signals(W, W, T, x)
    references[0][4] = 0
    rest = [i for i in range(len(references[0])) if i != 4]
    found = compute(delta_angles, signals, references)
    expected = np.mean(angle(signals[0][rest], references[0][rest]))
    assert found[0] == pytest.approx(expected, rel=1e-12)
    assert np.isfinite(compute(flattened_delta_angles, signals, references)).all()
    references[0][:] = 0
    assert np.isnan(compute(delta_angles, signals, references)).tolist() == [True, False]
    found = compute(flattened_delta_angles, signals, references)
    assert np.isnan(found).tolist() == [True, False]


@pytest.mark.parametrize(
    ("per_layer", "measure"), [(weight_angles, angle), (sign_concordances, sign_concordance)]
)
def test_weights_against_stand_ins_are_loops_and_nan_without_one(compute, per_layer, measure):
    W, V, _, _ = network(4, 3, (2, 3))
    V[2][1, 2] = 0
    found = compute(per_layer, W, V)
    assert found.shape == (2, 3, 3)
    assert found.dtype == np.float64
    assert np.isnan(found[..., 0]).all()
    for layer in (1, 2):
        for i in range(2):
            for j in range(3):
                expected = measure(W[layer][i, j].ravel(), V[layer][i, j].ravel())
                np.testing.assert_allclose(found[i, j, layer], expected, atol=1e-11)
    assert np.isnan(found[1, 2, 2])


def test_alignments_with_pseudoinverses_are_loops(compute):
    W, V, _, _ = network(6, 3, (2,))
    V[1][1] = 0
    found = compute(pseudoinverse_alignments, W, V)
    assert found.shape == (2, 3)
    assert np.isnan(found[:, 0]).all()
    assert np.isnan(found[1, 1])
    for run, layer in ((0, 1), (0, 2), (1, 2)):
        inverse = np.linalg.pinv(V[layer][run].T)
        expected = angle(W[layer][run].ravel(), inverse.ravel())
        np.testing.assert_allclose(found[run, layer], expected, atol=1e-10)


def test_unit_angles_are_of_columns(compute):
    W, V, _, _ = network(7, 2, (2, 3))
    V[1][1, 0, :, 2] = 0
    found = compute(unit_angles, W[1], V[1])
    assert found.shape == (2, 3, SIZES[1])
    for i, j, unit in np.ndindex(found.shape):
        expected = angle(W[1][i, j, :, unit], V[1][i, j, :, unit])
        np.testing.assert_allclose(found[i, j, unit], expected, atol=1e-11)
    assert np.isnan(found[1, 0]).tolist() == [unit == 2 for unit in range(SIZES[1])]
    without = compute(lambda W: unit_angles(W, None), W[1])
    assert without.shape == found.shape
    assert np.isnan(without).all()


@pytest.mark.parametrize("norms", [weight_norms, gradient_norms])
def test_norms_are_roots_of_sums_of_squares(compute, norms):
    W, _, _, _ = network(8, 3, (2,))
    found = compute(norms, W)
    assert found.shape == (2, 3)
    for run, layer in np.ndindex(found.shape):
        expected = sum(w * w for w in W[layer][run].ravel()) ** 0.5
        assert found[run, layer] == pytest.approx(expected, rel=1e-13)


def test_agreement_of_updates_is_counted_in_every_layer(compute):
    rng = np.random.default_rng(9)
    shapes = [(2, 3, *shape) for shape in ((4, 6), (3, 4), (2, 3))]
    gradients, references = ([rng.normal(size=shape) for shape in shapes] for _ in range(2))
    gradients[0][0, 0, :, 2] = 0
    references[1][1] = 0
    gradients[2][0, 1, 1, 1] = np.nan
    found = compute(update_sign_agreements, gradients, references)
    assert found.shape == (2, 3, 3)
    for i, j, layer in np.ndindex(found.shape):
        pairs = zip(gradients[layer][i, j].flat, references[layer][i, j].flat, strict=True)
        agree = [g * r > 0 if g * r == g * r else np.nan for g, r in pairs if g * r != 0]
        expected = np.mean(agree) if agree else np.nan
        np.testing.assert_allclose(found[i, j, layer], expected, rtol=1e-14)
    assert np.isnan(found[1, :, 1]).all()
    assert np.isnan(found[0, 1, 2])
    assert np.isnan(found).sum() == 4


def test_a_gradient_agrees_with_itself_and_never_with_its_opposite(compute):
    W, _, _, _ = network(10, 3, (2,))
    assert (compute(update_sign_agreements, W, [3 * w for w in W]) == 1).all()
    assert (compute(update_sign_agreements, W, [-w for w in W]) == 0).all()


def test_different_numbers_of_layers_are_refused(compute):
    W, V, _, _ = network(5, 3)
    with pytest.raises(ValueError, match="shorter"):
        compute(weight_angles, W, V[:-1])
    with pytest.raises(ValueError, match="shorter"):
        compute(delta_angles, W, W[:-1])
