"""Colours of labels: all different, shades by lightness, told apart by colour-blind eyes, too."""

import itertools

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from fatheory.figures import label_colours, rule_colour
from fatheory.figures.colours import PALETTE, lightness, shades

DEUTERANOPIA = [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]
PROTANOPIA = [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]
"""In linear RGB: Machado, Oliveira & Fernandes, IEEE Trans. Vis. Comput. Graph. 15:1291 (2009)."""
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def seen(colour, eye):
    """CIE Lab of a colour as an eye sees it."""
    rgb = np.array(to_rgb(colour))
    light = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = TO_XYZ @ np.clip(np.array(eye) @ light, 0, 1) / [0.9505, 1, 1.089]
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def nearest(colours, eye):
    """Smallest distance (CIE 1976) between any two colours."""
    points = [seen(colour, eye) for colour in colours]
    return min(np.linalg.norm(a - b) for a, b in itertools.combinations(points, 2))


def test_a_rule_alone_has_its_own_colour():
    found = label_colours(["feedback_alignment", "usf"])
    assert found == {name: rule_colour(name) for name in found}


def test_two_settings_of_one_rule_are_two_shades_of_it():
    found = label_colours(["frsf 75 %", "frsf 50 %", "backprop"])
    dark, light = lightness([found["frsf 75 %"], found["frsf 50 %"]])
    assert light - dark > 30
    assert found["backprop"] == rule_colour("backprop")


def test_a_label_of_ones_own_is_a_shade_of_the_rule_behind_it():
    behind = {"mine": "feedback_alignment", "theirs": "feedback_alignment"}
    assert list(label_colours(behind, behind).values()) == shades("#009E73", 2)


def test_labels_of_no_rule_have_colours_that_no_rule_among_them_has():
    found = label_colours(["a", "feedback_alignment", "b"])
    assert len({*found.values()}) == 3
    assert set(found.values()) - {"#009E73"} <= set(PALETTE)


@pytest.mark.parametrize("n", [7, 40])
def test_every_one_of_many_labels_has_its_own_colour(n):
    found = label_colours([f"label {i}" for i in range(n)])
    assert len(set(found.values())) == n


@pytest.mark.parametrize("eye", [np.eye(3), DEUTERANOPIA, PROTANOPIA])
def test_colours_of_the_palette_are_told_apart_by_all_eyes(eye):
    # About 2.3 is just noticeable.
    assert nearest(PALETTE, eye) > 10


@pytest.mark.parametrize("colour", ["#000000", "#009E73", "#E69F00", "#0072B2"])
def test_shades_are_equally_far_apart_in_lightness(colour):
    steps = np.diff(lightness(shades(colour, 4)))
    np.testing.assert_allclose(steps, steps.mean(), rtol=0.05)
    assert steps.min() > 10
