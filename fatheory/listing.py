"""What tab completion offers: public names, without the modules that they stand in."""

import sys
from collections.abc import Callable
from types import ModuleType


def public_names(module: str) -> Callable[[], list[str]]:
    """Return the ``__dir__`` of a package whose modules are its own affair.

    Parameters
    ----------
    module : str
        Its ``__name__``.

    Examples
    --------
    >>> __dir__ = public_names(__name__)
    """

    def names() -> list[str]:
        inside = vars(sys.modules[module])
        return sorted(
            name
            for name, value in inside.items()
            if not name.startswith("_") and not isinstance(value, ModuleType)
        )

    return names
