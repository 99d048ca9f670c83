"""What stands at a place where an archive is to go."""

from pathlib import Path

from fatheory.archive import journal, manifest, replacement
from fatheory.errors import ArchiveError, ArchiveWriteError


def is_archive(folder: Path) -> bool:
    """Whether `folder` is an archive, whole or growing, be the rest as it may."""
    return manifest.has_manifest(folder) or journal.is_growing(folder)


def refuse_inside_archive(target: Path) -> None:
    """Refuse a place inside an archive, which a further file would spoil.

    Raises
    ------
    ArchiveWriteError
        Naming the archive.
    """
    for parent in target.parents:
        if is_archive(parent):
            raise ArchiveWriteError(
                f"{target} lies inside the archive {parent}; choose a place outside"
            )


def check_free(target: Path, overwrite: bool) -> None:
    """Refuse a place that is taken; finish what a writer killed there had begun.

    Raises
    ------
    ArchiveWriteError
        If something stands there that would not be replaced.
    """
    refuse_foreign(replacement.set_aside(target))
    refuse_foreign(target)
    replacement.recover(target)
    if target.exists() and not overwrite:
        raise ArchiveWriteError(
            f"an archive stands at {target}; pass overwrite=True (on the command line "
            f"--overwrite) to replace it"
        )


def refuse_foreign(path: Path) -> None:
    """Refuse to replace what is not, file by file, an archive of ours.

    Raises
    ------
    ArchiveWriteError
        Naming what is there.
    """
    if not path.exists():
        return
    try:
        if journal.is_growing(path):
            extra = journal.foreign_names(path)
        else:
            extra = manifest.unexpected_files(path, manifest.read_manifest(path))
    except ArchiveError as error:
        raise ArchiveWriteError(
            f"{path} exists and is no intact archive of fatheory, so it is not replaced; move it "
            f"away or choose another path ({error})"
        ) from error
    if extra:
        raise ArchiveWriteError(
            f"{path} holds files that are not part of the archive, so it is not replaced; move "
            f"them away: {', '.join(extra[:5])}"
        )
