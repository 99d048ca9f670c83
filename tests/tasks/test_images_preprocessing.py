import numpy as np
import pytest

from fatheory.errors import ArrayError
from fatheory.tasks.images import Images, load, standardized

RNG = np.random.default_rng(3)


def images(pixels: np.ndarray, split: str = "train") -> Images:
    labels = np.zeros(len(pixels), np.int64)
    return Images(pixels.astype(np.float32), labels, name="some", split=split, classes=2)


@pytest.mark.parametrize("shape", [(700, 3, 5), (700, 3, 5, 3)])
def test_each_channel_is_centred_and_scaled_by_the_training_images(shape):
    # Channels of different law; more images than are summed at once.
    spread = np.array([0.2, 0.5, 1.0]) if len(shape) == 4 else 0.5
    train = images(0.3 * spread + spread * RNG.random(shape))
    test = images(RNG.random((40, *shape[1:])), "test")
    found, other = standardized(train, test)
    channels = [(..., c) for c in range(3)] if len(shape) == 4 else [...]
    for channel in channels:
        pixels = train.images[channel].astype(np.float64)
        mean, std = pixels.mean(), pixels.std()
        for before, after in ((train, found), (test, other)):
            expected = (before.images[channel].astype(np.float64) - mean) / std
            np.testing.assert_allclose(after.images[channel], expected, rtol=1e-5, atol=1e-6)
        assert found.images[channel].mean(dtype=np.float64) == pytest.approx(0, abs=1e-6)
        assert found.images[channel].std(dtype=np.float64) == pytest.approx(1, abs=1e-6)
    assert found.images.dtype == other.images.dtype == np.float32
    assert (other.split, other.name, len(other)) == ("test", "some", 40)


def test_a_constant_channel_is_only_centred():
    # 0.1 is no binary fraction: its mean in double precision need not be exactly itself.
    pixels = RNG.random((7, 3, 3, 3))
    pixels[..., 1] = 0.1
    found, other = standardized(images(pixels), images(np.full((1, 3, 3, 3), 0.6)))
    np.testing.assert_allclose(found.images[..., 1], 0, atol=1e-7)
    np.testing.assert_allclose(other.images[..., 1], 0.5, rtol=1e-6)
    assert found.images[..., 0].std() == pytest.approx(1, abs=1e-5)


def test_nothing_is_changed_in_place_and_doing_it_again_changes_nothing():
    train = load("synthetic-digits")
    before = train.images.copy()
    (once,) = standardized(train)
    (twice,) = standardized(once)
    np.testing.assert_array_equal(train.images, before)
    np.testing.assert_allclose(twice.images, once.images, atol=1e-6)
    np.testing.assert_array_equal(once.labels, train.labels)


def test_images_of_other_shapes_are_refused():
    with pytest.raises(ArrayError, match=r"got \[\(3, 3\), \(3, 4\)\]; expected one shape"):
        standardized(images(np.ones((2, 3, 3))), images(np.ones((2, 3, 4))))


def test_averages_need_images():
    with pytest.raises(ArrayError, match="some has no images for 'train'"):
        standardized(images(np.ones((0, 3, 3))))
