"""Names that come out of files: of something inside a folder, or refused before it is touched.

Whoever made an archive, a tar file or a description chose the names in it. Joined to a folder, a
name may lead out of it, on this system or on the one to which the files are copied next.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable

_LONGEST, _LONGEST_PART = 1024, 255


def why_outside(name: object) -> str:
    """Say why something is not the name of a file inside a folder.

    Allowed are relative paths with single slashes, of parts that are no dots, up to 255 bytes
    each and 1,024 characters together, without control characters, backslashes and letters of
    drives; nor may Unicode's compatibility form, to which some file systems fold names, be another
    path.

    Parameters
    ----------
    name : object
        What a file gives as a name.

    Returns
    -------
    str
        The reason, as the end of a sentence; empty if the name is allowed.

    Examples
    --------
    >>> why_outside("loss/c.0.0.1")
    ''
    >>> why_outside("../victim")
    'leads out of the folder, or is not in its shortest form'
    """
    if not isinstance(name, str) or not name:
        return "is no name"
    if len(name) > _LONGEST or any(
        len(part.encode(errors="replace")) > _LONGEST_PART for part in name.split("/")
    ):
        return "is too long"
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        return "holds control characters"
    # Fullwidth stops and slashes, and the like, become dots and slashes.
    for form in (name, unicodedata.normalize("NFKC", name)):
        if "\\" in form or form[1:2] == ":":
            return "is a path of another system"
        # Of dots and blanks alone some systems make the folder above.
        if any(not part.strip(". ") for part in form.split("/")):
            return "leads out of the folder, or is not in its shortest form"
        if form.count("/") != name.count("/"):
            return "looks like another path"
    return ""


def folded(name: str) -> str:
    """Return the form in which names meet on file systems that fold case or compose accents."""
    return unicodedata.normalize("NFKC", name).casefold()


def clashing(names: Iterable[str]) -> list[str]:
    """List the names that some file systems would take for one another."""
    listed = list(names)
    counts = Counter(map(folded, listed))
    return [name for name in listed if counts[folded(name)] > 1]
