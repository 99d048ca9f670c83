"""The image sets on which a table can be computed here."""

from typing import Any

from fatheory.errors import DataError
from fatheory.experiment import ImageTask
from fatheory.tasks.images import status

_CIFAR_10_OF_JPEG_FILES = "folder/cifar-10/cifar-10-jpg.tar.gz"


def image_sets_at_hand(*names: str, **settings: Any) -> dict[str, ImageTask]:
    """Return tasks on the image sets, of those asked for, whose files are there.

    Where the official files of CIFAR-10 are missing and the same pictures lie there as JPEG files
    by class, those stand in for it, under a title that says so: their pixels differ by some grey
    levels.

    Parameters
    ----------
    *names : str
        Image sets in the order wanted.
    **settings
        Further fields of the tasks.

    Returns
    -------
    dict
        From an image set's title to the task.

    Raises
    ------
    DataError
        If none is there.
    """
    states = {row.entry.name: row for row in status()}
    found = {}
    for name in names:
        row = states[name]
        if row.state in ("complete", "generated"):
            found[row.entry.title] = ImageTask(dataset=name, **settings)
        elif name == "cifar-10" and (row.folder / "cifar-10-jpg.tar.gz").is_file():
            found["CIFAR-10 (JPEG)"] = ImageTask(dataset=_CIFAR_10_OF_JPEG_FILES, **settings)
    if not found:
        raise DataError(
            f"none of the image sets {', '.join(names)} is at hand; `fatheory data fetch "
            f"{names[0]}` gets the first"
        )
    return found
