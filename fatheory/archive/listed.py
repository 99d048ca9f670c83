"""A Zarr store of which only listed files exist."""

from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path
from typing import Any

from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import LocalStore, WrapperStore


class ListedStore(WrapperStore[LocalStore]):
    """The files of a folder that a list names, read only.

    What a writer has begun and not yet committed lies in the same folder and is not seen. Files
    whose content is given are read from there instead.

    Parameters
    ----------
    store : LocalStore
        The folder.
    files : iterable of str
        Paths relative to it.
    given : mapping of str to bytes
        Content by path.
    """

    def __init__(
        self, store: LocalStore, files: Iterable[str], given: Mapping[str, bytes] | None = None
    ) -> None:
        super().__init__(store)
        self._given = dict(given or {})
        self._files = frozenset(files) | set(self._given)
        self._folders: dict[str, set[str]] = {}
        for path in self._files:
            parts = path.split("/")
            for depth, name in enumerate(parts):
                self._folders.setdefault("/".join(parts[:depth]), set()).add(name)

    @classmethod
    def of(
        cls, folder: Path, files: Iterable[str], given: Mapping[str, bytes] | None = None
    ) -> "ListedStore":
        """Return the store of a folder."""
        return cls(LocalStore(folder, read_only=True), files, given)

    def _with_store(self, store: LocalStore) -> "ListedStore":
        return type(self)(store, self._files, self._given)

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: Any = None
    ) -> Buffer | None:
        """Return the content of a listed file; nothing of any other."""
        if key not in self._files:
            return None
        if key in self._given and byte_range is None:
            return prototype.buffer.from_bytes(self._given[key])
        return await super().get(key, prototype, byte_range)

    async def exists(self, key: str) -> bool:
        """Whether a file is listed."""
        return key in self._files

    async def list(self) -> AsyncIterator[str]:
        """List all files."""
        for path in sorted(self._files):
            yield path

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """List the files whose path begins so."""
        for path in sorted(self._files):
            if path.startswith(prefix):
                yield path

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """List what lies in a folder."""
        for name in sorted(self._folders.get(prefix.rstrip("/"), ())):
            yield name
