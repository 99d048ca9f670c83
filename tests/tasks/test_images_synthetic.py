import numpy as np
import pytest

from fatheory.tasks.images.synthetic import synthetic_digits


def class_means(stream: int) -> np.ndarray:
    pixels, labels = synthetic_digits(1000, 4, (6, 9), stream)
    return np.stack([pixels[labels == c].mean(axis=0).ravel() for c in range(4)])


def test_streams_share_patterns_and_nothing_else():
    first, again, other = (synthetic_digits(300, 10, (8, 8), stream) for stream in (1, 1, 2))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert (first[1] != other[1]).any()
    assert not (first[0] == other[0]).all(axis=(1, 2)).any()
    # Means of 250 images each: the same patterns but for noise, and different between classes.
    correlation = np.corrcoef(class_means(1), class_means(2))[:4, 4:]
    assert (np.diag(correlation) > 0.97).all()
    assert (correlation[~np.eye(4, dtype=bool)] < 0.95).all()


@pytest.mark.parametrize("count", [1, 7, 20])
def test_classes_are_equally_frequent_to_within_one(count):
    pixels, labels = synthetic_digits(count, 3, (4, 5), 1)
    assert pixels.shape == (count, 4, 5)
    assert pixels.dtype == labels.dtype == np.uint8
    assert np.ptp(np.bincount(labels, minlength=3)) <= 1
