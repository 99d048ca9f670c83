"""Compiled programs kept on disk, so that the next process need not compile them again.

XLA takes most of the first seconds of a run. JAX can keep what it compiled, but only where it is
told to, and it writes its files in place: a process that is killed meanwhile, or a full disk,
leaves an entry that no later process can read and none replaces. `KeptPrograms` writes whole
entries or none, and checks what it reads.
"""

import contextlib
import functools
import os
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import jax

from fatheory.checks import require_kind
from fatheory.train.kept_programs import KeptPrograms

# JAX has no public face for a cache of another kind. Where a later version has other names, its
# programs are compiled anew in every process, as JAX does by itself.
try:
    from jax._src import compilation_cache as _jax_cache
    from jax._src import config as _config

    _KNOWN = all(
        hasattr(where, name)
        for where, name in (
            (_jax_cache, "_cache"),
            (_jax_cache, "_cache_initialized"),
            (_jax_cache, "reset_cache"),
            (_config, "persistent_cache_min_compile_time_secs"),
            (_config, "persistent_cache_min_entry_size_bytes"),
        )
    )
except ImportError:
    _KNOWN = False

SWITCH = "FATHEORY_COMPILATION_CACHE"
"""The environment variable: ``off``, ``on`` or a folder."""

_store: ContextVar[KeptPrograms | None] = ContextVar("_store", default=None)
"""Where programs are kept that are compiled now, in this thread."""
_lock = threading.Lock()
_chosen: str | None = None


def set_compilation_cache(where: str | os.PathLike[str] | None) -> None:
    """Choose where compiled programs are kept; the next run goes by it.

    By default they are in the user's cache folder, and programs of `fatheory` alone: what else the
    process compiles with JAX is neither read from there nor kept. The environment variable
    ``FATHEORY_COMPILATION_CACHE`` says the same, for processes that cannot call a function. A cache
    that was set up in JAX itself (``JAX_COMPILATION_CACHE_DIR``) is used as it is, and this one is
    not. Numbers do not depend on it: what is read back is the same machine code.

    Parameters
    ----------
    where : path, "on", "off" or None
        A folder; the user's cache folder; nowhere; or what the environment variable says. Folders
        are trusted, as code is run from them: take none that others can write to.

    Raises
    ------
    WrongKindError
        If it is something else.

    Examples
    --------
    >>> import fatheory as fa
    >>> fa.set_compilation_cache("off")
    >>> fa.set_compilation_cache(None)
    """
    global _chosen
    if where is not None:
        require_kind("where", where, (str, os.PathLike), "a folder, 'on' or 'off'")
    _chosen = None if where is None else os.fspath(where)


def compilation_cache_folder() -> Path | None:
    """Return where compiled programs are kept, or None for nowhere.

    Below it there is one folder for each version of JAX and kind of machine.

    Returns
    -------
    Path or None
        The folder, which need not be there yet.
    """
    said = _chosen if _chosen is not None else os.environ.get(SWITCH, "")
    if said.lower() in ("off", "0", "false", "no"):
        return None
    if said.lower() not in ("", "on", "1", "true", "yes"):
        return Path(said).expanduser().absolute()
    import platformdirs  # not needed by those who choose

    return platformdirs.user_cache_path("fatheory") / "compiled"


@contextlib.contextmanager
def compiled_once() -> Iterator[None]:
    """Take what is compiled in here from where earlier programs are kept, and keep new ones."""
    # Asked every time: a cache may be set up in JAX, or chosen here, at any time.
    users = getattr(jax.config, "jax_compilation_cache_dir", None)
    folder = None if users else compilation_cache_folder()
    if not _installed(wanted=folder is not None):
        yield
        return
    assert folder is not None
    token = _store.set(_store_of(folder))
    try:
        # JAX keeps by default only what took a second: a run of milliseconds is made of less.
        with (
            _config.persistent_cache_min_compile_time_secs(0.0),
            _config.persistent_cache_min_entry_size_bytes(-1),
        ):
            yield
    finally:
        _store.reset(token)


@functools.cache
def _store_of(folder: Path) -> KeptPrograms:
    # One for each folder, as each gives its warning once.
    return KeptPrograms(folder)


class _Door:
    """What JAX asks for programs, in the place of its own files."""

    _path = "the folder of fatheory"  # for JAX's log

    def get(self, key: str) -> bytes | None:
        store = _store.get()
        return None if store is None else store.get(key)

    def put(self, key: str, value: bytes) -> None:
        store = _store.get()
        if store is not None:
            store.put(key, value)


_DOOR: Any = _Door()  # as JAX's own class for caches has no public name


def _installed(*, wanted: bool) -> bool:
    """Let JAX ask us, or let it alone, and return whether it asks us."""
    if not _KNOWN:
        return False
    with _lock:
        there = _jax_cache._cache
        if not wanted:
            if there is _DOOR:
                _jax_cache.reset_cache()
            return False
        if there is None:
            _jax_cache._cache, _jax_cache._cache_initialized = _DOOR, True
        return _jax_cache._cache is _DOOR
