"""What this machine has for us: how many cores, how much free memory; and sizes in words."""

import os
from pathlib import Path

_MEMORY_INFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")
_UNITS = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def size_text(size: float) -> str:
    """Write a number of bytes in the unit that fits: ``"512 bytes"``, ``"3.20 MB"``.

    In one unit for all, a small size would read as nothing.
    """
    for unit, name in _UNITS:
        if abs(size) >= unit:
            return f"{size / unit:.2f} {name}"
    return f"{size:.0f} bytes"


def usable_cores() -> int:
    """Count the cores that this process may use, where the system says so, or all."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def free_memory() -> int | None:
    """Return the bytes of memory that are free for this process; None where nobody tells."""
    known = [size for size in (_free_of_machine(), _free_of_group()) if size is not None]
    return min(known, default=None)


def _free_of_machine() -> int | None:
    try:
        lines = _MEMORY_INFO.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    free = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return 1024 * int(free[0]) if free else None


def _free_of_group() -> int | None:
    """Return what a container's limit leaves, where there is one (cgroup version 2)."""
    try:
        limit = (_CGROUP / "memory.max").read_text(encoding="ascii").strip()
        used = (_CGROUP / "memory.current").read_text(encoding="ascii").strip()
    except OSError:
        return None
    return int(limit) - int(used) if limit.isdigit() and used.isdigit() else None
