"""Downloads of image sets, verified by checksum."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fatheory.errors import DataError
from fatheory.tasks.images.location import FOLDER_VARIABLE
from fatheory.tasks.images.registry import image_set
from fatheory.tasks.images.store import FileReport, report_on, set_folder, verify

# Pooch's 1 KB would spend most of the time in Python.
_CHUNK_BYTES = 1 << 16


def fetch(name: str, progress: bool = False, folder: Path | None = None) -> list[Path]:
    """Download the files of an image set that are missing, and return the paths of all.

    A damaged file is first moved aside, to its name with ``.damaged`` appended (an older one of
    that name is replaced). A file appears under its own name only complete and with the official
    checksum. Mirrors are tried in the registry's order. An unpacked archive is left alone: it
    serves where it is the official one, and otherwise the archive is downloaded beside it.

    Parameters
    ----------
    name : str
        A name in `IMAGE_SETS`. A generated set and a folder of images have no official files, and
        nothing is done.
    progress : bool
        Whether to show the bytes received, on standard error.
    folder : Path, optional
        The folder of data sets, `data_folder` by default.

    Raises
    ------
    UnknownNameError
        If there is no such set.
    DataError
        If the folder cannot be written or no mirror gave the official file; the message says
        what happened at each.
    """
    reports = verify(name, folder)
    if any(report.state != "present" for report in reports):
        where = set_folder(name, folder)
        reports = [report_on(where / file.name, file) for file in image_set(name).files]
    for report in reports:
        if report.state != "present":
            _make_room(report)
            _download(report, progress)
    return [report.path for report in reports]


def _make_room(report: FileReport) -> None:
    """Create the folder, and move a damaged file out of the way."""
    path = report.path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if report.state == "damaged":
            # Aside and not deleted: it may be a set of one's own under the official name.
            os.replace(path, path.with_name(path.name + ".damaged"))
    except OSError as error:
        raise DataError(
            f"{path} cannot be written: {error.strerror}; set {FOLDER_VARIABLE} to a folder "
            "that can"
        ) from error


def _download(report: FileReport, progress: bool) -> None:
    """Download one file from the first mirror that has the official one."""
    import pooch  # slow to import, and most runs download nothing

    path, expected = report.path, report.expected
    failures = []
    for url in expected.urls:
        bar = _Progress(path.name) if progress else False
        try:
            with _quiet(pooch.get_logger()):
                pooch.retrieve(
                    url,
                    known_hash=expected.checksum,
                    fname=path.name,
                    path=path.parent,
                    downloader=pooch.HTTPDownloader(progressbar=bar, chunk_size=_CHUNK_BYTES),
                )
            path.chmod(0o644)  # the temporary file that it was is its owner's alone
            return
        except (OSError, ValueError) as error:  # those of requests are OSErrors
            failures.append(f"  {url}: {error}")
    raise DataError(
        f"{path} could not be downloaded:\n"
        + "\n".join(failures)
        + f"\ntry again, or put a file of {expected.checksum} there by hand"
    )


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """Keep pooch from announcing each file; what matters is in the result or the error."""
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


class _Progress:
    """A line on standard error, with the methods that pooch asks of a progress bar."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.total = 0
        self.done = 0
        self.shown = ""

    def update(self, size: int) -> None:
        """Count bytes, and redraw where the line would read differently."""
        self.done += size
        received = min(self.done, self.total or self.done) / 1e6
        line = f"{self.label}: {received:.1f} of {self.total / 1e6:.1f} MB"
        if line != self.shown:
            sys.stderr.write(f"\r{line}")
            sys.stderr.flush()
            self.shown = line

    def reset(self) -> None:
        """Start counting again; pooch does so before it reports the whole."""
        self.done = 0

    def close(self) -> None:
        """End the line."""
        sys.stderr.write("\n")
