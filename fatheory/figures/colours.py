"""Colours of labels: a rule's own, shades where labels share a rule, and free ones for the rest."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.colors import to_hex, to_rgb

from fatheory.figures.style import NO_COLOUR, rule_colour

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito's, for what brings no colour of its own."""
_DARKEST, _LIGHTEST = 36.0, 80.0
"""Lightness (CIE L*) between which shades lie: seen beside black, and on white."""


def label_colours(labels: Iterable[str], rules: Mapping[str, str] | None = None) -> dict[str, str]:
    """Give every label a colour that no other has.

    A label of a rule has the rule's colour. Labels of one rule have shades of it, the first the
    darkest: they differ in lightness, which all eyes see. Other labels get colours of `PALETTE`
    that no rule among them has, and shades of those where there are more labels than colours.

    Parameters
    ----------
    labels : iterable of str
        In the order of the legend.
    rules : mapping of str to str, optional
        From a label to its rule, where the label itself, or its first word, is none.

    Returns
    -------
    dict of str to str
        From label to colour, as ``"#009E73"``.
    """
    groups: dict[str, list[str]] = defaultdict(list)
    others = []
    # Each once, in their order: a set would give other colours in every process.
    for label in dict.fromkeys(labels):
        base = rule_colour((rules or {}).get(label, label))
        if base == NO_COLOUR:
            others.append(label)
        else:
            groups[base.upper()].append(label)
    # Rules bring colours of the same palette; what is taken by one would be read as it.
    free = [colour for colour in PALETTE if colour not in groups] or [NO_COLOUR]
    for i, label in enumerate(others):
        groups[free[i % len(free)]].append(label)
    return {
        label: colour
        for base, own in groups.items()
        for label, colour in zip(own, shades(base, len(own)), strict=True)
    }


def shades(colour: str, n: int) -> list[str]:
    """Return n shades of a colour, equally far apart in lightness, the darkest first.

    One alone is the colour itself.
    """
    if n == 1:
        return [to_hex(colour).upper()]
    base = _linear(np.array(to_rgb(colour)))
    return [_at_lightness(base, lightness) for lightness in np.linspace(_DARKEST, _LIGHTEST, n)]


_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


def _at_lightness(base: np.ndarray, lightness: float) -> str:
    """Mix light of a colour with black or white until it has a lightness above 8."""
    wanted, own = ((lightness + 16) / 116) ** 3, float(_LUMINANCE @ base)
    if wanted <= own:
        mixed = base * (wanted / own)
    else:
        # Luminance is linear in light, so the share of white follows without a search; the hue
        # stays.
        mixed = base + (1 - base) * (wanted - own) / (1 - own)
    return to_hex(np.clip(_encoded(mixed), 0, 1)).upper()


def _linear(rgb: np.ndarray) -> np.ndarray:
    """Return the light of an sRGB colour."""
    # sRGB's own constants (IEC 61966-2-1), with its straight piece near black.
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def _encoded(light: np.ndarray) -> np.ndarray:
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def lightness(colours: Sequence[str]) -> np.ndarray:
    """Return the lightness CIE L* of colours, 0 for black and 100 for white."""
    # By light and not by sRGB numbers, which are coded: equal steps in them are no equal steps to
    # the eye.
    light = np.array([_LUMINANCE @ _linear(np.array(to_rgb(colour))) for colour in colours])
    return np.where(light > 216 / 24389, 116 * np.cbrt(light) - 16, light * 24389 / 27)
