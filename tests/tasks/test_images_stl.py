import numpy as np

from fatheory.tasks.images.stl import decode_images


def test_images_are_stored_by_colour_column_and_row():
    # Two images of 2 rows and 3 columns: red of the first column from top to bottom comes first.
    pixels = decode_images(bytes(range(36)), (2, 3, 3))
    assert pixels.shape == (2, 2, 3, 3)
    assert pixels[0, :, :, 0].tolist() == [[0, 2, 4], [1, 3, 5]]
    assert pixels[0, 1, 2].tolist() == [5, 11, 17]
    assert pixels[1, 0, 1].tolist() == [20, 26, 32]
    # The official description: reshape(n, 3, 96, 96) is indexed by image, colour, column, row.
    stored = np.arange(36).reshape(2, 3, 3, 2)
    assert all(pixels[n, y, x, c] == stored[n, c, x, y] for n, y, x, c in np.ndindex(pixels.shape))
