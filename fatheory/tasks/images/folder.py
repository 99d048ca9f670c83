"""Folders of images, one folder per class, and archives of them."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from hashlib import sha256
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import Int64, UInt8

from fatheory.errors import DataError, UnreadableImageError, UnreadableImageWarning
from fatheory.tasks.images.arrangement import Arrangement, Picture, arrange
from fatheory.tasks.images.entry import ImageSet, Part
from fatheory.tasks.images.folder_name import folder_path, joined_name, split_name
from fatheory.tasks.images.picture import MAX_BYTES, SUFFIXES, Size, decode_picture
from fatheory.tasks.images.tree import File, Parts, entries, fingerprint

_LISTED = 5

_Pixels = UInt8[np.ndarray, "n height width *colours"]
_Labels = Int64[np.ndarray, " n"]


@dataclass(frozen=True, eq=False)
class FolderImages:
    """The images of a folder, read.

    Attributes
    ----------
    class_names : tuple of str
        The names of the folders, sorted: what the labels 0, 1, ... stand for.
    pixels : dict of array of shape (n, height, width) or (n, height, width, 3)
        Of ``"train"`` and ``"test"``; grey where all images are.
    labels : dict of array of shape (n,)
        Of both parts.
    validation : int
        How many images at the end of the training part are for validation.
    unreadable : tuple of str
        Files that could not be decoded, each with the reason.
    digest : str
        SHA-256 of the files that were, with their parts and labels, in order. It does not change
        with names, or with the packing of an archive.
    """

    class_names: tuple[str, ...]
    pixels: dict[Part, _Pixels]
    labels: dict[Part, _Labels]
    validation: int
    unreadable: tuple[str, ...]
    digest: str


def read_folder(path: Path, size: Size | None = None, strict: bool = False) -> FolderImages:
    """Read a folder of images per class, or a tar archive of one (plain, or packed by gzip).

    Images lie at ``train/<class>/<image>`` and ``test/<class>/<image>``, or all at
    ``<class>/<image>``; then every fifth image of each class, in order of names, is a test image.
    Of the training images of each class, in order of names, every tenth is for validation. In
    each of the three the classes take turns, in order of names, so that the first images of any
    number are as balanced as they can be. Around all this there may be one more folder. PNG,
    JPEG, PPM (and PGM, PBM) and BMP files count as images by their endings; other files, and
    hidden ones, are passed over. Nothing is unpacked to disk. The last folder read is kept in
    memory, as long as sizes and times of its files stay.

    Parameters
    ----------
    path : Path
        The folder, or an archive whose name ends in ``.tar``, ``.tar.gz`` or ``.tgz``.
    size : (int, int), optional
        Height and width that all images are brought to: scaled until they just cover them, and
        cut to the centre. By default all must have one size.
    strict : bool
        Whether files that cannot be decoded are an error; otherwise one `UnreadableImageWarning`
        lists them, once per process, and they are left out.

    Raises
    ------
    DataError
        If there is no such folder or archive; it is damaged, laid out otherwise, or holds a link,
        a device, a path that leaves it, or an image of more than 2^24 pixels; images differ in
        size and none is asked for; a class has no images; or, if `strict`, files are unreadable.
    """
    path = path.resolve()
    # The resolved path is part of the cache's key, so that two names of a folder share it.
    found = _read(path, size, fingerprint(path))
    if found.unreadable:
        message = _listed(path, found.unreadable)
        if strict:
            raise DataError(message)
        _warn(message)
    return found


def scan_folder(name: str, folder: Path | None = None) -> ImageSet:
    """Read the folder of images ``folder/PATH`` and return what it is.

    Parameters
    ----------
    name : str
        ``folder/PATH``, or ``folder/PATH@HEIGHTxWIDTH`` for images brought to one size, with PATH
        in the folder of data sets; see `read_folder`.
    folder : Path, optional
        The folder of data sets, `data_folder` by default.

    Raises
    ------
    DataError
        As `read_folder`, or if the name is not of this form or leaves the folder of data sets.
    """
    path = folder_path(name, folder)
    return _scan(path, name, fingerprint(path))


def folder_set(
    name: str,
    train: int,
    test: int,
    validation: int,
    shape: Sequence[int],
    class_names: Sequence[str],
    digest: str = "",
) -> ImageSet:
    """Return the entry of a folder of images from its stored facts; the files may be elsewhere.

    Parameters
    ----------
    name : str
        ``folder/PATH`` or ``folder/PATH@HEIGHTxWIDTH``.
    train, test, validation : int
        Counts as in `ImageSet`.
    shape : sequence of int
        Height and width, and 3 where there are colours.
    class_names : sequence of str
        In the order of the labels.
    digest : str
        Of the images, as of `FolderImages`; empty where it is not known.

    Raises
    ------
    DataError
        If the name is not of this form.
    """
    path, size = split_name(name)
    return ImageSet(
        name=joined_name(path, size),
        title=f"Images in {path}",
        layout="folder",
        train=train,
        test=test,
        validation=validation,
        shape=tuple(shape),
        class_names=tuple(class_names),
        licence="That of its images",
        citation=f"Images of one's own, in {path}",
        digest=digest,
    )


# Facts are small, unlike the pictures below, of which one folder is kept.
@lru_cache(maxsize=64)
def _scan(path: Path, name: str, stamp: str) -> ImageSet:
    del stamp  # it belongs to the cache's key: a changed folder is read again
    found = read_folder(path, split_name(name)[1])
    train, test = found.pixels["train"], found.pixels["test"]
    counts = (len(train), len(test), found.validation)
    return folder_set(name, *counts, train.shape[1:], found.class_names, found.digest)


@lru_cache(maxsize=1)  # counting, training and evaluation read the same folder in turn
def _read(path: Path, size: Size | None, stamp: str) -> FolderImages:
    del stamp  # as above
    pictures: dict[Parts, Picture] = {}
    contents: dict[Parts, Picture] = {}
    folders: set[Parts] = set()
    unreadable = []
    for parts, file in entries(path):
        folders.update(parts[:depth] for depth in range(1, len(parts)))
        if file is None:
            folders.add(parts)
        elif PurePosixPath(*parts).suffix.lower() in SUFFIXES:
            _check_file(path, parts, file, pictures)
            content = file.read()
            try:
                picture = decode_picture(content, _where(path, parts), size)
            except UnreadableImageError as error:
                unreadable.append(str(error))
                continue
            _check_size(path, parts, picture, pictures)
            pictures[parts] = picture
            # Hashes, shaped as pictures are so that they are arranged like them.
            contents[parts] = np.frombuffer(sha256(content).digest(), np.uint8)[None]
    if unreadable and not pictures:
        raise DataError(_listed(path, unreadable))
    found = arrange(str(path), pictures, folders)
    digest = _digest(arrange(str(path), contents, folders))
    return _assembled(found, tuple(unreadable), digest)


def _digest(contents: Arrangement) -> str:
    total = sha256()
    for part, hashes in contents.parts.items():
        for label, one in hashes:
            total.update(f"{part} {label} ".encode() + one.tobytes())
    return total.hexdigest()


def _where(path: Path, parts: Parts) -> str:
    return f"{path}: {'/'.join(parts)}"


def _check_file(path: Path, parts: Parts, file: File, pictures: Mapping[Parts, Picture]) -> None:
    # A tar archive may hold a name twice, and unpacking would keep the last.
    if parts in pictures:
        raise DataError(f"{_where(path, parts)} is there twice; expected one file of a name")
    if file.size > MAX_BYTES:
        raise DataError(
            f"{_where(path, parts)} is refused: it has {file.size:,} bytes; at most "
            f"{MAX_BYTES:,} are allowed"
        )


def _check_size(
    path: Path, parts: Parts, picture: Picture, pictures: Mapping[Parts, Picture]
) -> None:
    first, other = next(iter(pictures.items()), (parts, picture))
    if picture.shape[:2] != other.shape[:2]:
        sizes = [" x ".join(map(str, one.shape[:2])) for one in (other, picture)]
        raise DataError(
            f"{path} has images of unequal size: {'/'.join(first)} is {sizes[0]}, "
            f"{'/'.join(parts)} is {sizes[1]} (height x width); ask for one size, in the name as "
            "folder/PATH@HEIGHTxWIDTH or by size="
        )


def _assembled(found: Arrangement, unreadable: tuple[str, ...], digest: str) -> FolderImages:
    """Make arrays of the pictures of each part; they are shared by all who read the folder."""
    # Grey among coloured ones is given three equal colours, as all must have one shape.
    shape = max((one.shape for pairs in found.parts.values() for _, one in pairs), key=len)
    pixels: dict[Part, _Pixels] = {}
    labels: dict[Part, _Labels] = {}
    for part, pairs in found.parts.items():
        # Bytes until they are used: in single precision they take four times as much.
        pixels[part] = np.empty((len(pairs), *shape), np.uint8)
        for row, (_, picture) in zip(pixels[part], pairs, strict=True):
            row[...] = picture if picture.ndim == len(shape) else picture[..., None]
        labels[part] = np.array([label for label, _ in pairs], np.int64)
        pixels[part].flags.writeable = labels[part].flags.writeable = False
    return FolderImages(found.class_names, pixels, labels, found.validation, unreadable, digest)


def _listed(path: Path, unreadable: Sequence[str]) -> str:
    lines = [f"  {one}" for one in unreadable[:_LISTED]]
    if len(unreadable) > _LISTED:
        lines.append(f"  and {len(unreadable) - _LISTED} more")
    number = "1 file" if len(unreadable) == 1 else f"{len(unreadable)} files"
    return "\n".join((f"{path} holds {number} that cannot be decoded:", *lines))


@cache
def _warn(message: str) -> None:
    warnings.warn(message, UnreadableImageWarning, stacklevel=3)
