import numpy as np

from fatheory.tasks.images.cifar import decode

CONTENT = bytes(range(26))


def test_records_are_split_into_label_colours_rows_and_columns():
    # A record of a 2 x 2 image: label, 4 red, 4 green, 4 blue.
    pixels, labels = decode(CONTENT, (2, 2, 3))
    assert labels.tolist() == [0, 13]
    assert pixels.shape == (2, 2, 2, 3)
    assert pixels[0, 0, 0].tolist() == [1, 5, 9]
    assert pixels[0, 0, 1].tolist() == [2, 6, 10]
    assert pixels[0, 1, 0].tolist() == [3, 7, 11]
    assert pixels[1, 1, 1].tolist() == [17, 21, 25]


def test_of_two_labels_the_fine_one_is_taken():
    # A record of CIFAR-100: coarse label, fine label, then the image as in CIFAR-10.
    one, two = CONTENT[:13], CONTENT[13:]
    pixels, labels = decode(b"\x07" + one + b"\x09" + two, (2, 2, 3), label_bytes=2)
    assert labels.tolist() == [0, 13]
    np.testing.assert_array_equal(pixels, decode(CONTENT, (2, 2, 3))[0])
