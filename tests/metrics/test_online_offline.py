"""What is measured while training is what follows from the stored arrays, by NumPy."""

import numpy as np
import pytest
import xarray as xr
from metric_archives import ONLINE, runs, without

from fatheory import metrics
from fatheory.errors import ArchiveError
from fatheory.tasks import load

SIGNALS = ("teaching_signal", "backprop_signal")


def degrees(a, b):
    a, b = np.ravel(a), np.ravel(b)
    return np.degrees(np.arccos(np.clip(a @ b / np.sqrt((a @ a) * (b @ b)), -1, 1)))


def layers(archive, place):
    """Weights and biases of one network."""
    return [
        (archive[f"weight_{layer}"].values[place], archive[f"bias_{layer}"].values[place])
        for layer in (1, 2, 3)
    ]


def activities(network, x):
    """Activities of the image network, the input first."""
    h = [x]
    for i, (W, b) in enumerate(network):
        a = h[-1] @ W.T + b
        h.append(np.tanh(a) if i < 2 else 1 / (1 + np.exp(-a)))
    return h


def signals(network, V, h, target):
    """Teaching signals of layers 1 to 3 through V_2 and V_3."""
    top = target - h[3]
    second = (top * h[3] * (1 - h[3])) @ V[1]
    return [(second * (1 - h[2] ** 2)) @ V[0], second, top]


@pytest.mark.parametrize(
    ("split", "count", "loss", "error"),
    [
        ("validation", 500, "loss", "classification_error"),
        ("train", 500, "training_loss", "training_error"),
    ],
)
def test_losses_and_errors_of_images(images, split, count, loss, error):
    """On all held-out images, and on as many of the training images."""
    drawn = load("synthetic-digits", split)
    x, classes = drawn.flattened()[:count].astype(float), drawn.labels[:count]
    assert len(x) == count
    errors = set()
    for _, place in runs(images):
        y = activities(layers(images, place), x)[-1]
        wrong = 100 * np.mean(np.argmax(y, axis=1) != classes)
        assert float(images[error].values[place]) == pytest.approx(wrong, abs=1e-12)
        expected = 0.5 * np.mean(np.sum((np.eye(10)[classes] - y) ** 2, axis=1))
        assert float(images[loss].values[place]) == pytest.approx(expected, rel=1e-12)
        errors.add(wrong)
    assert len(errors) > 6


def test_targets_of_images_have_their_variance(images):
    classes = load("synthetic-digits", "validation").labels
    share = np.bincount(classes) / len(classes)
    expected = np.sum(share * (1 - share))
    np.testing.assert_allclose(images.target_variance, expected, rtol=1e-12)
    found = metrics.normalized_squared_error(images)
    np.testing.assert_allclose(found, 2 * images.loss / expected, rtol=1e-12)
    assert found.attrs["units"] == "1"


def test_targets_that_do_not_vary_have_no_normalised_error(images):
    still = images.assign(target_variance=0 * images.target_variance)
    assert np.isnan(metrics.normalized_squared_error(still)).all()
    with pytest.raises(ArchiveError, match="neither 'probe_target' nor 'target_variance'"):
        metrics.normalized_squared_error(images.drop_vars("target_variance"))


def test_signals_of_nonlinear_networks_and_their_angles(images):
    drawn = load("synthetic-digits", "validation")
    x, target = drawn.flattened()[:20].astype(float), np.eye(10)[drawn.labels[:20]]
    for rule, place in runs(images):
        network = layers(images, place)
        W = [network[1][0], network[2][0]]
        h = activities(network, x)
        backprop = signals(network, W, h, target)
        pseudo = signals(network, [np.linalg.pinv(A).T for A in W], h, target)
        own = [images[f"teaching_signal_{layer}"].values[place] for layer in (1, 2, 3)]
        if rule == "feedback_alignment":
            B = [images[f"feedback_{layer}"].values[place[:2]] for layer in (2, 3)]
            literal = signals(network, [b.T for b in B], h, target)
            for ours, expected in zip(own, literal, strict=True):
                np.testing.assert_allclose(ours, expected, rtol=1e-10, atol=1e-13)
        if rule == "direct_feedback_alignment":
            through = (target - h[3]) * h[3] * (1 - h[3])
            for layer in (1, 2):
                B = images[f"direct_feedback_{layer}"].values[place[:2]]
                np.testing.assert_allclose(own[layer - 1], through @ B.T, rtol=1e-10, atol=1e-13)
        for layer in (1, 2, 3):
            name = f"backprop_signal_{layer}"
            expected = backprop[layer - 1]
            np.testing.assert_allclose(images[name].values[place], expected, rtol=1e-9, atol=1e-13)
            for name, pair in (
                ("delta_angle", (own, backprop)),
                ("pseudobackprop_angle", (own, pseudo)),
                ("backprop_to_pseudobackprop_angle", (backprop, pseudo)),
            ):
                a, b = (side[layer - 1] for side in pair)
                mean = np.mean([degrees(a[s], b[s]) for s in range(20)])
                found = images[name].values[place][layer - 1]
                assert found == pytest.approx(mean, abs=3e-6)


