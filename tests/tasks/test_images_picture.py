import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from fatheory.errors import DataError, UnreadableImageError
from fatheory.tasks.images.picture import decode_picture

RNG = np.random.default_rng(8)
COLOUR = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)
GREY = COLOUR[..., 0]


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png_of_size(width: int, height: int) -> bytes:
    """Return the start of a PNG file, which is all that a bomb needs."""
    header = b"IHDR" + struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(bytes(100))
    chunks = (
        struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in (header, data)
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize("kind", ["PNG", "PPM", "BMP"])
@pytest.mark.parametrize("pixels", [COLOUR, GREY], ids=["colour", "grey"])
def test_lossless_formats_give_back_what_was_stored(kind, pixels):
    found = decode_picture(encoded(Image.fromarray(pixels), kind), "x")
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, pixels)


@pytest.mark.parametrize("pixels", [COLOUR, GREY], ids=["colour", "grey"])
def test_jpeg_gives_back_nearly_what_was_stored(pixels):
    smooth = np.full_like(pixels, 90)
    smooth[:, 4:] = 120
    found = decode_picture(encoded(Image.fromarray(smooth), "JPEG", quality=95), "x")
    assert found.shape == pixels.shape
    assert np.abs(found.astype(int) - smooth).max() <= 6


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "CMYK"])
def test_other_modes_become_colours(mode):
    image = Image.fromarray(COLOUR).convert("L" if mode == "LA" else "RGB").convert(mode)
    found = decode_picture(encoded(image, "JPEG" if mode == "CMYK" else "PNG"), "x")
    assert found.shape == (5, 7, 3)
    if mode in ("RGBA", "LA"):
        expected = COLOUR if mode == "RGBA" else np.asarray(image)[..., :1].repeat(3, axis=2)
        np.testing.assert_array_equal(found, expected)


def test_two_levels_are_grey():
    found = decode_picture(encoded(Image.fromarray(GREY > 100)), "x")
    np.testing.assert_array_equal(found, np.where(GREY > 100, 255, 0))


def test_sixteen_bits_are_not_cut_to_eight():
    deep = Image.fromarray(GREY.astype(np.uint16) * 257)
    with pytest.raises(UnreadableImageError, match="x: more than 8 bits per pixel"):
        decode_picture(encoded(deep), "x")


@pytest.mark.parametrize("turned", [False, True])
def test_an_image_is_scaled_to_cover_the_size_and_its_centre_cut_out(turned):
    pixels = RNG.integers(0, 256, (8, 32, 3), dtype=np.uint8)
    whole = np.asarray(Image.fromarray(pixels).resize((8, 2), Image.Resampling.BICUBIC))
    expected, size = whole[:, 2:6], (2, 4)
    if turned:
        pixels, expected, size = (pixels.swapaxes(0, 1), expected.swapaxes(0, 1), (4, 2))
    found = decode_picture(encoded(Image.fromarray(np.ascontiguousarray(pixels))), "x", size)
    np.testing.assert_allclose(found.astype(int), expected, atol=1)


def test_a_small_image_is_enlarged():
    assert decode_picture(encoded(Image.fromarray(GREY)), "x", (10, 14)).shape == (10, 14)


@pytest.mark.parametrize(("width", "height"), [(4097, 4096), (10_000, 10_000), (50_000, 50_000)])
def test_images_of_too_many_pixels_are_refused_before_they_are_decoded(width, height):
    with pytest.raises(DataError, match="x is refused:") as caught:
        decode_picture(png_of_size(width, height), "x")
    assert not isinstance(caught.value, UnreadableImageError)


def test_the_largest_allowed_image_is_only_cut_short():
    with pytest.raises(UnreadableImageError):
        decode_picture(png_of_size(4096, 4096), "x")


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "WEBP"])
def test_other_formats_are_not_read(kind):
    try:
        content = encoded(Image.fromarray(COLOUR), kind)
    except (KeyError, OSError):  # this Pillow was built without it
        content = b"GIF89a"
    with pytest.raises(UnreadableImageError, match="x: no PNG, JPEG, PPM, BMP image"):
        decode_picture(content, "x")


@pytest.mark.parametrize("kind", ["PNG", "PPM", "BMP", "JPEG"])
def test_truncations_and_flipped_bytes_are_decoded_or_unreadable(kind):
    content = encoded(Image.fromarray(COLOUR), kind)
    damaged = [content[:kept] for kept in range(0, len(content), 3)]
    damaged += [
        content[:k] + bytes([content[k] ^ 0x5A]) + content[k + 1 :]
        for k in range(0, len(content), 3)
    ]
    unreadable = 0
    for one in damaged:
        try:
            assert decode_picture(one, "x").dtype == np.uint8
        except UnreadableImageError:
            unreadable += 1
        except DataError as error:  # a size in the header may have become too large
            assert "is refused" in str(error)  # noqa: PT017
    assert unreadable > len(damaged) / 8


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def deep_png(colour_type: int, channels: int, before: bytes = b"") -> bytes:
    """A PNG of 3 x 2 pixels, 16 bits per colour, all values below 250."""
    rows = [b"\0" + struct.pack(f">{3 * channels}H", *range(200, 200 + 3 * channels))] * 2
    header = struct.pack(">2I5B", 3, 2, 16, colour_type, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + before + b"".join(chunk(*one) for one in chunks)


@pytest.mark.parametrize(
    "content",
    [
        deep_png(0, 1),
        deep_png(2, 3),
        deep_png(4, 2),
        deep_png(6, 4),
        deep_png(2, 3, before=chunk(b"tEXt", b"a\0b")),
        b"P6 3 2 65535\n" + struct.pack(">18H", *range(200, 218)),
        b"P6\n# 255\n3 2\n# 255\n1000\n" + struct.pack(">18H", *range(200, 218)),
        b"P5 3 2 300\n" + struct.pack(">6H", *range(200, 206)),
        b"P3 3 2 65535\n" + b"200 " * 18,
        b"P2 3 2 4095\n" + b"200 " * 6,
        b"P6 3 2 65#c\n535\n" + struct.pack(">18H", *range(200, 218)),
        b"P6\n#" + b"x" * 70_000 + b"\n3 2 65535\n" + struct.pack(">18H", *range(200, 218)),
        b"P0CMYK3 2 65535\n" + struct.pack(">24H", *range(200, 224)),
        deep_png(2, 3, before=chunk(b"IHDR", struct.pack(">2I5B", 3, 2, 8, 2, 0, 0, 0))),
    ],
    ids=[
        *("grey", "RGB", "grey+alpha", "RGBA", "late", "P6", "comments", "P5", "P3", "P2"),
        *("comment in a number", "long comment", "CMYK", "two headers"),
    ],
)
def test_every_kind_of_file_of_more_than_8_bits_is_refused(content):
    """Pillow calls colours of 16 bits RGB and keeps the upper 8, here zeros."""
    with pytest.raises(UnreadableImageError, match=r"x: more than 8 bits per pixel"):
        decode_picture(content, "x")


def test_files_of_fewer_bits_are_read_on_their_own_scale():
    found = decode_picture(b"P5 3 1 15\n" + bytes([0, 5, 15]), "x")
    np.testing.assert_array_equal(found, [[0, 85, 255]])
    found = decode_picture(b"P6 1 1 255\n" + bytes([1, 2, 3]), "x")
    np.testing.assert_array_equal(found, [[[1, 2, 3]]])
