"""What the fuzzing of image files shares: how many cases, damage, and what may come of it."""

import io

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from PIL import Image

from fatheory.errors import FatheoryError

CASES = pytest.mark.parametrize("cases", [100, pytest.param(1000, marks=pytest.mark.slow)])


PIXELS = np.random.default_rng(3).integers(0, 256, (6, 5, 3), dtype=np.uint8)


def fuzz(cases):
    """Run so many cases, the same ones at every run."""
    return settings(
        max_examples=cases,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def encoded(kind, pixels=PIXELS):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


PICTURES = [encoded(kind) for kind in ("PNG", "JPEG", "PPM", "BMP")]


PICTURES += [encoded("PNG", PIXELS[..., 0]), b"P3 2 1 255 1 2 3 4 5 6", b"P4 3 2\n\xa0\x40"]


SMALL_PICTURE = encoded("PNG", PIXELS[:2, :2])


extremes = st.sampled_from(
    [b"", b"\0" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x80\0\0\0", b"\1\0"]
) | st.binary(max_size=6)


@st.composite
def damaged(draw, contents):
    """One of the contents, cut, with bytes replaced, flipped, left out or doubled."""
    content = draw(st.sampled_from(contents))
    for _ in range(draw(st.integers(0, 4))):
        # Headers come first, and are where damage tells.
        start = draw(st.integers(0, len(content)) | st.integers(0, min(len(content), 40)))
        how = draw(st.sampled_from(["cut", "replace", "flip", "insert", "leave out"]))
        piece = draw(extremes)
        if how == "cut":
            content = content[:start]
        elif how == "replace":
            content = content[:start] + piece + content[start + len(piece) :]
        elif how == "flip" and start < len(content):
            flipped = content[start] ^ (1 << draw(st.integers(0, 7)))
            content = content[:start] + bytes([flipped]) + content[start + 1 :]
        elif how == "insert":
            content = content[:start] + piece + content[start:]
        else:
            content = content[:start] + content[start + draw(st.integers(0, 20)) :]
    return content


def outcome(read, seen):
    """Read, and count what came of it; return what was read."""
    try:
        found = read()
    except FatheoryError:
        seen["refused"] += 1
        return None
    seen["read"] += 1
    return found


def assert_both(seen, cases):
    """A test in which nothing is refused, or nothing is read, would test little."""
    assert sum(seen.values()) >= cases
    assert min(seen["read"], seen["refused"]) >= cases / 50