def test_unit_angles_norms_and_receptive_fields_of_images(images):
    for rule, place in runs(images):
        W = [A for A, _ in layers(images, place)]
        found = images.unit_angle.values[place]
        if rule == "feedback_alignment":
            B = images.feedback_3.values[place[:2]]
            expected = [degrees(W[2][:, j], B[j]) for j in range(6)]
            np.testing.assert_allclose(found, expected, atol=1e-6)
        assert np.isnan(found).all() == (rule == "direct_feedback_alignment")
        norms = [np.sqrt(np.sum(A * A)) for A in W]
        np.testing.assert_allclose(images.weight_norm.values[place], norms, rtol=1e-12)
        np.testing.assert_array_equal(images.receptive_field.values[place], W[0][:3])
    assert images.receptive_field.dims == ("rule", "seed", "step", "receptive_unit", "unit_0")
    assert images.unit_angle.dims == ("rule", "seed", "step", "unit_2")


def test_online_is_offline_in_linear_networks(archive):
    """The recorded angles are those that the metrics compute from the weights alone."""
    stripped = without(archive, *ONLINE, *SIGNALS)
    recorded, computed = (metrics.pseudobackprop_angles(a) for a in (archive, stripped))
    assert list(recorded) == list(computed)
    for name in computed:
        xr.testing.assert_allclose(recorded[name], computed[name], rtol=0, atol=1e-6)
        # What follows from weights also says why it is NaN of some rules.
        told = {key: text for key, text in computed[name].attrs.items() if key != "comment"}
        assert recorded[name].attrs == told
        assert np.isfinite(computed[name].sel(rule="feedback_alignment")).all()
    alignment, unit = metrics.pseudoinverse_alignment(stripped), metrics.angle(stripped, "unit")
    xr.testing.assert_identical(
        metrics.pseudoinverse_alignment(archive), archive.pseudoinverse_alignment
    )
    xr.testing.assert_identical(metrics.angle(archive, "unit"), archive.unit_angle)
    xr.testing.assert_allclose(alignment, archive.pseudoinverse_alignment, rtol=0, atol=1e-8)
    xr.testing.assert_allclose(unit, archive.unit_angle, rtol=0, atol=1e-8)
    assert np.isfinite(alignment.sel(rule="feedback_alignment", layer=[2, 3])).all()
    assert np.isfinite(unit.sel(rule="usf")).all()
    for layer in (1, 2, 3):
        norm = np.sqrt(
            (archive[f"weight_{layer}"] ** 2).sum((f"unit_{layer}", f"unit_{layer - 1}"))
        )
        np.testing.assert_allclose(archive.weight_norm.sel(layer=layer), norm, rtol=1e-13)
    np.testing.assert_array_equal(archive.receptive_field, archive.weight_1[:, :, :, :2])


@pytest.mark.parametrize(
    "measure",
    [
        lambda a: metrics.angle(a, "unit"),
        metrics.pseudoinverse_alignment,
        metrics.pseudobackprop_angles,
    ],
)
def test_what_was_recorded_needs_no_weights(images, measure):
    bare = without(images, "weight", "bias", *SIGNALS)
    assert measure(bare).identical(measure(images))


def test_the_angle_to_backprop_is_left_out_where_nothing_tells_it(images):
    bare = without(images, "weight", *SIGNALS, "delta_angle")
    found = metrics.pseudobackprop_angles(bare)
    assert list(found) == ["rule_to_pseudobackprop", "backprop_to_pseudobackprop"]
    with_signals = metrics.pseudobackprop_angles(without(images, "delta_angle"))
    xr.testing.assert_allclose(
        with_signals["rule_to_backprop"],
        images.delta_angle.rename("rule_to_backprop"),
        rtol=0,
        atol=1e-6,
    )


def test_feedback_that_learns_is_not_stored(images):
    """What needs its V is NaN from weights, and what was recorded is returned."""
    computed = metrics.angle(without(images, *ONLINE), "weight")
    assert np.isnan(computed.sel(rule=["kolen_pollack", "direct_feedback_alignment"])).all()
    assert np.isfinite(computed.sel(rule="feedback_alignment", layer=[2, 3])).all()
    recorded = metrics.angle(images, "weight").sel(rule="kolen_pollack", layer=[2, 3])
    assert np.isfinite(recorded).all()
    concordance = metrics.sign_concordance(images)
    assert np.isnan(concordance["sign_concordance"].sel(rule="kolen_pollack")).all()
    positive = metrics.positive_alignment(images)
    assert np.isnan(positive["positive_fraction"].sel(rule="kolen_pollack")).all()
    assert np.isfinite(positive["positive_fraction"].sel(rule="feedback_alignment")).all()


def test_what_does_not_follow_from_the_weights_is_refused(images):
    for measure in (lambda a: metrics.angle(a, "delta"), metrics.positive_alignment):
        with pytest.raises(
            ArchiveError,
            match=r"hidden units are tanh, the output units are sigmoid, units have biases, the "
            r"task is of kind 'images': add 'teaching_signals'",
        ):
            measure(without(images, *ONLINE, *SIGNALS))
    with pytest.raises(ArchiveError, match="add 'pseudobackprop_angles' to"):
        metrics.pseudobackprop_angles(without(images, *ONLINE))
    with pytest.raises(ArchiveError, match="no 'weight_1'; add 'weights'"):
        metrics.angle(without(images, "weight", *ONLINE), "unit")
