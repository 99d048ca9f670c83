"""A folder of compiled programs that several processes read and write, and may die over."""

import contextlib
import functools
import hashlib
import os
import platform
import re
import stat
import tempfile
import time
import warnings
from importlib.metadata import version
from pathlib import Path

from fatheory.errors import CompilationCacheWarning

MOST_BYTES = 2**30
"""What is kept in a folder, of all versions together; what was not used for longest goes first."""
_HEAD = b"fatheory program 1\n"
_DIGEST = hashlib.sha256
_SUFFIX = ".program"
_UNFINISHED = ".unfinished"
_HOUR = 3600.0


class KeptPrograms:
    """Programs by JAX's keys, in the folder of this version of JAX and this kind of processor.

    Every entry carries a checksum and is written under another name first, so that what a killed
    process or a full disk leaves is never taken for a program. What cannot be read is compiled
    anew, and what cannot be written is not kept, with one warning.

    Parameters
    ----------
    root : Path
        The folder that versions share.
    """

    def __init__(self, root: Path) -> None:
        self._root, self._folder = root, root / version_name()
        self._in_use = True
        self._pruned = False

    def get(self, key: str) -> bytes | None:
        """Return a program, or None where there is none that can be read."""
        path = self._path(key)
        if not self._in_use:
            return None
        try:
            with path.open("rb") as file:
                content = file.read()
                last = os.fstat(file.fileno()).st_mtime
        except FileNotFoundError:
            return None
        except OSError as error:
            self._give_up(error.strerror or str(error))
            return None
        if not self._is_trusted():
            return None
        program = content[len(_HEAD) + _DIGEST().digest_size :]
        if not program or content != _sealed(program):
            # Damaged, or cut by a crash of the machine: the one that is compiled now replaces it.
            return None
        if time.time() - last > _HOUR:
            # Most file systems do not keep when a file was read.
            with contextlib.suppress(OSError):
                os.utime(path)
        return program

    def put(self, key: str, program: bytes) -> None:
        """Keep a program, in the place of what may be there."""
        if not self._in_use:
            return
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self._is_trusted():
                return
            self._write(self._path(key), _sealed(program))
            if not self._pruned:
                # Once a process: reading the folder takes longer than a small program's compiling.
                self._pruned = True
                prune(self._root)
        except OSError as error:
            self._give_up(error.strerror or str(error))

    def _path(self, key: str) -> Path:
        # Keys are of JAX's making: a name and a digest. No other key may lead elsewhere.
        plain = re.fullmatch(r"[\w.-]{1,200}", key) and not key.startswith(".")
        return self._folder / ((key if plain else _DIGEST(key.encode()).hexdigest()) + _SUFFIX)

    def _write(self, path: Path, content: bytes) -> None:
        descriptor, name = tempfile.mkstemp(suffix=_UNFINISHED, dir=self._folder)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            # Not synchronised: what a power cut leaves has another checksum.
            os.replace(name, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise

    def _is_trusted(self) -> bool:
        """Whether nobody else can put programs there, which would run as this user."""
        if os.name != "posix" or not self._in_use:
            return self._in_use
        found = self._folder.stat()
        if found.st_mode & stat.S_IWOTH or found.st_uid not in (os.geteuid(), 0):
            self._give_up("other users can write there, and programs of others are not run")
        return self._in_use

    def _give_up(self, why: str) -> None:
        """Neither read nor write from now on, and say so."""
        self._in_use = False
        warnings.warn(
            f"compiled programs cannot be kept in {str(self._folder)!r}: {why}; numbers are the "
            f"same, but every process compiles anew. Set FATHEORY_COMPILATION_CACHE to another "
            f"folder, or to off",
            CompilationCacheWarning,
            stacklevel=2,
        )


def _sealed(program: bytes) -> bytes:
    return _HEAD + _DIGEST(program).digest() + program


@functools.cache
def version_name() -> str:
    """Return a folder's name for what programs depend on beside what is in JAX's own keys.

    Machine code of one processor may not run on another, as where a home lies on a network.
    """
    features = platform.processor()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        features = next((a for a in lines if a.lower().startswith(("flags", "features"))), features)
    digest = _DIGEST(features.encode()).hexdigest()[:8]
    return f"jax-{version('jax')}-jaxlib-{version('jaxlib')}-{platform.machine()}-{digest}"


def prune(root: Path, most_bytes: int = MOST_BYTES) -> None:
    """Remove what was not used for longest until the rest is small enough.

    Parameters
    ----------
    root : Path
        The folder that versions share. Files that are no programs are not touched.
    most_bytes : int
        How many bytes may stay.
    """
    now, found = time.time(), []
    for path in root.glob("jax-*/*"):
        # Another process may remove it at the same time.
        with contextlib.suppress(OSError):
            there = path.stat()
            if path.name.endswith(_UNFINISHED) and now - there.st_mtime > _HOUR:
                path.unlink()
            elif path.suffix == _SUFFIX:
                found.append((there.st_mtime, there.st_size, path))
    total = 0
    for _, size, path in sorted(found, reverse=True):
        total += size
        if total > most_bytes:
            with contextlib.suppress(OSError):
                path.unlink()
