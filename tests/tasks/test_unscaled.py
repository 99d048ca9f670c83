"""Whole numbers of few bits among inputs are announced, and learned as they are."""

import warnings

import numpy as np
import pytest

import fatheory as fa
from fatheory.errors import UnscaledInputsWarning

IMAGES = np.arange(6 * 4 * 4).reshape(6, 4, 4) * 2
Y = np.arange(6) % 3


def told(inputs, **more):
    """Return what is said of a task, and the task."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        task = fa.ArrayTask(inputs=inputs, targets=Y, **more)
    assert all(one.category is UnscaledInputsWarning for one in said)
    return [str(one.message) for one in said], task


@pytest.mark.parametrize(
    ("dtype", "whole"),
    [("u1", 255), ("u2", 65535), ("i2", 32767), ("i4", 255), ("u8", 255)],
)
def test_images_of_whole_numbers_are_announced_and_not_scaled(dtype, whole):
    said, task = told(IMAGES.astype(dtype))
    (words,) = said
    assert f"inputs are {np.dtype(dtype)} from 0 to 190" in words
    assert f"inputs / numpy.float32({whole})" in words
    assert task.examples()[0][0].max() == 190
    # What the words say is a cure.
    said, task = told(IMAGES.astype(dtype) / np.float32(whole))
    assert said == []
    assert 0 <= task.examples()[0][0].min() <= task.examples()[0][0].max() <= 1


def test_sixteen_bits_in_a_wider_type_are_divided_by_what_sixteen_bits_hold():
    ((words,), _) = told(IMAGES.astype(np.int32) * 300)
    assert "inputs / numpy.float32(65535)" in words


def test_rows_of_bytes_are_announced_and_wider_features_are_not():
    flat = IMAGES.reshape(6, -1)
    assert "uint8 from 0 to 190" in told(flat.astype(np.uint8))[0][0]
    assert told(flat)[0] == []  # counts, as tables have them
    assert told(flat.astype(np.uint8).astype("float32"))[0] == []


@pytest.mark.parametrize("binary", [IMAGES % 4 // 2, IMAGES > 9], ids=["integers", "booleans"])
def test_pictures_of_two_values_are_fine(binary):
    assert told(binary.astype(np.uint8 if binary.dtype != bool else bool))[0] == []


def test_held_out_images_and_files_and_drawn_ones_are_looked_at(tmp_path):
    held = IMAGES.astype(np.uint8)
    ((words,), _) = told(held / np.float32(255), validation=(held, Y))
    assert words.startswith("validation inputs are uint8 from 0 to 190")
    np.savez(tmp_path / "own.npz", inputs=held, targets=Y)
    with pytest.warns(UnscaledInputsWarning, match="uint8 from 0 to 190"):
        fa.ArrayTask(file=tmp_path / "own.npz")


def drawn(generator):
    return generator.integers(0, 200, (6, 4, 4), np.uint8), Y


def test_drawn_images_are_announced_once_and_not_for_every_seed():
    with pytest.warns(UnscaledInputsWarning, match="uint8") as said:
        task = fa.ArrayTask(draw=drawn)
    assert len(said) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        task.examples_of(0, 1, np.random.default_rng(1))


def test_what_cannot_be_an_array_is_still_refused_in_words():
    with pytest.raises(fa.FatheoryError):
        fa.ArrayTask(inputs=[[1, 2], [3]], targets=[0, 1])
